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

// The same of a wide thread, which runs in 64-bit mode.
struct Registers64 {
    u64 rip{}, rsp{};
    u64 rflags{0x202};
    u64 rax{}, rcx{}, rdx{}, rbx{}, rbp{}, rsi{}, rdi{};
    u64 fs_base{}, gs_base{};
    u64 r8{}, r9{}, r10{}, r11{}, r12{}, r13{}, r14{}, r15{};
    bool operator==(Registers64 const&) const = default;
};

struct Trap64 {
    u32 event{}; // abi::trap32::event_word
    u32 error_code{};
    u64 address{}; // CR2 of a page fault
    Registers64 registers{};

    u8 vector() const { return static_cast<u8>(event); }
    bool software() const { return abi::trap32::event_word::Software::get(event) != 0; } // INT n, INT3; rip is behind it
    bool syscall() const { return abi::trap32::event_word::Syscall::get(event) != 0; }   // rip is behind it
};

inline bool is_trap64(Message const& message) {
    return message.info.label() == static_cast<u64>(abi::FaultLabel::trap32) && message.info.length() == abi::trap32::wide_words;
}

inline Trap64 trap64_from(Message const& message) {
    namespace at = abi::trap32;
    auto const& words = ipc_buffer().message;
    return {.event = static_cast<u32>(message.words[at::event]),
            .error_code = static_cast<u32>(message.words[at::error_code]),
            .address = message.words[at::address],
            .registers = {.rip = message.words[at::eip],
                          .rsp = words[at::esp],
                          .rflags = words[at::eflags],
                          .rax = words[at::eax],
                          .rcx = words[at::ecx],
                          .rdx = words[at::edx],
                          .rbx = words[at::ebx],
                          .rbp = words[at::ebp],
                          .rsi = words[at::esi],
                          .rdi = words[at::edi],
                          .fs_base = words[at::fs_base],
                          .gs_base = words[at::gs_base],
                          .r8 = words[at::r8],
                          .r9 = words[at::r8 + 1],
                          .r10 = words[at::r8 + 2],
                          .r11 = words[at::r8 + 3],
                          .r12 = words[at::r8 + 4],
                          .r13 = words[at::r8 + 5],
                          .r14 = words[at::r8 + 6],
                          .r15 = words[at::r15]}};
}

// The answer after which the thread is wide, whatever it was: to a Trap32 as well.
inline Message trap64_reply(Registers64 const& registers, bool shared_root_visible = true) {
    namespace at = abi::trap32_reply;
    auto& buffer = ipc_buffer().message;
    buffer[at::eax] = registers.rax;
    buffer[at::ecx] = registers.rcx;
    buffer[at::edx] = registers.rdx;
    buffer[at::ebx] = registers.rbx;
    buffer[at::ebp] = registers.rbp;
    buffer[at::esi] = registers.rsi;
    buffer[at::edi] = registers.rdi;
    buffer[at::fs_base] = registers.fs_base;
    buffer[at::gs_base] = registers.gs_base;
    buffer[at::r8] = registers.r8;
    buffer[at::r8 + 1] = registers.r9;
    buffer[at::r8 + 2] = registers.r10;
    buffer[at::r8 + 3] = registers.r11;
    buffer[at::r8 + 4] = registers.r12;
    buffer[at::r8 + 5] = registers.r13;
    buffer[at::r8 + 6] = registers.r14;
    buffer[at::r15] = registers.r15;
    u64 const flags = at::SharedRootVisible::make(shared_root_visible) | at::Wide::mask;
    return Message::make(0, at::wide_words, flags, registers.rip, registers.rsp, registers.rflags);
}

// What WriteRegisters gives a 32-bit thread to start with: Tcb::write_registers.
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

// And a wide one: Tcb::write_wide_registers.
inline abi::UserContext context_of(Registers64 const& registers) {
    return {.rip = registers.rip,
            .rsp = registers.rsp,
            .rflags = registers.rflags,
            .rax = registers.rax,
            .rbx = registers.rbx,
            .rcx = registers.rcx,
            .rdx = registers.rdx,
            .rsi = registers.rsi,
            .rdi = registers.rdi,
            .rbp = registers.rbp,
            .r8 = registers.r8,
            .r9 = registers.r9,
            .r10 = registers.r10,
            .r11 = registers.r11,
            .r12 = registers.r12,
            .r13 = registers.r13,
            .r14 = registers.r14,
            .r15 = registers.r15,
            .fs_base = registers.fs_base,
            .gs_base = registers.gs_base};
}

// What ReadRegisters found in a wide thread.
inline Registers64 registers64_of(abi::UserContext const& context) {
    return {.rip = context.rip,
            .rsp = context.rsp,
            .rflags = context.rflags,
            .rax = context.rax,
            .rcx = context.rcx,
            .rdx = context.rdx,
            .rbx = context.rbx,
            .rbp = context.rbp,
            .rsi = context.rsi,
            .rdi = context.rdi,
            .fs_base = context.fs_base,
            .gs_base = context.gs_base,
            .r8 = context.r8,
            .r9 = context.r9,
            .r10 = context.r10,
            .r11 = context.r11,
            .r12 = context.r12,
            .r13 = context.r13,
            .r14 = context.r14,
            .r15 = context.r15};
}

} // namespace user
