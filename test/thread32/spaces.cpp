// SPDX-License-Identifier: Apache-2.0
// The address space of a 32-bit thread: two roots, and nothing that is not in them any more.
#include "test/thread32/tests.hpp"

namespace {

constexpr u8 invalid_opcode = 6, page_fault = 14;

user::Trap32 read(Guest const& guest, u32 address, bool visible = true) {
    user::Registers32 registers = guest.at(guest_read);
    registers.ebx = address;
    return guest.go_on(registers, visible);
}
void expect_word(char const* statement, Guest const& guest, u32 address, u32 word, bool visible = true) {
    auto const trap = read(guest, address, visible);
    expect(statement, trap.event, invalid_opcode, address);
    expect(statement, trap.registers.eax, word, address);
}
void expect_nothing(char const* statement, Guest const& guest, u32 address, bool visible = true) {
    auto const trap = read(guest, address, visible);
    expect(statement, trap.event, page_fault, address);
    expect(statement, trap.address, address, address);
}

struct Page { // with a word that names it
    explicit Page(u32 word) : frame(supply().make<user::Frame>()), view(reinterpret_cast<u32*>(supply().view(frame))) { *view = word; }
    // Another capability, for another mapping.
    user::Frame copy() const { return {supply().copy(frame.cptr)}; }
    user::Frame frame;
    u32* view;
};

void test_shared_root() {
    Guest guest(supply());
    Tables shared(supply());
    Page const own(1), common(2), low(3);
    guest.tables.map(own.frame, Guest::shared, read_write);
    shared.map(common.frame, Guest::shared, read_write);
    shared.map(low.frame, 0x60000, read_write); // below the first address: not seen
    guest.start(guest.at(guest_count));
    expect_word("without a shared root, the own one", guest, Guest::shared, 1);
    must("give it a shared root", guest.tcb.set_shared_root(shared.root, Guest::shared));
    expect_word("with one", guest, Guest::shared, 2);
    expect_nothing("below its first address", guest, 0x60000);
    for (int round = 0; round < 3; ++round) {
        expect_nothing("not visible", guest, Guest::shared, false);
        expect_word("not visible: the rest is", guest, Guest::data, guest.data_view[0], false);
        expect_word("visible again", guest, Guest::shared, 2);
    }
    expect_nothing("not visible", guest, Guest::shared, false);
    must("give it the shared root anew", guest.tcb.set_shared_root(shared.root, Guest::shared));
    user::reply(user::Message::make(0, 2, 1, Guest::address_of(guest_count)));
    guest.wait();
    expect_word("which is visible", guest, Guest::shared, 2);
    // Everything in the upper half, and in all of it.
    must("from 2 GiB on", guest.tcb.set_shared_root(shared.root, 0x80000000));
    expect_word("from 2 GiB on", guest, Guest::shared, 2);
    must("from 4 GiB on", guest.tcb.set_shared_root(shared.root, u64{1} << 32));
    expect_word("from 4 GiB on: never", guest, Guest::shared, 1);
    must("none", guest.tcb.clear_shared_root());
    expect_word("none", guest, Guest::shared, 1);

    // A second address space with the same shared root: a switch of guest processes.
    must("from 3 GiB on", guest.tcb.set_shared_root(shared.root, Guest::shared));
    Tables other(supply());
    other.map({supply().copy(guest.code_frame.cptr)}, Guest::code, abi::right::read);
    Page const elsewhere(4);
    other.map(elsewhere.frame, Guest::data, read_write);
    must("another root", guest.tcb.set_nested_root(other.root));
    user::Registers32 registers = guest.at_code({0x8b, 0x03, 0x0f, 0x0b}); // mov (%ebx), %eax; ud2
    registers.ebx = Guest::data;
    expect("another root: its memory", guest.go_on(registers).registers.eax, 4);
    registers.ebx = Guest::shared;
    expect("another root: the shared one stays", guest.go_on(registers).registers.eax, 2);
    must("the first root", guest.tcb.set_nested_root(guest.tables.root));
    expect_word("back: its memory", guest, Guest::data, guest.data_view[0]);
}

// What is mapped and unmapped while the thread stands.
void test_changes() {
    Guest guest(supply());
    guest.start(guest.at(guest_count));
    Page const one(11), two(12);
    for (u32 const address : {0x61000u, 0x40000000u, 0xfffff000u}) {
        user::Frame const first = one.copy(), second = two.copy();
        expect_nothing("before it is mapped", guest, address);
        guest.tables.map(first, address, abi::right::read);
        expect_word("mapped", guest, address, 11);
        user::Registers32 registers = guest.at(guest_write);
        registers.ebx = address;
        expect("read-only", guest.go_on(registers).event, page_fault, address);
        must("unmap it", first.unmap());
        expect_nothing("unmapped", guest, address);
        guest.tables.map(second, address, read_write);
        expect_word("another page", guest, address, 12);
        must("delete it", own_cnode.remove(second.cptr));
        expect_nothing("deleted", guest, address);
        guest.tables.map(first, address, abi::right::read, 6 | abi::attribute::Supervisor::mask);
        auto const trap = read(guest, address);
        expect("a page for supervisors: page fault", trap.event, page_fault, address);
        expect("a page for supervisors: present", trap.error_code, 5, address);
    }
}

// Structures that go away at once: with a table, a directory, the PDPT, the root.
void test_lost_structures() {
    Guest guest(supply());
    guest.start(guest.at(guest_count));
    Page const page(21);
    auto const pdpt = supply().make<user::NestedPdpt>();
    auto const directory = supply().make<user::NestedPageDirectory>();
    auto const table = supply().make<user::NestedPageTable>();
    constexpr u32 address = 0x50000000;
    Tables shared(supply());
    must("give it a shared root", guest.tcb.set_shared_root(shared.root, 0x40000000));
    auto const map_all = [&] {
        must("map the PDPT", pdpt.map(shared.root, address));
        must("map the directory", directory.map(shared.root, address));
        must("map the table", table.map(shared.root, address));
        must("map the page", page.frame.map_nested(shared.root, {address}, read_write));
        expect_word("mapped", guest, address, 21);
    };
    map_all();
    must("unmap the table", table.unmap());
    expect_nothing("without its table", guest, address);
    must("map it again", table.map(shared.root, address));
    expect_nothing("which is empty", guest, address);
    must("unmap the directory", directory.unmap());
    expect_nothing("without its directory", guest, address);
    must("unmap the PDPT", pdpt.unmap());
    expect_nothing("without its PDPT", guest, address);
    must("delete the shared root", own_cnode.remove(shared.root.cptr));
    must("revoke the shared root", guest.tcb.clear_shared_root());
    expect_word("without a shared root", guest, Guest::data, guest.data_view[0]);
}

void test_lost_roots() {
    Guest guest(supply());
    guest.start(guest.at(guest_count));
    must("revoke the root", own_cnode.revoke(guest.tables.root.cptr));
    user::Registers32 registers = guest.at(guest_count);
    auto trap = guest.go_on(registers);
    expect_exception("its own capability revoked", trap, page_fault, 20, registers.eip);
    expect("its own capability revoked", trap.address, registers.eip);
    must("give it back", guest.tcb.set_nested_root(guest.tables.root));
    expect("given back", guest.go_on(registers).event, invalid_opcode);
    must("delete the root", own_cnode.revoke(guest.tables.root.cptr));
    must("delete the root", own_cnode.remove(guest.tables.root.cptr));
    expect_exception("the root deleted", guest.go_on(registers), page_fault, 20, registers.eip);

    // A new thread has none.
    auto const thread = supply().make<user::Tcb>();
    auto const faults = supply().make<user::Endpoint>();
    must("configure it", thread.configure({faults.cptr, own_cnode, 0, own_space}, {0x7000000}, supply().make<user::Frame>()));
    must("make it a 32-bit thread", thread.set_flags(0, abi::thread_flag::compatibility));
    registers.eip = static_cast<u32>(reinterpret_cast<u64>(&test_spaces)); // of the VSpace, which does not count
    must("start it", thread.write_registers(user::context_of(registers), true));
    auto const message = faults.receive();
    check("without a root: a trap", user::is_trap32(message));
    expect_exception("without a root", user::trap32_from(message), page_fault, 20, registers.eip);
}

} // namespace

void test_spaces() {
    group("spaces");
    test_shared_root();
    test_changes();
    test_lost_structures();
    test_lost_roots();
}
