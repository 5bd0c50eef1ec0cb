// SPDX-License-Identifier: Apache-2.0
#include "test/isolation/child.hpp"

#include "test/isolation/attacks.hpp"

namespace {

void copy_bytes(u8* to, std::byte const* from, u64 bytes) {
    for (u64 i = 0; i < bytes; ++i) to[i] = static_cast<u8>(from[i]);
}

FaultMessage read(user::Tcb tcb, user::Message const& message) {
    FaultMessage fault{message.info.label(), message.info.length(), {}, {}};
    for (unsigned i = 0; i < fault.length && i < std::size(fault.words); ++i)
        fault.words[i] = i < abi::register_message_words ? message.words[i] : user::ipc_buffer().message[i];
    fault.registers = must("read the child's registers", tcb.read_registers(false));
    return fault;
}

} // namespace

Child::Child(Supply& supply) {
    space = supply.make_space();
    cnode = supply.make<user::CNode>(cnode_radix);
    faults = supply.make<user::Endpoint>();
    auto const size = static_cast<u64>(attacks_end - attacks_start);
    for (u64 offset = 0; offset < size; offset += page_size) {
        auto const frame = supply.make<user::Frame>();
        copy_bytes(supply.view(frame), attacks_start + offset, size - offset < page_size ? size - offset : page_size);
        supply.map(space, frame, attacks + offset, abi::right::read);
        frames.push(frame.cptr);
    }
    auto const code_frame = supply.make<user::Frame>(), data_frame = supply.make<user::Frame>();
    code_view = supply.view(code_frame);
    data_view = supply.view(data_frame);
    supply.map(space, code_frame, code, read_write);
    supply.map(space, data_frame, data, read_write);
    frames.push(code_frame.cptr);
    frames.push(data_frame.cptr);
    must("give the child its fault endpoint",
         cnode.mint(fault_slot, own_cnode.at(faults.cptr), abi::right::write | abi::right::grant_reply, 0x77, cnode_radix));
    start_thread(supply, stack_top - page_size, buffer);
}

Child::Child(Supply& supply, Child const& sibling)
    : space(sibling.space), cnode(sibling.cnode), faults(sibling.faults), code_view(sibling.code_view),
      data_view(sibling.data_view) {
    start_thread(supply, stack_top + page_size, buffer + page_size);
}

void Child::start_thread(Supply& supply, u64 stack, u64 buffer_address) {
    auto const stack_frame = supply.make<user::Frame>(), buffer_frame = supply.make<user::Frame>();
    supply.map(space, stack_frame, stack, read_write);
    buffer_view = reinterpret_cast<abi::IpcBuffer*>(supply.view(buffer_frame));
    supply.map(space, buffer_frame, buffer_address, read_write);
    stack_top_ = stack + page_size;
    frames.push(stack_frame.cptr);
    frames.push(buffer_frame.cptr);
    tcb = supply.make<user::Tcb>();
    must("configure the child", tcb.configure({fault_slot, cnode, user::plain_guard(cnode_radix), space}, {buffer_address}, buffer_frame));
}

abi::UserContext Child::at(u64 rip) const {
    abi::UserContext registers{};
    registers.rip = rip;
    registers.rsp = stack_top_;
    return registers;
}

void Child::start(abi::UserContext const& registers) const { must("start the child", tcb.write_registers(registers, true)); }
FaultMessage Child::wait() const { return read(tcb, faults.receive()); }

FaultMessage Child::run(abi::UserContext const& registers) const {
    start(registers);
    return wait();
}

FaultMessage Child::run(void (*label)(), u64 rdi, u64 rsi) const {
    auto registers = at(address_of(label));
    registers.rdi = rdi;
    registers.rsi = rsi;
    return run(registers);
}

FaultMessage Child::answer(u64 label, std::initializer_list<u64> words) const {
    user::Message message{.info = abi::MessageInfo::make(label, words.size()), .words = {}, .badge = 0};
    unsigned i = 0;
    for (u64 const word : words) {
        if (i < abi::register_message_words) message.words[i] = word;
        else user::ipc_buffer().message[i] = word;
        ++i;
    }
    return read(tcb, faults.reply_receive(message));
}

abi::UserContext Child::system_call(abi::Syscall number, u64 rdi, u64 rsi, u64 (&words)[4]) const {
    auto registers = at(address_of(attack_system_call));
    registers.rdx = static_cast<u64>(number);
    registers.rdi = rdi;
    registers.rsi = rsi;
    registers.r10 = words[0];
    registers.r8 = words[1];
    registers.r9 = words[2];
    registers.r15 = words[3];
    return run(registers).registers;
}

abi::MessageInfo Child::invoke(u64 cptr, abi::Label label, std::initializer_list<u64> words, std::initializer_list<u64> caps) const {
    u64 first[4]{};
    unsigned i = 0;
    for (u64 const word : words) {
        if (i < std::size(first)) first[i] = word;
        else buffer_view->message[i] = word;
        ++i;
    }
    i = 0;
    for (u64 const cap : caps) buffer_view->caps_or_badges[i++] = cap;
    auto const info = abi::MessageInfo::make(std::to_underlying(label), words.size(), caps.size());
    return {system_call(abi::Syscall::call, cptr, info.word, first).rsi};
}

void Child::grant(u64 slot, u64 cptr, u64 rights) const {
    must("grant a capability", cnode.copy(slot, own_cnode.at(cptr), rights, cnode_radix));
}

void Child::set_code(std::initializer_list<u8> bytes) const {
    u8* to = code_view;
    for (u8 const byte : bytes) *to++ = byte;
}
