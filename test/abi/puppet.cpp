// SPDX-License-Identifier: Apache-2.0
#include "test/abi/puppet.hpp"

#include "test/abi/check.hpp"
#include "user/tcb.hpp"

namespace {

constexpr unsigned max_puppets = 12;
struct alignas(4096) Page {
    abi::IpcBuffer buffer;
    u8 rest[3072];
};
Page buffers[max_puppets];
alignas(16) u8 stacks[max_puppets][4096];
PuppetState states[max_puppets];

} // namespace

Puppet::Puppet(Scope& scope, PuppetOptions const& options) : number_(scope.next_puppet()), tcb_(scope.tcb()) {
    must("puppets", number_ < max_puppets);
    buffers[number_].buffer = {};
    states[number_] = {};
    states[number_].park = scope.notification();
    states[number_].stack_top = reinterpret_cast<u64>(stacks[number_] + sizeof stacks[number_]);
    u64 const address = options.ipc_buffer ? reinterpret_cast<u64>(&buffer()) : 0;
    must("configure", invoke(tcb_, Label::tcb_configure, {options.fault_handler, 0, 0, address},
                             {options.cspace, root_vspace, buffer_frame()}));
    must("priority", invoke(tcb_, Label::tcb_set_sched_params, {255, options.priority}, {initial_tcb}));
}

abi::IpcBuffer& Puppet::buffer() const { return buffers[number_].buffer; }
CPtr Puppet::buffer_frame() const { return frame_of(&buffers[number_]); }
PuppetState& Puppet::state() const { return states[number_]; }

abi::UserContext Puppet::registers() const {
    abi::UserContext registers{};
    registers.rsp = state().stack_top - 64; // room for instructions that use the words above
    registers.rflags = 0x202;
    registers.fs_base = reinterpret_cast<u64>(&state());
    return registers;
}

void Puppet::execute(void const* address, abi::UserContext registers) const {
    registers.rip = reinterpret_cast<u64>(address);
    state().registers = {};
    state().returned = 0;
    must("start a puppet", user::Tcb{tcb_}.write_registers(registers, true).has_value());
    asm volatile("" ::: "memory");
}

void Puppet::enter(abi::Syscall number, u64 rdi, u64 info, Words const& words) const {
    abi::UserContext registers = this->registers();
    registers.rdx = static_cast<u64>(number);
    registers.rdi = rdi;
    registers.rsi = info;
    registers.r10 = words[0];
    registers.r8 = words[1];
    registers.r9 = words[2];
    registers.r15 = words[3];
    execute(puppet_syscall, registers);
}

void Puppet::run(void (*program)(u64), u64 argument) const {
    abi::UserContext registers = this->registers();
    registers.rax = reinterpret_cast<u64>(program);
    registers.rdi = argument;
    execute(puppet_program, registers);
}

void Puppet::transfer(abi::Syscall number, CPtr to, u64 label, Words const& words, Words const& caps) const {
    for (unsigned i = abi::register_message_words; i < words.count; ++i) buffer().message[i] = words[i];
    for (unsigned i = 0; i < caps.count; ++i) buffer().caps_or_badges[i] = caps[i];
    enter(number, to, abi::MessageInfo::make(label, words.count, caps.count).word, words);
}

Answer Puppet::answer() const {
    abi::UserContext const& registers = state().registers;
    u64 const in_registers[] = {registers.r10, registers.r8, registers.r9, registers.r15};
    Answer answer{registers.rdi, registers.rsi, {}};
    answer.words.count = static_cast<unsigned>(std::min<u64>(abi::MessageInfo{answer.info}.length(), Words::capacity));
    for (unsigned i = 0; i < answer.words.count; ++i) {
        answer.words.values[i] = i < abi::register_message_words ? in_registers[i] : buffer().message[i];
    }
    return answer;
}

void Puppet::suspend() const { must("suspend a puppet", invoke(tcb_, Label::tcb_suspend)); }

Answer receive_now(CPtr endpoint) {
    user::Message nothing{};
    nothing.info.word = no_message;
    return answer_of(user::transfer(abi::Syscall::nb_recv, endpoint, nothing));
}

void reply_with(u64 label, Words const& words, Words const& caps) {
    user::Message answer = user::Message::make(label, words.count, words[0], words[1], words[2], words[3]);
    answer.info = abi::MessageInfo::make(label, words.count, caps.count);
    for (unsigned i = abi::register_message_words; i < words.count; ++i) user::ipc_buffer().message[i] = words[i];
    for (unsigned i = 0; i < caps.count; ++i) user::ipc_buffer().caps_or_badges[i] = caps[i];
    user::reply(answer);
}

u64 poll(CPtr notification) { return user::poll(notification); }
