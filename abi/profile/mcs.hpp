// SPDX-License-Identifier: Apache-2.0
// The numbers of the MCS API, column MCS of ABI 1.5 and ABI 12. Only numbers: no kernel of ours has this API, so the build does not
// offer it as a profile.
#pragma once

#include "base/types.hpp"

namespace abi::mcs {

enum class Label : u64 { // ABI 1.5, column MCS
    invalid_invocation,
    untyped_retype,
    tcb_read_registers,
    tcb_write_registers,
    tcb_copy_registers,
    tcb_configure,
    tcb_set_priority,
    tcb_set_mc_priority,
    tcb_set_sched_params,
    tcb_set_timeout_endpoint,
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
    irq_issue_irq_handler,
    irq_ack_irq,
    irq_set_irq_handler,
    irq_clear_irq_handler,
    domain_set_set,
    domain_schedule_configure,
    domain_schedule_set_start,
    sched_control_configure_flags,
    sched_context_bind,
    sched_context_unbind,
    sched_context_unbind_object,
    sched_context_consumed,
    sched_context_yield_to,
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
};

enum class ObjectType : u64 { // ABI 12.2
    untyped,
    tcb,
    endpoint,
    notification,
    cnode,
    sched_context,
    reply,
    pdpt,
    pml4,
    huge_page,  // 1 GiB
    small_page, // 4 KiB
    large_page, // 2 MiB
    page_table,
    page_directory,
    count,
};

enum class Syscall : i64 { // ABI 12.1, the number in rdx
    call = -1,
    reply_recv = -2,
    nb_send_recv = -3,
    nb_send_wait = -4,
    send = -5,
    nb_send = -6,
    recv = -7,
    nb_recv = -8,
    wait = -9,
    nb_wait = -10,
    yield = -11,
    debug_put_char = -12,
    debug_dump_scheduler = -13,
    debug_halt = -14,
    debug_cap_identify = -15,
    debug_snapshot = -16,
    debug_name_thread = -17,
    debug_send_ipi = -18,
    debug_get_thread_affinity = -19,
    debug_run = -20,
    benchmark_flush_caches = -21,
    benchmark_reset_log = -22,
    benchmark_finalize_log = -23,
    benchmark_set_log_buffer = -24,
    benchmark_null_syscall = -25,
    benchmark_get_thread_utilisation = -26,
    benchmark_reset_thread_utilisation = -27,
    benchmark_dump_all_threads_utilisation = -28,
    benchmark_reset_all_threads_utilisation = -29,
    x86_dangerous_wrmsr = -30,
    x86_dangerous_rdmsr = -31,
    vm_enter = -32,
    set_tls_base = -33,
};

enum class FaultLabel : u64 { // ABI 12.6
    null,
    cap_fault,
    unknown_syscall,
    user_exception,
    debug_exception,
    timeout,
    vm_fault,

    trap32 = 0x1000, // extension 3, abi/thread32.hpp
};

// Sizes of objects as powers of two in bytes, where they are not as in the classic API: ABI 12.2.
namespace size_bits {
inline constexpr unsigned notification = 6;
inline constexpr unsigned min_sched_context = 7;
inline constexpr unsigned reply = 5;
} // namespace size_bits

} // namespace abi::mcs
