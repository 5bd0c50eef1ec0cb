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

// abi::trap32_reply from word 4 on, abi::trap32 from word 6 on.
constexpr u64 abi::UserContext::*general_registers_32[] = {
    &abi::UserContext::rax, &abi::UserContext::rcx, &abi::UserContext::rdx, &abi::UserContext::rbx,
    &abi::UserContext::rbp, &abi::UserContext::rsi, &abi::UserContext::rdi, &abi::UserContext::fs_base,
    &abi::UserContext::gs_base,
};

void apply_trap32_reply(Tcb const& replier, Tcb& faulted) {
    namespace at = abi::trap32_reply;
    static_assert(at::eflags == abi::register_message_words - 1, "those in registers are not general ones");
    u64 const words = abi::MessageInfo{replier.context.registers.rsi}.length();
    abi::UserContext& registers = faulted.registers();
    faulted.context.restore_all = 1;
    if (words > at::flags) faulted.shared_root_visible = at::SharedRootVisible::get(replier.message_register(at::flags)) != 0;
    if (words > at::eip) registers.rip = static_cast<u32>(replier.message_register(at::eip));
    if (words > at::esp) registers.rsp = static_cast<u32>(replier.message_register(at::esp));
    if (words > at::eflags) registers.rflags = sane_rflags_32(replier.message_register(at::eflags));
    abi::IpcBuffer const* const buffer = replier.buffer(false);
    if (!buffer) return;
#pragma GCC unroll 9 // which register it is stands in the instruction then
    for (unsigned i = at::eax; i < at::words; ++i) {
        if (i >= words) return;
        registers.*general_registers_32[i - at::eax] = static_cast<u32>(buffer->message[i]);
    }
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
    namespace at = abi::trap32;
    static_assert(at::eip == abi::register_message_words - 1);
    abi::UserContext const& registers = faulted.context.registers;
    Fault const& fault = faulted.fault;
    receiver.set_message_register(at::event, Fault::TrapEvent::get(fault.second));
    receiver.set_message_register(at::error_code, Fault::TrapCode::get(fault.second));
    receiver.set_message_register(at::address, fault.first);
    receiver.set_message_register(at::eip, registers.rip);
    abi::IpcBuffer* const buffer = receiver.buffer(true);
    if (!buffer) return abi::register_message_words;
    buffer->message[at::esp] = static_cast<u32>(registers.rsp);
    buffer->message[at::eflags] = registers.rflags;
#pragma GCC unroll 9
    for (unsigned i = 0; i < std::size(general_registers_32); ++i)
        buffer->message[at::eax + i] = static_cast<u32>(registers.*general_registers_32[i]);
    return at::words;
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
    case abi::FaultLabel::trap32:
        apply_trap32_reply(replier, faulted);
        return info.label() == 0;
    case abi::FaultLabel::null:
    case abi::FaultLabel::cap_fault:
    case abi::FaultLabel::debug_exception:
    case abi::FaultLabel::vm_fault: break;
    }
    return true;
}
