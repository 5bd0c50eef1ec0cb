// SPDX-License-Identifier: Apache-2.0
// Where things are in the guest's physical memory.
//
//   0x0000_0000  page 0: empty (the kernel looks for firmware data there and finds none)
//   0x0000_6000  GDT for the 64-bit entry          ┐
//   0x0000_7000  boot_params                       │ low RAM, free again once the guest has booted
//   0x0000_9000  page tables for the 64-bit entry  │
//   0x0002_0000  command line                      ┘
//   0x000a_0000  (no video memory)                 ┐ RAM, but reserved in E820
//   0x000e_0000  ACPI tables                       │
//   0x000f_0000  MP tables                         │
//   0x000f_fff0  where the processor starts: a reset ┘
//   0x0010_0000  RAM: kernel where its header prefers to be (16 MiB), initramfs at the very top
//   0xfec0_0000  I/O APIC
//   0xfee0_0000  local APIC, in xAPIC mode
#pragma once

#include "base/types.hpp"

namespace vmm {

inline constexpr u64 mebibyte = u64{1} << 20;

inline constexpr GuestPhys vector_stub_at{0x500};
inline constexpr GuestPhys gdt_at{0x6000};
inline constexpr GuestPhys boot_params_at{0x7000};
inline constexpr GuestPhys boot_sector_at{0x7c00};
inline constexpr GuestPhys page_tables_at{0x9000}; // PML4, PDPT, 4 directories
inline constexpr GuestPhys command_line_at{0x20000};
// Bytes with the terminating NUL; the kernel's header may allow less.
inline constexpr u64 max_command_line = 0x10000;
inline constexpr GuestPhys low_ram_end{0xa0000};
inline constexpr GuestPhys acpi_at{0xe0000};
inline constexpr u64 max_acpi_size = 0x10000;
inline constexpr GuestPhys mp_at{0xf0000};
inline constexpr GuestPhys reset_vector_at{0xffff0};
inline constexpr GuestPhys high_ram{0x100000};
inline constexpr GuestPhys io_apic_at{0xfec00000};
inline constexpr GuestPhys local_apic_at{0xfee00000};

inline constexpr u64 min_guest_memory = 32 * mebibyte;
inline constexpr u64 max_guest_memory = 3072 * mebibyte; // one piece of RAM, below the devices

// The machine's I/O ports and interrupts.
inline constexpr u16 com1_port = 0x3f8; // eight ports
inline constexpr u8 com1_interrupt = 4;
inline constexpr u16 timer_counter_port = 0x42; // of channel 2
inline constexpr u16 timer_control_port = 0x43;
inline constexpr u16 timer_gate_port = 0x61;
inline constexpr u16 sleep_control_port =
    0x600; // ACPI hardware-reduced sleep registers, 5.0 section 4.8.3.7
inline constexpr u16 sleep_status_port = 0x601;
inline constexpr u16 reset_port = 0x602;
// A 32-bit number written here makes the monitor report, with that number: a guest program that
// measures itself.
inline constexpr u16 mark_port = 0x5f0;
inline constexpr u8 reset_value = 0x01;
inline constexpr u8 sleep_type_off = 5; // what \_S5 says

} // namespace vmm
