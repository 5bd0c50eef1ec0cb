// SPDX-License-Identifier: Apache-2.0
// Conformance programs: one root task that checks the ABI document section by section, on any kernel that has that ABI.
#include "test/abi/check.hpp"
#include "test/abi/console.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/initial.hpp"
#include "test/abi/puppet.hpp"

namespace {

abi::IpcBuffer* the_ipc_buffer;

} // namespace

abi::IpcBuffer& user::ipc_buffer() { return *the_ipc_buffer; }

extern "C" [[noreturn]] void start() {
    auto const& info = *reinterpret_cast<abi::BootInfo const*>(initial_registers.rdi);
    the_ipc_buffer = reinterpret_cast<abi::IpcBuffer*>(info.ipc_buffer);
    begin_world(info);
    open_console();
    check_initial_thread(); // before its priority changes
    check_boot_info();
    must("the main thread's priority", invoke(initial_tcb, Label::tcb_set_priority, {main_priority}, {initial_tcb}));
    check_registers();
    check_special_calls();
    check_lookup();
    check_send_steps();
    check_rights();
    check_retype();
    check_tcb_errors();
    check_tcb_effects();
    check_cnode_errors();
    check_irq();
    check_io_port();
    check_paging();
    check_pages();
    check_asid();
    check_ipc();
    check_transfer();
    check_reply();
    check_notifications();
    check_wake_ups();
    check_ready_queues();
    check_threads();
    check_faults();
    check_fault_replies();
    check_derivation();
    check_deletion();
    check_random();
    print_score();
    for (;;) invoke(initial_tcb, Label::tcb_suspend);
}
