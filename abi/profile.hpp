// SPDX-License-Identifier: Apache-2.0
// The numbers of the seL4 API, reference profile (classic, x86-64, one core): ABI sections 1.5, 4.1, 4.8, 4.9, 5.6, 6.1, 9.2.
// Extensions of ours are numbered far above every seL4 profile's last number, so they never collide.
#pragma once

#include "base/types.hpp"

namespace abi {

enum class Label : u64 { // ABI 1.5, column Base
    invalid_invocation,
    untyped_retype,
    tcb_read_registers,
    tcb_write_registers,
    tcb_copy_registers,
    tcb_configure,
    tcb_set_priority,
    tcb_set_mc_priority,
    tcb_set_sched_params,
    tcb_set_ipc_buffer,
    tcb_set_space,
    tcb_suspend,
    tcb_resume,
    tcb_bind_notification,
    tcb_unbind_notification,
    tcb_set_tls_base,
    tcb_set_flags,
    cnode_revoke,
    cnode_delete,
    cnode_cancel_badged_sends,
    cnode_copy,
    cnode_mint,
    cnode_move,
    cnode_mutate,
    cnode_rotate,
    cnode_save_caller,
    irq_issue_irq_handler,
    irq_ack_irq,
    irq_set_irq_handler,
    irq_clear_irq_handler,
    domain_set_set,
    domain_schedule_configure,
    domain_schedule_set_start,
    x86_pdpt_map,
    x86_pdpt_unmap,
    x86_page_directory_map,
    x86_page_directory_unmap,
    x86_page_table_map,
    x86_page_table_unmap,
    x86_page_map,
    x86_page_unmap,
    x86_page_get_address,
    x86_asid_control_make_pool,
    x86_asid_pool_assign,
    x86_io_port_control_issue,
    x86_io_port_in8,
    x86_io_port_in16,
    x86_io_port_in32,
    x86_io_port_out8,
    x86_io_port_out16,
    x86_io_port_out32,
    x86_irq_issue_irq_handler_io_apic,
    x86_irq_issue_irq_handler_msi,

    // Extension 1, virtual CPUs: meaning and arguments as in ABI 7.11 and 7.12 (VTX, 64-bit guests), numbers ours.
    tcb_set_ept_root = 0x1000,
    vcpu_set_tcb,
    vcpu_read_vmcs,
    vcpu_write_vmcs,
    vcpu_enable_io_port,
    vcpu_disable_io_port,
    vcpu_write_registers,
    vcpu_read_msr,
    vcpu_write_msr,
    ept_pdpt_map,
    ept_pdpt_unmap,
    ept_pd_map,
    ept_pd_unmap,
    ept_pt_map,
    ept_pt_unmap,
    x86_page_map_ept,
    // Extension 2, upcalls: abi/upcall.hpp.
    tcb_set_upcall = 0x1100,
};

enum class ObjectType : u64 { // ABI 6.1
    untyped,
    tcb,
    endpoint,
    notification,
    cnode,
    pdpt,
    pml4,
    huge_page,  // 1 GiB
    small_page, // 4 KiB
    large_page, // 2 MiB
    page_table,
    page_directory,
    count, // of the reference profile's types

    vcpu = 0x1000, // extension 1
    ept_pml4,
    ept_pdpt,
    ept_pd,
    ept_pt,
};

enum class Syscall : i64 { // ABI 4.1, the number in rdx
    call = -1,
    reply_recv = -2,
    send = -3,
    nb_send = -4,
    recv = -5,
    reply = -6,
    yield = -7,
    nb_recv = -8,
    debug_put_char = -9,
    debug_dump_scheduler = -10,
    debug_halt = -11,
    debug_cap_identify = -12,
    debug_snapshot = -13,
    debug_name_thread = -14,
    vm_enter = -29, // only for a thread that has a Vcpu; otherwise an unknown system call
    set_tls_base = -30,
};

enum class Error : u64 { // ABI 4.8
    none,
    invalid_argument,
    invalid_capability,
    illegal_operation,
    range_error,
    alignment_error,
    failed_lookup,
    truncated_message,
    delete_first,
    revoke_first,
    not_enough_memory,
};

enum class LookupFailureType : u64 { // ABI 4.9
    none,
    invalid_root,
    missing_capability,
    depth_mismatch,
    guard_mismatch,
};

enum class FaultLabel : u64 { // ABI 9.2
    null,
    cap_fault,
    unknown_syscall,
    user_exception,
    debug_exception,
    vm_fault,
};

enum class CapType : u8 { // ABI 5.6, as DebugCapIdentify reports them
    null = 0,
    frame = 1,
    untyped = 2,
    page_table = 3,
    endpoint = 4,
    page_directory = 5,
    notification = 6,
    pdpt = 7,
    reply = 8,
    pml4 = 9,
    cnode = 10,
    asid_control = 11,
    tcb = 12,
    asid_pool = 13,
    irq_control = 14,
    irq_handler = 16,
    zombie = 18,
    io_port = 19,
    domain = 20,
    vcpu = 21,
    ept_pt = 23,
    ept_pd = 25,
    ept_pdpt = 27,
    ept_pml4 = 29,
    io_port_control = 31,
};

// Sizes of objects as powers of two in bytes, ABI 6.1.
namespace size_bits {
inline constexpr unsigned slot = 5;
inline constexpr unsigned tcb = 11;
inline constexpr unsigned endpoint = 4;
inline constexpr unsigned notification = 5;
inline constexpr unsigned small_page = 12;
inline constexpr unsigned large_page = 21;
inline constexpr unsigned huge_page = 30;
inline constexpr unsigned page_table = 12; // every level of either hierarchy
inline constexpr unsigned asid_pool = 12;
inline constexpr unsigned vcpu = 14;
inline constexpr unsigned min_untyped = 4;
inline constexpr unsigned max_untyped = 47;
} // namespace size_bits

inline constexpr unsigned priorities = 256;
inline constexpr unsigned domains = 1;
inline constexpr unsigned domain_schedules = 2;
inline constexpr unsigned time_slice_ticks = 5;
inline constexpr unsigned tick_milliseconds = 2;
inline constexpr u64 retype_fan_out_limit = 256;
inline constexpr unsigned work_units_per_preemption = 100;
inline constexpr unsigned reset_chunk_bits = 8;
inline constexpr unsigned asid_pools = 8;
inline constexpr unsigned asids_per_pool = 512;
inline constexpr unsigned max_irq_vector = 107; // abstract; the CPU's vector is this + 0x30 (ABI 7.4)
inline constexpr unsigned root_cnode_radix = 13;
inline constexpr u64 user_top = 0x00007fffffffffff; // ABI 2.4: the kernel's own limit in its mapping checks

// The VM attributes word of page and table maps, ABI 5.5.
namespace attribute {
using WriteThrough = Bits<0>;
using CacheDisable = Bits<1>;
using Pat = Bits<2>;
using ExecuteNever = Bits<16>; // ours: the page's instructions cannot be executed from user mode
} // namespace attribute

// The rights word, ABI 5.1.
namespace right {
inline constexpr u64 write = 1;
inline constexpr u64 read = 2;
inline constexpr u64 grant = 4;
inline constexpr u64 grant_reply = 8;
inline constexpr u64 all = 15;
} // namespace right

} // namespace abi
