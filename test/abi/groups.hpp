// SPDX-License-Identifier: Apache-2.0
// The groups of checks, by the sections of the ABI document.
#pragma once

void check_initial_thread(); // 2.5
void check_boot_info();      // 2.4, 3
void check_registers();      // 4.2, 4.4, 4.5
void check_special_calls();  // 1.3, 4.1, 4.6, 4.7
void check_lookup();         // 4.9, 4.10
void check_send_steps();     // 4.3, 4.11
void check_rights();         // 5, 7.3
void check_retype();         // 6
void check_tcb_errors();     // 7.1
void check_tcb_effects();    // 7.1
void check_cnode_errors();   // 7.2
void check_irq();            // 7.4
void check_io_port();        // 7.9, 7.5
void check_paging();         // 7.6
void check_pages();          // 7.7
void check_asid();           // 7.8
void check_ipc();            // 8.1 to 8.3
void check_transfer();       // 8.4
void check_reply();          // 8.5 to 8.7
void check_notifications();  // 8.8
void check_wake_ups();       // 8.10
void check_ready_queues();   // 8.9, 8.10
void check_threads();        // 4.2, 4.11, 8.10, 10.4
void check_faults();         // 9.1, 9.2
void check_fault_replies();  // 9.3
void check_derivation();     // 10.1 to 10.3
void check_deletion();       // 10.4, 10.5, 11
void check_random();         // all of it
