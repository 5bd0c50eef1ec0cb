// SPDX-License-Identifier: Apache-2.0
// Guests without nested paging: their linear addresses are translated by the roots that the monitor keeps.
#include "test/vcpu/tests.hpp"

using vmx::ExitReason;
using vmx::Field;

namespace {

constexpr u64 read_only = abi::right::read;
constexpr u64 read_write = abi::right::read | abi::right::write;
constexpr u64 write_back = 6;
constexpr u64 supervisor = abi::attribute::Supervisor::mask | write_back;
constexpr u64 never_executed = abi::attribute::ExecuteNever::mask | write_back;
constexpr u64 there = 0x400000;     // where pages are mapped; below is the bench's memory
constexpr u64 kernel64 = 0xffff800000000000, kernel32 = 0xc0000000;
constexpr u64 own_memory = 0x100000; // offset of the pages in the bench's memory

// Page fault error codes, SDM vol. 3, 4.7.
constexpr u64 present = 1, on_write = 2, in_user_mode = 4, on_fetch = 16;

// One page of the bench's memory, mapped somewhere.
class Page {
public:
    Page(Bench& bench, u64 number, user::NestedRoot root, u64 linear, u64 rights, u64 attributes) {
        u64 const slot = must("take a slot", objects().slots().take());
        frame_ = must("carve a page", bench.frame.object().carve(own_memory + number * 4096, objects().cnode(), slot));
        must("map it", user::map_nested(objects(), root, frame_, {linear}, rights, attributes));
    }
    Page(Page const&) = delete;
    ~Page() {
        must("delete it", objects().cnode().remove(frame_.cptr));
        objects().slots().give_back(frame_.cptr);
    }
    void unmap() { must("unmap it", frame_.unmap()); }

private:
    user::Frame frame_;
};

u64& word_of(Bench& bench, u64 number) { return bench.word(own_memory + number * 4096); }

void expect_fault(char const* statement, Bench& bench, Stop const& at, u64 address, u64 error_code) {
    expect(statement, at.reason(), reason_of(ExitReason::exception));
    expect(statement, bench.read(Field::exit_interruption_info), 0x80000b0e);
    expect(statement, at.qualification(), address);
    expect(statement, bench.read(Field::exit_interruption_error_code), error_code);
}
void expect_call(char const* statement, Stop const& at) { expect(statement, at.reason(), reason_of(ExitReason::vmcall)); }
Stop again(Stop const& at) { return enter(at.rip()); }

// The kernel's half of a test of pages, alike for both kinds of guest: what the guest does is guest::memory.
void try_pages(char const* name, Bench& bench) {
    auto const root = bench.root.object();
    bench.write_registers({.rdi = there + 8});
    Stop at = bench.run();
    expect_fault(name, bench, at, there + 8, 0);
    {
        Page const closed(bench, 0, root, there, 0, write_back); // no right to read: not for the guest's kernel either
        at = again(at);
        expect_fault(name, bench, at, there + 8, 0);
    }
    word_of(bench, 0) = 0;
    bench.word(own_memory + 8) = 0x1234;
    {
        Page page(bench, 0, root, there, read_only, supervisor);
        at = again(at);
        expect_call(name, at);
        expect(name, at.rax(), 0x1234);
        at = bench.on(at);
        expect_fault(name, bench, at, there + 8, present | on_write);
        page.unmap();
        expect_fault(name, bench, again(at), there + 8, on_write); // at once
    }
    Page page(bench, 0, root, there, read_write, never_executed | supervisor);
    at = again(at);
    expect_call(name, at);
    at = bench.on(at);
    expect_fault(name, bench, at, there + 8, present | on_fetch);

    bench.enter_user_mode();
    at = bench.run();
    expect_fault(name, bench, at, there + 8, present | in_user_mode);
    page.unmap();
    Page open(bench, 0, root, there, read_write, never_executed);
    at = again(at);
    expect_call(name, at);
    at = bench.on(at);
    expect_call(name, at);
    expect_fault(name, bench, bench.on(at), there + 8, present | in_user_mode | on_fetch);
}

void test_pages() {
    {
        Bench bench;
        bench.use(own_thread);
        bench.load_shadow(guest::memory());
        try_pages("shadow: 64-bit guest, pages", bench);
    }
    Bench bench;
    bench.use(own_thread);
    bench.load_pae(guest::memory32());
    try_pages("shadow: PAE guest, pages", bench);
}

void expect_register(char const* statement, Stop const& at, u64 qualification) {
    expect(statement, at.reason(), reason_of(ExitReason::control_register));
    expect(statement, at.qualification() & 0x3f, qualification); // the operand needs decode assists
}

void test_forced_exits() {
    Bench bench;
    bench.use(own_thread);
    bench.load_shadow(guest::translation());
    bench.write(Field::guest_cr3, 0x7654000);
    bench.write_registers({.rdi = there});
    Stop at = bench.run();
    expect_register("shadow: MOV from CR3 exits", at, 0x13);
    expect("shadow: CR3 is what the monitor wrote", at.words[abi::vm_message::cr3], 0x7654000);
    expect("shadow: to be read as well", bench.read(Field::guest_cr3), 0x7654000);
    at = bench.on(at, 3);
    expect_register("shadow: MOV to CR3 exits", at, 0x03);
    at = bench.on(at, 3);
    expect("shadow: INVLPG exits", at.reason(), reason_of(ExitReason::invlpg));
    at = bench.on(at, 3);
    expect_register("shadow: MOV to CR0 exits", at, 0x00);
    at = bench.on(at, 3);
    expect_register("shadow: MOV to CR4 exits", at, 0x04);
    at = bench.on(at, 3);
    expect_call("shadow: CR2 is the guest's", at);
    expect("shadow: CR2 is the guest's", bench.read(Field::guest_cr2), there);

    bench.load_pae(guest::translation32());
    at = bench.run();
    expect_register("shadow: PAE guest, MOV from CR3 exits", at, 0x13);
    at = bench.on(at, 3);
    expect_register("shadow: PAE guest, MOV to CR3 exits", at, 0x03);
    at = bench.on(at, 3);
    expect("shadow: PAE guest, INVLPG exits", at.reason(), reason_of(ExitReason::invlpg));
    at = bench.on(at, 3);
    expect_register("shadow: PAE guest, PAE cannot be left", at, 0x04);
    expect_call("shadow: PAE guest, without the monitor's help", bench.on(at, 3));
}

void test_injected_fault() {
    Bench bench;
    bench.use(own_thread);
    bench.load_shadow(guest::registers());
    bench.handle(14, guest::cr2_handler());
    bench.write(Field::guest_cr2, 0xdeadbee123);
    bench.write(Field::entry_exception_error_code, 6);
    Stop const at = enter(Bench::code, 0, 0x80000b0e);
    expect_call("shadow: an injected page fault is handled", at);
    expect("shadow: with CR2", at.rax(), 0xdeadbee123);
    expect("shadow: and the error code", at.rbx(), 6);
}

// Two address spaces with a kernel that they share.
void try_roots(char const* name, Bench& one, Bench& other, user::NestedRoot kernel, u64 first) {
    Page const in_one(one, 1, one.root.object(), there, read_write, write_back);
    Page const in_other(other, 1, other.root.object(), there, read_write, write_back);
    Page const shared(one, 2, kernel, first + 0x1000, read_write, supervisor);
    Page const hidden(one, 3, kernel, there, read_write, write_back); // below its first address: never seen
    must("TCBSetSharedRoot", own_thread.set_shared_root(kernel, first));
    word_of(one, 1) = 11;
    word_of(other, 1) = 22;
    word_of(one, 2) = 33;
    word_of(one, 3) = 44;
    auto const look = [&](u64 address) {
        one.write_registers({.rdi = address});
        return one.run();
    };
    for (int round = 0; round < 3; ++round) {
        for (Bench* const space : {&one, &other}) {
            must("TCBSetEPTRoot", own_thread.set_nested_root(space->root.object()));
            expect(name, look(there).rax(), space == &one ? 11 : 22);
            expect(name, look(first + 0x1000).rax(), 33);
        }
    }
    {
        Page later(one, 4, kernel, first + (first >> 47 ? u64{1} << 39 : 0) + 0x200000, read_write, write_back);
        word_of(one, 4) = 55;
        u64 const address = first + (first >> 47 ? u64{1} << 39 : 0) + 0x200000;
        expect(name, look(address).rax(), 55); // a table was mapped
        later.unmap();
        expect_fault(name, one, look(address), address, 0);
    }
    must("no shared root", own_thread.clear_shared_root());
    expect_fault(name, one, look(first + 0x1000), first + 0x1000, 0);
}

user::Handle<user::NestedRoot> new_root() {
    auto root = must("make an EPT PML4", objects().make<user::NestedRoot>());
    must("assign an ASID", user::perform(abi::initial_slot::asid_pool, abi::Label::x86_asid_pool_assign, {}, {root.cptr()}));
    return root;
}

void test_roots() {
    Bench one, other;
    auto kernel = new_root();
    one.use(own_thread);
    for (Bench* const bench : {&one, &other}) bench->load_shadow(guest::memory());
    try_roots("shadow: 64-bit guest, roots", one, other, kernel.object(), kernel64);
    for (Bench* const bench : {&one, &other}) bench->load_pae(guest::memory32());
    auto kernel_of_pae = new_root();
    try_roots("shadow: PAE guest, roots", one, other, kernel_of_pae.object(), kernel32);

    must("TCBSetSharedRoot", own_thread.set_shared_root(kernel.object(), kernel64));
    kernel = {}; // the last capability but the thread's, which goes with it
    check("shadow: a deleted shared root is gone", one.run().exit);
    must("no shared root", own_thread.clear_shared_root());
}

void test_refused_modes() {
    Bench bench;
    bench.use(own_thread);
    bench.load_shadow(guest::registers());
    auto const refused = [&](char const* statement, Field field, u64 value) {
        u64 const old = bench.read(field);
        bench.write(field, value);
        expect(statement, bench.run().qualification(), ~u64{0});
        bench.write(field, old);
    };
    refused("shadow: a guest without paging", Field::guest_cr0, 0x10011);
    refused("shadow: long mode that is not active", Field::guest_efer, 0x901);
    bench.load_pae(guest::registers());
    refused("shadow: real mode", Field::guest_cr0, 0x10);
    refused("shadow: paging without PAE", Field::guest_cr4, 0x600);
    if (!has_nested_paging())
        refused("shadow: nested paging that is not there", Field::secondary_controls, vmx::secondary::NestedPaging::mask);
    bench.load_shadow(guest::registers());
    expect_call("shadow: the guest is none the worse", bench.run());
}

} // namespace

void test_shadow() {
    test_pages();
    test_forced_exits();
    test_injected_fault();
    test_roots();
    test_refused_modes();
}
