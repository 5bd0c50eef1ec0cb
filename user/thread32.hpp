// SPDX-License-Identifier: Apache-2.0
// What the fault handler of a 32-bit thread reads and answers: abi/thread32.hpp.
#pragma once

#include "abi/thread32.hpp"
#include "user/tcb.hpp"

namespace user {

struct Registers32 {
    u32 eip{}, esp{};
    u32 eflags{0x202};
    u32 eax{}, ecx{}, edx{}, ebx{}, ebp{}, esi{}, edi{};
    u32 fs_base{}, gs_base{};
    bool operator==(Registers32 const&) const = default;
};

struct Trap32 {
    u32 event{}; // abi::trap32::event_word
    u32 error_code{};
    u32 address{}; // CR2 of a page fault
    Registers32 registers{};

    u8 vector() const { return static_cast<u8>(event); }
    bool software() const { return abi::trap32::event_word::Software::get(event) != 0; } // INT n, INT3, INTO; eip is behind it
    bool syscall() const { return abi::trap32::event_word::Syscall::get(event) != 0; }   // eip is behind it
};

// Is it one of a 32-bit thread?
inline bool is_trap32(Message const& message) {
    return message.info.label() == static_cast<u64>(abi::FaultLabel::trap32) && message.info.length() == abi::trap32::words;
}

// The message must be one, and the receiver's IPC buffer as it was left.
inline Trap32 trap32_from(Message const& message) {
    namespace at = abi::trap32;
    auto const& buffer = ipc_buffer().message;
    auto const word = [&](unsigned index) { return static_cast<u32>(buffer[index]); };
    return {.event = static_cast<u32>(message.words[at::event]),
            .error_code = static_cast<u32>(message.words[at::error_code]),
            .address = static_cast<u32>(message.words[at::address]),
            .registers = {.eip = static_cast<u32>(message.words[at::eip]),
                          .esp = word(at::esp),
                          .eflags = word(at::eflags),
                          .eax = word(at::eax),
                          .ecx = word(at::ecx),
                          .edx = word(at::edx),
                          .ebx = word(at::ebx),
                          .ebp = word(at::ebp),
                          .esi = word(at::esi),
                          .edi = word(at::edi),
                          .fs_base = word(at::fs_base),
                          .gs_base = word(at::gs_base)}};
}

// The answer that sets all registers and lets the thread go on. Writes the rest of it to the IPC buffer: send it next.
inline Message trap32_reply(Registers32 const& registers, bool shared_root_visible = true) {
    namespace at = abi::trap32_reply;
    auto& buffer = ipc_buffer().message;
    buffer[at::eax] = registers.eax;
    buffer[at::ecx] = registers.ecx;
    buffer[at::edx] = registers.edx;
    buffer[at::ebx] = registers.ebx;
    buffer[at::ebp] = registers.ebp;
    buffer[at::esi] = registers.esi;
    buffer[at::edi] = registers.edi;
    buffer[at::fs_base] = registers.fs_base;
    buffer[at::gs_base] = registers.gs_base;
    return Message::make(0, at::words, at::SharedRootVisible::make(shared_root_visible), registers.eip, registers.esp,
                         registers.eflags);
}

// What WriteRegisters gives a 32-bit thread to start with.
inline abi::UserContext context_of(Registers32 const& registers) {
    return {.rip = registers.eip,
            .rsp = registers.esp,
            .rflags = registers.eflags,
            .rax = registers.eax,
            .rbx = registers.ebx,
            .rcx = registers.ecx,
            .rdx = registers.edx,
            .rsi = registers.esi,
            .rdi = registers.edi,
            .rbp = registers.ebp,
            .r8 = 0,
            .r9 = 0,
            .r10 = 0,
            .r11 = 0,
            .r12 = 0,
            .r13 = 0,
            .r14 = 0,
            .r15 = 0,
            .fs_base = registers.fs_base,
            .gs_base = registers.gs_base};
}

} // namespace user
