// SPDX-License-Identifier: Apache-2.0
// Whatever Retype gives is clean: of what the loader, another owner or the kernel left there. First of all tests, when most
// memory has not been used since the machine started.
#include "test/isolation/tests.hpp"

namespace {

constexpr u64 pattern = 0xa5c3'5a3c'f00d'd00d;
constexpr unsigned piece_bits = 22;
constexpr u64 large_size = u64{1} << abi::size_bits::large_page;

u64 words_not_zero(u8 const* memory, u64 bytes, u64 step = 8) {
    u64 count = 0;
    for (u64 i = 0; i < bytes; i += step) count += *reinterpret_cast<u64 const*>(memory + i) != 0;
    return count;
}
void fill(u8* memory, u64 bytes, u64 step = 8) {
    for (u64 i = 0; i < bytes; i += step) *reinterpret_cast<u64*>(memory + i) = pattern + i;
}

// The piece as frames of one size, all of them seen by the root task in a row.
struct Frames {
    user::Untyped piece;
    u64 count, size, slot;
    u8* view;
    Frames(user::Untyped from, abi::ObjectType type, u64 bytes) : piece(from), count((u64{1} << piece_bits) / bytes), size(bytes) {
        slot = supply().slot();
        for (u64 i = 1; i < count; ++i) supply().slot();
        for (u64 i = 0; i < count; i += 256)
            must("make frames", piece.retype(type, 0, own_cnode, slot + i, count < 256 ? count : 256));
        u64 const address = fresh_address(count * size);
        view = reinterpret_cast<u8*>(address);
        for (u64 i = 0; i < count; ++i) supply().map(own_space, {slot + i}, address + i * size, read_write);
    }
    u64 bytes() const { return count * size; }
};

void test_frames(user::Untyped piece) {
    for (int round = 0; round < 2; ++round) {
        {
            Frames const large(piece, abi::ObjectType::large_page, large_size);
            expect("large pages are clean", words_not_zero(large.view, large.bytes()), 0);
            fill(large.view, large.bytes());
            must("revoke", own_cnode.revoke(piece.cptr));
        }
        {
            Frames const small(piece, abi::ObjectType::small_page, page_size);
            expect("pages are clean", words_not_zero(small.view, small.bytes()), 0);
            fill(small.view, small.bytes());
            must("revoke", own_cnode.revoke(piece.cptr));
        }
    }
}

// A piece that is only partly dirty, and one whose objects went one by one.
void test_parts(user::Untyped piece) {
    u64 const slot = supply().slot();
    for (u64 pages = 1; pages <= 8; ++pages) {
        for (u64 i = 0; i < pages; ++i) {
            must("make a page", piece.retype(abi::ObjectType::small_page, 0, own_cnode, slot));
            u64 const address = fresh_address();
            supply().map(own_space, {slot}, address, read_write);
            expect("a page after others", words_not_zero(reinterpret_cast<u8*>(address), page_size), 0, pages);
            fill(reinterpret_cast<u8*>(address), page_size);
            must("delete it", own_cnode.remove(slot)); // the last: the piece is empty again
        }
    }
}

void dirty(user::Untyped piece) {
    Frames const frames(piece, abi::ObjectType::large_page, large_size);
    fill(frames.view, frames.bytes());
    must("revoke", own_cnode.revoke(piece.cptr));
}

void test_objects(user::Untyped piece, Child const& child) {
    constexpr u64 count = 16;
    u64 const slot = supply().slot();
    for (u64 i = 1; i < count; ++i) supply().slot();
    auto const make = [&](abi::ObjectType type, unsigned size_bits = 0) {
        must("revoke", own_cnode.revoke(piece.cptr));
        dirty(piece);
        must("make objects", piece.retype(type, size_bits, own_cnode, slot, count));
    };
    make(abi::ObjectType::tcb);
    for (u64 i = 0; i < count; ++i) {
        auto const registers = must("read a new thread", user::Tcb{slot + i}.read_registers(false));
        auto const* const words = &registers.rip;
        for (unsigned word = 0; word < user::Tcb::register_count; ++word)
            expect("a register of a new thread", words[word], word == 2 ? 0x202 : 0, word);
        expect("a new thread has no FPU flag", must("read flags", user::Tcb{slot + i}.set_flags(0, 0)), 0);
    }
    make(abi::ObjectType::cnode, 5);
    u64 const to = supply().slot();
    for (u64 i = 0; i < count; ++i)
        for (u64 entry = 0; entry < 32; ++entry)
            expect("a slot of a new CNode", code_of(own_cnode.copy(to, {slot + i, entry, 5})),
                   static_cast<u64>(abi::Error::failed_lookup), entry);
    make(abi::ObjectType::page_table);
    constexpr u64 there = 0x8000000000; // PML4 entry 1
    auto const pdpt = supply().make<user::Pdpt>();
    auto const directory = supply().make<user::PageDirectory>();
    must("map a PDPT", pdpt.map(child.space, there));
    must("map a page directory", directory.map(child.space, there));
    must("map a page table", user::PageTable{slot}.map(child.space, there));
    for (u64 i = 0; i < 512; ++i)
        check("an entry of a new page table", child.run(attack_read, there + i * page_size).is_page_fault(there + i * page_size, 4), i);
    make(abi::ObjectType::endpoint);
    expect("a new endpoint has no senders", user::Endpoint{slot}.receive_if_waiting().badge, 0);
    make(abi::ObjectType::notification);
    expect("a new notification is not signalled", user::Notification{slot}.poll(), 0);
}

// What the kernel kept in objects is not there for the next owner.
void test_residue(user::Untyped piece) {
    u64 const first = supply().slot();
    for (u64 i = 1; i < 1024; ++i) supply().slot();
    must("make a CNode", piece.retype(abi::ObjectType::cnode, 8, own_cnode, first));
    for (u64 i = 0; i < 256; ++i) must("fill it", user::CNode{first}.copy(i, own_cnode.at(abi::initial_slot::cnode), abi::right::all, 8));
    u64 slot = first + 1;
    for (auto const type : {abi::ObjectType::tcb, abi::ObjectType::endpoint, abi::ObjectType::notification, abi::ObjectType::page_table,
                            abi::ObjectType::page_directory, abi::ObjectType::pdpt, abi::ObjectType::pml4}) {
        must("make objects", piece.retype(type, 0, own_cnode, slot, 16));
        slot += 16;
    }
    for (u64 i = 0; i < 16; ++i)
        must("use the threads", user::Tcb{first + 1 + i}.set_space({0, {first}, 0, own_space}));
    must("revoke", own_cnode.revoke(piece.cptr));
    Frames const frames(piece, abi::ObjectType::small_page, page_size);
    expect("words left of kernel objects", words_not_zero(frames.view, frames.bytes()), 0);
}

// The pieces that lie between what the loader and the kernel used, and 16 MiB of the largest.
void test_after_boot() {
    auto const& info = boot_info();
    for (u64 i = 0; i < info.untyped.end - info.untyped.start; ++i) {
        auto const& piece = info.untyped_list[i];
        if (piece.is_device || piece.size_bits < 12 || piece.size_bits > 20) continue;
        user::Untyped const untyped{info.untyped.start + i};
        u64 const slot = supply().slot();
        for (u64 page = 0; page < u64{1} << (piece.size_bits - 12); ++page) {
            must("make a page", untyped.retype(abi::ObjectType::small_page, 0, own_cnode, slot));
            u64 const copy = supply().slot();
            must("move it", own_cnode.move(copy, own_cnode.at(slot)));
            u64 const address = fresh_address();
            supply().map(own_space, {copy}, address, read_write);
            expect("a page after booting", words_not_zero(reinterpret_cast<u8*>(address), page_size), 0, piece.physical + page * page_size);
        }
        must("give it back", own_cnode.revoke(untyped.cptr));
    }
    for (int i = 0; i < 8; ++i)
        expect("a large page after booting", words_not_zero(supply().view(supply().make<user::LargeFrame>(), large_size), large_size), 0);
}

} // namespace

void test_memory() {
    group("memory");
    test_after_boot();
    auto const piece = supply().make<user::Untyped>(piece_bits);
    Child const child(supply());
    test_frames(piece);
    test_parts(piece);
    must("revoke", own_cnode.revoke(piece.cptr));
    test_objects(piece, child);
    must("revoke", own_cnode.revoke(piece.cptr));
    test_residue(piece);
}
