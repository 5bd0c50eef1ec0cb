// SPDX-License-Identifier: Apache-2.0
// After a system call a thread finds its own values, results that the ABI names, and nothing else: no address of the kernel's, no
// word of another thread's message. Inputs are kept below 2^47, so that whatever looks like a kernel address came from the kernel.
#include "test/isolation/tests.hpp"

namespace {

constexpr u64 kernel_half = 0xffff800000000000, user_mask = 0x3fffffffffff;
constexpr u64 first_object = 8;

bool suspicious(u64 word) { return word >= kernel_half && word < ~u64{0xffff}; } // small negative numbers are system calls

void look_at(char const* statement, abi::UserContext const& registers, abi::IpcBuffer const& buffer, u64 number) {
    auto const* const words = &registers.rip;
    for (unsigned i = 0; i < user::Tcb::register_count; ++i)
        if (suspicious(words[i])) expect(statement, words[i], 0, number << 8 | i);
    auto const* const memory = reinterpret_cast<u64 const*>(&buffer);
    for (unsigned i = 0; i < page_size / 8; ++i)
        if (suspicious(memory[i])) expect(statement, memory[i], 0, number << 16 | i);
    check(statement, true);
}

u64 give_objects(Child const& child) {
    u64 slot = first_object;
    auto const give = [&](u64 cptr) { child.grant(slot++, cptr); };
    must("give memory", child.cnode.move(slot++, own_cnode.at(supply().make<user::Untyped>(16).cptr), Child::cnode_radix)); // a copy is full
    give(supply().make<user::Tcb>().cptr);
    give(supply().make<user::Notification>().cptr);
    give(supply().make<user::CNode>(4).cptr);
    give(supply().make<user::Frame>().cptr);
    for (u64 const cptr : {supply().make_space().cptr, abi::initial_slot::asid_pool + 0}) give(cptr);
    // Structures can be copied only when they are mapped: these are made in place.
    auto const memory = supply().make<user::Untyped>(16);
    for (auto const type : {abi::ObjectType::pdpt, abi::ObjectType::page_directory, abi::ObjectType::page_table, abi::ObjectType::pml4})
        must("make an object", memory.retype(type, 0, child.cnode, slot++));
    u64 const ports = supply().slot();
    must("issue ports", user::IoPortControl{abi::initial_slot::io_port_control}.issue(0x80, 0x83, own_cnode, ports));
    give(ports);
    return slot;
}

void test_invocations(Child const& child) {
    u64 const end = give_objects(child);
    Random random(0x5eed);
    auto* const message = reinterpret_cast<u64*>(child.buffer_view);
    for (u64 i = 0; i < page_size / 8; ++i) message[i] = i;
    for (u64 number = 0; number < 4000; ++number) {
        auto registers = child.at(Child::address_of(attack_system_call));
        u64 const label = random.below(8) ? random.below(56) : 0x1000 + random.below(17);
        registers.rdx = static_cast<u64>(abi::Syscall::call);
        registers.rdi = first_object + random.below(end - first_object);
        registers.rsi = abi::MessageInfo::make(label, random.below(24), random.below(4)).word;
        auto const small = [&] { return random.below(3) ? random.below(64) : random.next() & user_mask; };
        registers.r10 = small();
        registers.r8 = small();
        registers.r9 = small();
        registers.r15 = small();
        for (u64& cap : child.buffer_view->caps_or_badges) cap = random.below(end);
        for (unsigned i = 4; i < 24; ++i) child.buffer_view->message[i] = small();
        auto const fault = child.run(registers);
        expect("an invocation returns", fault.at(), Child::address_of(attack_end_of_call), number);
        look_at("after an invocation", fault.registers, *child.buffer_view, number);
    }
}

// A message of `length` words reaches exactly the words it has.
void test_messages(Child const& sender, Child const& receiver) {
    auto const endpoint = supply().make<user::Endpoint>();
    sender.grant(4, endpoint.cptr);
    receiver.grant(4, endpoint.cptr);
    constexpr u64 old = 0x01d, sent = 0x5e17;
    for (u64 length = 0; length <= abi::max_message_words; ++length) {
        for (u64& word : receiver.buffer_view->message) word = old;
        for (u64& word : sender.buffer_view->message) word = sent;
        auto registers = receiver.at(Child::address_of(attack_system_call));
        registers.rdx = static_cast<u64>(abi::Syscall::recv);
        registers.rdi = 4;
        registers.r10 = registers.r8 = registers.r9 = registers.r15 = old;
        registers.rax = registers.rbx = registers.rbp = registers.r12 = registers.r13 = registers.r14 = old;
        receiver.start(registers);
        auto sending = sender.at(Child::address_of(attack_system_call));
        sending.rdx = static_cast<u64>(abi::Syscall::send);
        sending.rdi = 4;
        sending.rsi = abi::MessageInfo::make(7, length).word;
        sending.r10 = sending.r8 = sending.r9 = sending.r15 = sent;
        sending.rax = sending.rbx = sending.rbp = sending.r12 = sending.r13 = sending.r14 = sent;
        sender.start(sending);
        sender.wait(); // both end in UD2, in whatever order
        receiver.wait();
        auto const after = must("read the receiver", receiver.tcb.read_registers(false));
        u64 const words[] = {after.r10, after.r8, after.r9, after.r15};
        for (unsigned i = 0; i < 4; ++i) expect("a message register", words[i], i < length ? sent : old, length);
        for (unsigned i = 4; i < abi::max_message_words; ++i)
            expect("a word of the buffer", receiver.buffer_view->message[i], i < length ? sent : old, length);
        for (u64 const word : {after.rax, after.rbx, after.rbp, after.r12, after.r13, after.r14})
            expect("a register that carries no message", word, old, length);
    }
}

} // namespace

void test_leaks() {
    group("leaks");
    Child const child(supply());
    test_invocations(child);
    Child const sender(supply()), receiver(supply());
    test_messages(sender, receiver);
    must("take the ports back", own_cnode.revoke(abi::initial_slot::io_port_control));
}
