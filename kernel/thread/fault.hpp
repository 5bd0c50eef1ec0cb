// SPDX-License-Identifier: Apache-2.0
// What stopped a thread, kept until its handler answers: ABI 9.2.
#pragma once

#include "kernel/capability/lookup.hpp"

struct Fault {
    abi::FaultLabel label{}; // null: none
    bool in_receive_phase{}; // cap_fault
    u64 first{};             // cap_fault: the CPtr; unknown_syscall: number; user_exception: vector; vm_fault: address; trap32: CR2
    u64 second{};            // user_exception: code; vm_fault: the processor's error code; trap32: event and error code
    LookupFailure lookup{};  // cap_fault

    explicit operator bool() const { return label != abi::FaultLabel::null; }

    static Fault cap(u64 cptr, bool in_receive_phase, LookupFailure const& why) {
        return {abi::FaultLabel::cap_fault, in_receive_phase, cptr, 0, why};
    }
    static Fault unknown_syscall(u64 number) { return {abi::FaultLabel::unknown_syscall, false, number}; }
    static Fault user_exception(u64 vector, u64 code) {
        return {abi::FaultLabel::user_exception, false, vector, code};
    }
    static Fault vm(VirtAddr address, u64 error_code) {
        return {abi::FaultLabel::vm_fault, false, address.value, error_code};
    }
    using TrapEvent = Bits<63, 32>; // of trap32's second word
    using TrapCode = Bits<31, 0>;
    static Fault trap32(u64 event, u64 error_code, u64 address) {
        Fault fault;
        fault.become_trap32(event, error_code, address);
        return fault;
    }
    // The same where there was none, and back: three words of eight.
    void become_trap32(u64 event, u64 error_code, u64 address) {
        label = abi::FaultLabel::trap32;
        first = address;
        second = TrapEvent::make(event) | TrapCode::make(error_code);
    }
    void end_trap32() {
        label = abi::FaultLabel::null;
        first = second = 0;
    }
};
