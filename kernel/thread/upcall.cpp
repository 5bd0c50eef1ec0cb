// SPDX-License-Identifier: Apache-2.0
#include "kernel/thread/upcall.hpp"

namespace {

u64 cause_bit(abi::UpcallCause cause) {
    switch (cause) {
    case abi::UpcallCause::system_call: return abi::upcall_causes::system_call;
    case abi::UpcallCause::exception:
    case abi::UpcallCause::page_fault: return abi::upcall_causes::exception;
    case abi::UpcallCause::time_slice: return abi::upcall_causes::time_slice;
    case abi::UpcallCause::none: break;
    }
    return 0;
}

} // namespace

bool start_upcall(Tcb& thread, abi::UpcallCause cause, u64 vector, u64 error_code, u64 address) {
    Tcb::Upcall const& upcall = thread.upcall;
    if (!upcall.entry || !(upcall.causes & cause_bit(cause))) return false;
    u64 const rip = thread.context.next_ip;
    // A SYSCALL at the very end of the range returns behind it: what counts is where the instruction stands.
    u64 const at = cause == abi::UpcallCause::system_call ? rip - 2 : rip;
    if (at >= upcall.range_start && at < upcall.range_end) return false;
    abi::UpcallBlock* const block = thread.upcall_block();
    if (!block || block->active != 0) return false;
    block->active = 1;
    block->cause = static_cast<u64>(cause);
    block->exception_number = vector;
    block->error_code = error_code;
    block->fault_address = address;
    block->saved = thread.registers();
    block->saved.rip = rip;
    thread.registers().rsp = upcall.stack;
    thread.registers().rdi = upcall.block;
    thread.registers().rflags = rflags::initial;
    thread.registers().rip = upcall.entry;
    thread.context.next_ip = upcall.entry;
    thread.context.restore_all = 1;
    return true;
}
