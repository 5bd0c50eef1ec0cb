// SPDX-License-Identifier: Apache-2.0
// The numbers that all classic (non-MCS) profiles share: ABI sections 4.1, 5.6, 6.1, 9.2.
#pragma once

#include "base/types.hpp"

namespace abi::classic {

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

// Numbers that seL4 gives to options which no profile of ours has. To the kernel they are unknown system calls; nothing of ours
// may take them.
enum class ReservedSyscall : i64 { // ABI 4.1
    debug_send_ipi = -15,
    debug_get_thread_affinity = -16,
    debug_run = -17,
    benchmark_flush_caches = -18,
    benchmark_reset_log = -19,
    benchmark_finalize_log = -20,
    benchmark_set_log_buffer = -21,
    benchmark_null_syscall = -22,
    benchmark_get_thread_utilisation = -23,
    benchmark_reset_thread_utilisation = -24,
    benchmark_dump_all_threads_utilisation = -25,
    benchmark_reset_all_threads_utilisation = -26,
    x86_dangerous_wrmsr = -27,
    x86_dangerous_rdmsr = -28,
};

enum class FaultLabel : u64 { // ABI 9.2
    null,
    cap_fault,
    unknown_syscall,
    user_exception,
    debug_exception,
    vm_fault,

    trap32 = 0x1000, // extension 3, abi/thread32.hpp
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

} // namespace abi::classic
