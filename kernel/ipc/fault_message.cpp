// SPDX-License-Identifier: Apache-2.0
#include "kernel/ipc/fault_message.hpp"

#include <iterator>

namespace {

// The 18 registers of an unknown system call's message in order (ABI 9.2.1); the number follows them.
constexpr u64 abi::UserContext::*syscall_registers[] = {
    &abi::UserContext::rax, &abi::UserContext::rbx, &abi::UserContext::rcx, &abi::UserContext::rdx,
    &abi::UserContext::rsi, &abi::UserContext::rdi, &abi::UserContext::rbp, &abi::UserContext::r8,
    &abi::UserContext::r9,  &abi::UserContext::r10, &abi::UserContext::r11, &abi::UserContext::r12,
    &abi::UserContext::r13, &abi::UserContext::r14, &abi::UserContext::r15, &abi::UserContext::rip,
    &abi::UserContext::rsp, &abi::UserContext::rflags,
};
constexpr u64 abi::UserContext::*exception_registers[] = {
    &abi::UserContext::rip, &abi::UserContext::rsp, &abi::UserContext::rflags};

// Words arrive in registers first, then in the buffer if there is one.
class MessageWriter {
public:
    explicit MessageWriter(Tcb& receiver) : receiver_(receiver), buffer_(receiver.buffer(true)) {}
    void push(u64 word) {
        if (length_ < abi::register_message_words) receiver_.set_message_register(length_++, word);
        else if (buffer_) buffer_->message[length_++] = word;
    }
    u64 length() const { return length_; }

private:
    Tcb& receiver_;
    abi::IpcBuffer* buffer_;
    unsigned length_{};
};

template <std::size_t Count>
void apply_registers(Tcb const& replier, Tcb& faulted, u64 abi::UserContext::*const (&registers)[Count]) {
    abi::IpcBuffer const* const buffer = replier.buffer(false);
    u64 const words = abi::MessageInfo{replier.context.registers.rsi}.length();
    for (unsigned i = 0; i < Count && i < words; ++i) {
        if (i >= abi::register_message_words && !buffer) break;
        u64 value = i < abi::register_message_words ? replier.message_register(i) : buffer->message[i];
        if (registers[i] == &abi::UserContext::rip) value = sane_address(value);
        if (registers[i] == &abi::UserContext::rflags) value = sane_rflags(value);
        faulted.registers().*registers[i] = value;
    }
    faulted.context.restore_all = 1;
}

// abi::trap32_reply from word 4 on, abi::trap32 from word 6 on; the last eight of a wide thread alone.
constexpr u64 abi::UserContext::*general_registers[] = {
    &abi::UserContext::rax, &abi::UserContext::rcx, &abi::UserContext::rdx, &abi::UserContext::rbx,
    &abi::UserContext::rbp, &abi::UserContext::rsi, &abi::UserContext::rdi, &abi::UserContext::fs_base,
    &abi::UserContext::gs_base, &abi::UserContext::r8, &abi::UserContext::r9, &abi::UserContext::r10,
    &abi::UserContext::r11, &abi::UserContext::r12, &abi::UserContext::r13, &abi::UserContext::r14,
    &abi::UserContext::r15,
};
static_assert(std::size(general_registers) == abi::trap32::wide_words - abi::trap32::eax);
static_assert(std::size(general_registers) == abi::trap32_reply::wide_words - abi::trap32_reply::eax);

// What may be loaded as an address in the mode whose registers are Words.
template <class Word> u64 fit_address(u64 value) {
    if constexpr (sizeof(Word) == sizeof(u32)) return static_cast<u32>(value);
    else return is_canonical(value) ? value : 0;
}

// Word: u32, or u64 of a wide thread.
template <class Word> void apply_trap32_words(Tcb const& replier, abi::UserContext& registers, u64 words) {
    namespace at = abi::trap32_reply;
    constexpr unsigned all = sizeof(Word) == sizeof(u32) ? at::words : at::wide_words;
    if (words > at::eip) registers.rip = fit_address<Word>(replier.message_register(at::eip));
    if (words > at::esp) registers.rsp = static_cast<Word>(replier.message_register(at::esp));
    if (words > at::eflags) registers.rflags = sane_rflags_32(replier.message_register(at::eflags));
    abi::IpcBuffer const* const buffer = replier.buffer(false);
    if (!buffer) return;
    auto const apply = [&](unsigned i) {
        bool const base = i == at::fs_base || i == at::gs_base;
        u64 const word = buffer->message[i];
        registers.*general_registers[i - at::eax] = base ? fit_address<Word>(word) : static_cast<Word>(word);
    };
    if (words < all) {
#pragma GCC unroll 0
        for (unsigned i = at::eax; i < words; ++i) apply(i);
        return;
    }
#pragma GCC unroll 17 // which register it is stands in the instruction then
    for (unsigned i = at::eax; i < all; ++i) apply(i);
}

} // namespace

bool apply_trap32_reply(Tcb const& replier, Tcb& faulted) {
    namespace at = abi::trap32_reply;
    static_assert(at::eflags == abi::register_message_words - 1, "those in registers are not general ones");
    abi::MessageInfo const info{replier.context.registers.rsi};
    u64 const words = info.length();
    faulted.context.restore_all = 1;
    if (words > at::flags) {
        u64 const flags = replier.message_register(at::flags);
        faulted.shared_root_visible = at::SharedRootVisible::get(flags) != 0;
        faulted.set_wide(at::Wide::get(flags) != 0);
    }
    if (faulted.is_wide()) apply_trap32_words<u64>(replier, faulted.registers(), words);
    else apply_trap32_words<u32>(replier, faulted.registers(), words);
    return info.label() == 0;
}

namespace {

template <class Word> u64 write_trap32_words(Tcb const& faulted, Tcb& receiver) {
    namespace at = abi::trap32;
    static_assert(at::eip == abi::register_message_words - 1);
    constexpr bool wide = sizeof(Word) == sizeof(u64);
    constexpr unsigned all = wide ? at::wide_words : at::words;
    abi::UserContext const& registers = faulted.context.registers;
    Fault const& fault = faulted.fault;
    receiver.set_message_register(at::event, Fault::TrapEvent::get(fault.second) | at::event_word::Wide::make(wide));
    receiver.set_message_register(at::error_code, Fault::TrapCode::get(fault.second));
    receiver.set_message_register(at::address, fault.first);
    receiver.set_message_register(at::eip, registers.rip);
    abi::IpcBuffer* const buffer = receiver.buffer(true);
    if (!buffer) return abi::register_message_words;
    buffer->message[at::esp] = static_cast<Word>(registers.rsp);
    buffer->message[at::eflags] = registers.rflags;
#pragma GCC unroll 17
    for (unsigned i = at::eax; i < all; ++i)
        buffer->message[i] = static_cast<Word>(registers.*general_registers[i - at::eax]);
    return all;
}

} // namespace

u64 sane_address(u64 value) { return is_canonical(value) ? value : 0; }

u64 sane_rflags(u64 value) {
    u64 const set = rflags::Always1::mask | rflags::InterruptEnable::mask;
    u64 const clear = Bits<3>::mask | Bits<5>::mask | rflags::Trap::mask;
    return ((value | set) & ~clear) & Bits<11, 0>::mask;
}

u64 sane_rflags_32(u64 value) { return (value & rflags::user) | rflags::initial; }

u64 write_trap32_message(Tcb const& faulted, Tcb& receiver) {
    return faulted.is_wide() ? write_trap32_words<u64>(faulted, receiver) : write_trap32_words<u32>(faulted, receiver);
}

u64 write_fault_message(Tcb const& faulted, Tcb& receiver) {
    abi::UserContext const& registers = faulted.context.registers;
    Fault const& fault = faulted.fault;
    MessageWriter words(receiver);
    switch (fault.label) {
    case abi::FaultLabel::cap_fault:
        words.push(registers.rip);
        words.push(fault.first);
        words.push(fault.in_receive_phase);
        words.push(static_cast<u64>(fault.lookup.type));
        for (unsigned i = 0; i < fault.lookup.detail_words(); ++i) words.push(fault.lookup.detail(i));
        break;
    case abi::FaultLabel::unknown_syscall:
        for (auto const member : syscall_registers) words.push(registers.*member);
        words.push(fault.first);
        break;
    case abi::FaultLabel::user_exception:
        for (auto const member : exception_registers) words.push(registers.*member);
        words.push(fault.first);
        words.push(fault.second & Bits<27, 0>::mask);
        break;
    case abi::FaultLabel::vm_fault:
        words.push(registers.rip);
        words.push(fault.first);
        words.push(Bits<4>::get(fault.second)); // instruction fetch
        words.push(fault.second & Bits<4, 0>::mask);
        break;
    case abi::FaultLabel::trap32: return write_trap32_message(faulted, receiver);
    case abi::FaultLabel::null:
    case abi::FaultLabel::debug_exception: break;
    }
    return words.length();
}

bool apply_fault_reply(Tcb const& replier, Tcb& faulted) {
    abi::MessageInfo const info{replier.context.registers.rsi};
    switch (faulted.fault.label) {
    case abi::FaultLabel::unknown_syscall:
        apply_registers(replier, faulted, syscall_registers);
        return info.label() == 0;
    case abi::FaultLabel::user_exception:
        apply_registers(replier, faulted, exception_registers);
        return info.label() == 0;
    case abi::FaultLabel::trap32: return apply_trap32_reply(replier, faulted);
    case abi::FaultLabel::null:
    case abi::FaultLabel::cap_fault:
    case abi::FaultLabel::debug_exception:
    case abi::FaultLabel::vm_fault: break;
    }
    return true;
}
