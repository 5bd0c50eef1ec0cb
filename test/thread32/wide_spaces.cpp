// SPDX-License-Identifier: Apache-2.0
// What a wide thread sees: 4 GiB of its roots, 512 GiB to 1 TiB of its VSpace, and nothing else.
#include "test/thread32/tests.hpp"
#include "test/thread32/wide_routines.hpp"

namespace {

constexpr u8 invalid_opcode = 6, page_fault = 14;
constexpr u64 upper = u64{1} << 39, upper_end = u64{1} << 40;

user::Registers64 access(Guest const& guest, void (*routine)(), u64 address) {
    user::Registers64 registers = guest.wide_at(routine);
    registers.rbx = address;
    return registers;
}
void expect_word(char const* statement, Guest const& guest, u64 address, u64 word, bool visible = true) {
    auto const trap = guest.go_on(access(guest, wide_read, address), visible);
    expect(statement, trap.event, invalid_opcode, address);
    expect(statement, trap.registers.rax, word, address);
}
void expect_nothing(char const* statement, Guest const& guest, u64 address, bool visible = true) {
    auto const trap = guest.go_on(access(guest, wide_read, address), visible);
    expect(statement, trap.event, page_fault, address);
    expect(statement, trap.address, address, address);
    expect(statement, trap.error_code & 4, 4, address);
}

struct Page { // with a word that names it
    explicit Page(u64 word) : frame(supply().make<user::Frame>()), view(reinterpret_cast<u64*>(supply().view(frame))) { *view = word; }
    user::Frame frame;
    u64* view;
};

void use_space(Guest const& guest, user::VSpace space) { must("another VSpace", guest.tcb.set_space({guest.faults.cptr, own_cnode, 0, space})); }

void test_upper_part() {
    Guest const guest(supply());
    user::VSpace const space = supply().make_space();
    use_space(guest, space);
    guest.start(guest.at(guest_count));
    expect_nothing("before it is mapped", guest, upper);
    Page const first(1), last(2), read_only(3), outside(4);
    supply().map(space, first.frame, upper, read_write);
    supply().map(space, last.frame, upper_end - page_size, read_write);
    supply().map(space, read_only.frame, upper + page_size, abi::right::read, abi::attribute::ExecuteNever::mask);
    // What the VSpace has elsewhere is not there.
    supply().map(space, {supply().copy(outside.frame.cptr)}, 0x70000, read_write);
    supply().map(space, {supply().copy(outside.frame.cptr)}, u64{1} << 32, read_write);
    supply().map(space, {supply().copy(outside.frame.cptr)}, upper - page_size, read_write);
    supply().map(space, {supply().copy(outside.frame.cptr)}, upper_end, read_write);
    supply().map(space, outside.frame, (u64{1} << 47) - 2 * page_size, read_write);
    expect_word("mapped", guest, upper, 1);
    expect_word("at its end", guest, upper_end - page_size, 2);
    expect_word("read-only", guest, upper + page_size, 3);
    expect_exception("read-only", guest.go_on(access(guest, wide_write, upper + page_size)), page_fault, 7, Guest::address_of(wide_write));
    expect_exception("not executable", guest.go_on(access(guest, wide_execute, upper + page_size)), page_fault, 0x15, upper + page_size);
    auto registers = access(guest, wide_write, upper + 8);
    registers.rax = 0x1234'5678'9abc'def0;
    expect("it writes", guest.go_on(registers).event, invalid_opcode);
    expect("it wrote", first.view[1], registers.rax);
    first.view[2] = 0x0b0f; // UD2
    expect_exception("it runs code there", guest.go_on(access(guest, wide_execute, upper + 16)), invalid_opcode, 0, upper + 16);
    expect_word("below 4 GiB its root counts", guest, Guest::data, guest.data_view[0]);
    for (u64 const address : {u64{0x70000}, u64{1} << 32, upper - page_size, upper_end, (u64{1} << 47) - 2 * page_size})
        expect_nothing("what its VSpace has elsewhere", guest, address);
    for (unsigned shift = 32; shift < 39; ++shift) expect_nothing("4 GiB to 512 GiB", guest, u64{1} << shift);
    expect_nothing("4 GiB to 512 GiB", guest, u64{0x1'ffff'f000});
    for (u64 entry = 2; entry < 512; ++entry) {
        u64 const address = entry << 39 | (entry >= 256 ? u64{0xffff} << 48 : 0);
        expect_nothing("other entries of the PML4", guest, address);
        expect_nothing("other entries of the PML4", guest, address + (u64{1} << 39) - page_size);
    }
    // The kernel's image, constants, window, devices.
    for (u64 const address : {u64{0xffff'ffff'8010'0000}, u64{0xffff'ffff'8014'0000}, u64{0xffff'ff80'0010'0000}, u64{0xffff'ffff'c000'0000}}) {
        expect_nothing("the kernel", guest, address);
        for (auto const routine : {wide_write, wide_execute}) {
            auto const trap = guest.go_on(access(guest, routine, address));
            expect("the kernel", trap.event, page_fault, address);
            expect("the kernel", trap.address, address, address);
        }
    }
    // In 32-bit mode addresses have 32 bits.
    user::Registers32 narrow = guest.at(guest_read);
    narrow.ebx = static_cast<u32>(upper);
    expect("in 32-bit mode: page fault", guest.go_on(narrow).event, page_fault);
}

void test_lost_structures() {
    Guest const guest(supply());
    user::VSpace const space = supply().make_space();
    use_space(guest, space);
    guest.start(guest.at(guest_count));
    Page const page(21);
    auto const pdpt = supply().make<user::Pdpt>();
    auto const directory = supply().make<user::PageDirectory>();
    auto const table = supply().make<user::PageTable>();
    constexpr u64 address = upper + 0x12'3456'7000;
    auto const map_all = [&] {
        must("map the PDPT", pdpt.map(space, address));
        must("map the directory", directory.map(space, address));
        must("map the table", table.map(space, address));
        must("map the page", page.frame.map(space, {address}, read_write));
        expect_word("mapped", guest, address, 21);
    };
    map_all();
    must("unmap the page", page.frame.unmap());
    expect_nothing("without its page", guest, address);
    must("map the page", page.frame.map(space, {address}, read_write));
    expect_word("mapped again", guest, address, 21);
    must("unmap the table", table.unmap());
    expect_nothing("without its table", guest, address);
    must("map the table", table.map(space, address));
    must("unmap the directory", directory.unmap());
    expect_nothing("without its directory", guest, address);
    must("unmap the PDPT", pdpt.unmap());
    expect_nothing("without its PDPT", guest, address);
    must("the page's mapping is forgotten", page.frame.unmap());
    must("the table's", table.unmap());
    must("the directory's", directory.unmap());
    map_all();
    must("delete the PDPT", own_cnode.remove(pdpt.cptr));
    expect_nothing("its PDPT deleted", guest, address);
}

void test_lost_spaces() {
    Guest const guest(supply());
    user::VSpace const one = supply().make_space(), other = supply().make_space();
    Page const page(31), another(32);
    constexpr u64 address = upper + 0x7000;
    supply().map(one, page.frame, address, read_write);
    supply().map(other, another.frame, address, read_write);
    guest.start(guest.at(guest_count));
    use_space(guest, one);
    expect_word("one VSpace", guest, address, 31);
    use_space(guest, other);
    expect_word("another", guest, address, 32);
    must("revoke it: the thread's copy goes", own_cnode.revoke(other.cptr));
    expect_nothing("revoked", guest, address);
    use_space(guest, one);
    expect_word("the first one", guest, address, 31);
    must("delete it", own_cnode.revoke(one.cptr));
    must("delete it", own_cnode.remove(one.cptr));
    expect_nothing("deleted", guest, address);
    // Code and stack lay there.
    use_space(guest, other);
    *another.view = 0xfeeb; // a jump to itself
    must("start it", guest.tcb.write_wide_registers(user::context_of(user::Registers64{.rip = address, .rsp = address + page_size}), true));
    user::yield();
    must("delete the VSpace of a thread that is ready", own_cnode.revoke(other.cptr));
    auto const trap = guest.wait_wide();
    expect_exception("its code is gone", trap, page_fault, 0x14, address);
    expect("its code is gone", trap.address, address);
    expect("below 4 GiB it still runs", guest.go_on(guest.wide_at(wide_count)).registers.rax, 1);
}

void test_shared_root() {
    Guest guest(supply());
    Tables shared(supply());
    Page const common(41);
    shared.map(common.frame, Guest::shared, read_write);
    must("give it a shared root", guest.tcb.set_shared_root(shared.root, Guest::shared));
    guest.start(guest.at(guest_count));
    for (int round = 0; round < 3; ++round) {
        expect_word("visible", guest, Guest::shared, 41);
        expect_nothing("not visible", guest, Guest::shared, false);
    }
    must("revoke the root", own_cnode.revoke(guest.tables.root.cptr));
    auto const trap = guest.go_on(guest.wide_at(wide_count));
    expect_exception("its root revoked", trap, page_fault, 20, Guest::address_of(wide_count));
}

} // namespace

void test_wide_spaces() {
    group("wide: spaces");
    test_upper_part();
    test_lost_structures();
    test_lost_spaces();
    test_shared_root();
}
