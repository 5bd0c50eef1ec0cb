// SPDX-License-Identifier: Apache-2.0
// Nothing that was unmapped, deleted or revoked is reachable through the TLB or the processor's paging-structure caches. The
// child holds the capabilities itself: it touches the page, makes the system call and touches it again without any other thread,
// or address space, in between.
#include "test/isolation/tests.hpp"

namespace {

constexpr u64 there = 0x8000000000; // PML4 entry 1: all structures of this page are the test's
constexpr u64 first_slot = Child::first_free_slot;
enum Slots : u64 { page = first_slot, table, directory, pdpt, untyped, own, other_page, pool };
constexpr u64 user_read = 4, write_protected = 7; // status of a page fault

struct Mapping { // one page at `there` with structures of its own, all of them in the child's CNode
    Supply& from;
    Child const& child;
    user::Untyped memory;
    u8* view;

    Mapping(Supply& supply, Child const& in, u64 value) : from(supply), child(in), memory(supply.make<user::Untyped>(16)) {
        must("grant its CNode", child.cnode.copy(own, own_cnode.at(child.cnode.cptr), abi::right::all, Child::cnode_radix));
        make(page, abi::ObjectType::small_page);
        make(table, abi::ObjectType::page_table);
        make(directory, abi::ObjectType::page_directory);
        make(pdpt, abi::ObjectType::pdpt);
        u64 const seen = supply.slot();
        must("see the page", own_cnode.copy(seen, place(page)));
        u64 const address = fresh_address();
        supply.map(own_space, {seen}, address, read_write);
        view = reinterpret_cast<u8*>(address);
        *reinterpret_cast<u64*>(view) = value;
        map(read_write);
        must("grant the memory", child.cnode.move(untyped, own_cnode.at(memory.cptr), Child::cnode_radix));
    }
    ~Mapping() {
        must("fetch the memory", own_cnode.move(memory.cptr, place(untyped)));
        must("revoke", own_cnode.revoke(memory.cptr));
        for (u64 slot = first_slot; slot <= pool; ++slot) must("empty the slot", child.cnode.remove(slot, Child::cnode_radix));
    }
    user::CNode::Place place(u64 slot) const { return child.cnode.at(slot, Child::cnode_radix); }
    void make(u64 slot, abi::ObjectType type) const {
        must("make an object", memory.retype(type, 0, child.cnode, slot));
    }
    // With capabilities of the child's, moved to the root task's CNode and back: there they can be invoked.
    template <class Object, class Action> void with(u64 slot, Action action) const {
        u64 const here = from.slot();
        must("fetch a capability", own_cnode.move(here, place(slot)));
        Object object;
        object.cptr = here;
        action(object);
        must("put it back", child.cnode.move(slot, own_cnode.at(here), Child::cnode_radix));
    }
    void map(u64 rights) const {
        with<user::Pdpt>(pdpt, [&](auto object) { must("map a PDPT", object.map(child.space, there)); });
        with<user::PageDirectory>(directory, [&](auto object) { must("map a page directory", object.map(child.space, there)); });
        with<user::PageTable>(table, [&](auto object) { must("map a page table", object.map(child.space, there)); });
        with<user::Frame>(page, [&](auto object) { must("map a page", object.map(child.space, {there}, rights)); });
    }
};

struct Call {
    u64 cptr;
    abi::Label label;
    u64 words[4];
    u64 length;
    u64 caps[1];
    u64 cap_count;
};

FaultMessage touch(Child const& child, void (*attack)(), Call const& call) {
    auto registers = child.at(Child::address_of(attack));
    registers.rbx = there;
    registers.rdx = static_cast<u64>(abi::Syscall::call);
    registers.rdi = call.cptr;
    registers.rsi = abi::MessageInfo::make(std::to_underlying(call.label), call.length, call.cap_count).word;
    registers.r10 = call.words[0];
    registers.r8 = call.words[1];
    registers.r9 = call.words[2];
    registers.r15 = call.words[3];
    child.buffer_view->caps_or_badges[0] = call.caps[0];
    return child.run(registers);
}

void expect_gone(char const* statement, Call const& call) {
    Child const child(supply());
    {
        Mapping const mapping(supply(), child, 0x1111);
        auto const fault = touch(child, attack_touch_call_touch, call);
        expect(statement, fault.registers.rax, 0x1111, 1);
        check(statement, fault.is_page_fault(there, user_read), 2);
        expect(statement, abi::MessageInfo{fault.registers.rsi}.label(), 0, 3);
    }
    Mapping const again(supply(), child, 0x2222); // the same address, another page
    auto const fault = child.run(attack_read_word, there);
    expect(statement, fault.registers.rax, 0x2222, 4);
}

constexpr u64 radix = Child::cnode_radix;
constexpr Call unmap_page{page, abi::Label::x86_page_unmap, {}, 0, {}, 0};
constexpr Call delete_page{own, abi::Label::cnode_delete, {page, radix}, 2, {}, 0};

void test_own_unmapping() {
    expect_gone("PageUnmap", unmap_page);
    expect_gone("PageTableUnmap", {table, abi::Label::x86_page_table_unmap, {}, 0, {}, 0});
    expect_gone("PageDirectoryUnmap", {directory, abi::Label::x86_page_directory_unmap, {}, 0, {}, 0});
    expect_gone("PDPTUnmap", {pdpt, abi::Label::x86_pdpt_unmap, {}, 0, {}, 0});
    expect_gone("deleting the page", delete_page);
    expect_gone("deleting the page table", {own, abi::Label::cnode_delete, {table, radix}, 2, {}, 0});
    expect_gone("deleting the page directory", {own, abi::Label::cnode_delete, {directory, radix}, 2, {}, 0});
    expect_gone("deleting the PDPT", {own, abi::Label::cnode_delete, {pdpt, radix}, 2, {}, 0});
    expect_gone("revoking the memory", {own, abi::Label::cnode_revoke, {untyped, radix}, 2, {}, 0});
}

// The same page mapped once more with fewer rights.
void test_rights() {
    Child const child(supply());
    Mapping const mapping(supply(), child, 0x1111);
    child.grant(pool, child.space.cptr);
    Call const remap{page, abi::Label::x86_page_map, {there, abi::right::read, 0}, 3, {pool}, 1};
    auto fault = touch(child, attack_touch_call_write, remap);
    expect("mapping it read-only", abi::MessageInfo{fault.registers.rsi}.label(), 0);
    check("a write after mapping it read-only", fault.is_page_fault(there, write_protected));
    Call const no_rights{page, abi::Label::x86_page_map, {there, 0, 0}, 3, {pool}, 1};
    fault = touch(child, attack_touch_call_touch, no_rights);
    check("a read after mapping it without rights", fault.is_page_fault(there, user_read | 1));
    auto const unmapped = touch(child, attack_touch_call_write, unmap_page);
    check("a read of a page without rights", unmapped.is_page_fault(there, user_read | 1));
}

// Whatever word is given as attributes or rights, the entry has no reserved bit, and rights do not grow.
void test_attributes() {
    Child const child(supply());
    auto const frame = supply().make<user::Frame>();
    *reinterpret_cast<u64*>(supply().view(frame)) = 0x3333;
    user::Frame const read_only{supply().copy(frame.cptr, abi::right::read)};
    Random random(7);
    for (u64 round = 0; round < 128; ++round) {
        u64 const attributes = (round < 64 ? u64{1} << round : random.next()) & ~abi::attribute::ExecuteNever::mask;
        supply().map(child.space, read_only, there, random.next() | abi::right::read, attributes);
        auto fault = child.run(attack_read_word, there);
        expect("a page with odd attributes", fault.registers.rax, 0x3333, attributes);
        check("a page with odd attributes", fault.is_exception(6), attributes);
        check("a write through a capability to read", child.run(attack_write, there).is_page_fault(there, write_protected), attributes);
        must("unmap it", read_only.unmap());
    }
}

// Another thread of the same address space sees it go, too, and so does one that was interrupted in it.
void test_two_threads() {
    Child const first(supply());
    Child const second(supply(), first);
    {
        Mapping const mapping(supply(), first, 0x1111);
        expect("the second thread reads it", second.run(attack_read_word, there).registers.rax, 0x1111);
        auto const fault = touch(first, attack_touch_call_touch, unmap_page);
        check("the first thread unmaps it", fault.is_page_fault(there, user_read));
        check("it is gone for the second", second.run(attack_read_word, there).is_page_fault(there, user_read));
    }
    Mapping const mapping(supply(), first, 0x1111);
    expect("the first thread reads it", first.run(attack_read_word, there).registers.rax, 0x1111);
    auto const fault = touch(second, attack_touch_call_touch, delete_page);
    check("the second thread deletes it", fault.is_page_fault(there, user_read));
    check("it is gone for the first", first.run(attack_read_word, there).is_page_fault(there, user_read));
}

// A new address space gets the ASID of a deleted one: nothing of the old one may be seen in it.
void test_asid_reuse() {
    auto const piece = supply().make<user::Untyped>(20);
    u64 const end = supply().slot() + 200;
    while (supply().slot() < end) {}
    Supply small(piece, end - 200, end);
    for (u64 round = 1; round <= 8; ++round) {
        {
            Child const child(small);
            auto const frame = small.make<user::Frame>();
            *reinterpret_cast<u64*>(small.view(frame)) = round;
            small.map(child.space, frame, there, read_write);
            expect("an address space with a used ASID", child.run(attack_read_word, there).registers.rax, round);
        }
        small.take_back();
        Child const empty(small); // the same ASID, nothing there
        check("a page of the ASID's last owner", empty.run(attack_read, there).is_page_fault(there, user_read), round);
        small.take_back();
    }
}

// The address space goes away under the thread that runs in it: it can do nothing but fault.
void test_lost_space() {
    Child const child(supply());
    auto const memory = supply().make<user::Untyped>(16);
    u64 const slot = supply().slot();
    must("make a PML4", memory.retype(abi::ObjectType::pml4, 0, own_cnode, slot));
    user::VSpace const space{slot};
    must("assign an ASID", user::AsidPool{abi::initial_slot::asid_pool}.assign(space));
    auto const code = supply().make<user::Frame>();
    u8* const view = supply().view(code);
    u8 const bytes[] = {0x0f, 0x05, 0x0f, 0x0b}; // SYSCALL; UD2
    for (unsigned i = 0; i < sizeof bytes; ++i) view[i] = bytes[i];
    supply().map(space, code, Child::code, abi::right::read);
    must("grant the memory", child.cnode.move(untyped, own_cnode.at(memory.cptr), radix));
    child.grant(own, child.cnode.cptr);
    must("move the child", child.tcb.set_space({Child::fault_slot, child.cnode, user::plain_guard(radix), space}));
    auto registers = child.at(Child::code);
    registers.rdx = static_cast<u64>(abi::Syscall::call);
    registers.rdi = own;
    registers.rsi = abi::MessageInfo::make(std::to_underlying(abi::Label::cnode_revoke), 2).word;
    registers.r10 = untyped;
    registers.r8 = radix;
    auto const fault = child.run(registers);
    expect("a thread that deleted its address space", fault.label, static_cast<u64>(abi::FaultLabel::vm_fault));
    expect("its FaultIP", fault.at(), Child::code + 2);
    expect("the address", fault.words[1], Child::code + 2);
}

} // namespace

void test_translation() {
    group("translation");
    test_own_unmapping();
    test_rights();
    test_attributes();
    test_two_threads();
    test_asid_reuse();
    test_lost_space();
}
