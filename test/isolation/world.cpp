// SPDX-License-Identifier: Apache-2.0
#include "test/isolation/world.hpp"

#include <new>

#include "user/bare/print.hpp"

namespace {

u64 checks, failed, group_checks;
char const* group_name;
abi::BootInfo const* info;
alignas(Supply) std::byte supply_memory[sizeof(Supply)];
u64 next_address = 0x100000000;

void end_group() {
    if (group_name) user::print(user::Text<120>{}.add("  ").add(group_name).add(": ").decimal(group_checks).add("\n"));
    group_checks = 0;
}

u64 largest_untyped() {
    u64 best = 0, best_bits = 0;
    for (u64 i = 0; i < info->untyped.end - info->untyped.start; ++i) {
        auto const& piece = info->untyped_list[i];
        if (piece.is_device || piece.size_bits <= best_bits) continue;
        best = info->untyped.start + i;
        best_bits = piece.size_bits;
    }
    return best;
}

} // namespace

void expect(char const* statement, u64 found, u64 wanted, u64 number) {
    ++checks;
    ++group_checks;
    if (found == wanted) return;
    if (++failed > 40) return; // the first ones say enough
    user::Text<240> text;
    text.add("FAIL ").add(group_name ? group_name : "").add(": ").add(statement);
    if (number) text.add(" (").hexadecimal(number).add(")");
    user::print(text.add(": found ").hexadecimal(found).add(", not ").hexadecimal(wanted).add("\n"));
}

void group(char const* name) {
    end_group();
    group_name = name;
}

void print_score(char const* program) {
    end_group();
    user::print(user::Text<96>{}.add(program).add(": ").decimal(checks).add(" checks, ").decimal(failed).add(" failed\n"));
}

u64 failures() { return failed; }

void stop(char const* what, user::Error const& error) {
    user::print(user::Text<200>{}.add("FAIL ").add(group_name ? group_name : "").add(": cannot ").add(what).add(": ")
                    .add(error.text().c_str()).add("\n"));
    ++failed;
    print_score("stopped");
    user::debug_halt();
}

u64 Supply::slot() {
    if (next_ == end_) stop("take a slot", user::Error::out_of(user::Shortage::slots));
    return next_++;
}

u64 Supply::make(abi::ObjectType type, unsigned size_bits) {
    u64 const to = slot();
    must("make an object", memory_.retype(type, size_bits, own_cnode, to));
    return to;
}

u64 Supply::copy(u64 cptr, u64 rights) {
    u64 const to = slot();
    must("copy a capability", own_cnode.copy(to, own_cnode.at(cptr), rights));
    return to;
}

void Supply::map(user::VSpace space, user::Frame frame, u64 address, u64 rights, u64 attributes) {
    auto const add = [&](auto structure) {
        must("map a paging structure", structure.map(space, address));
        if (space.cptr != own_space.cptr) structures_.push(structure.cptr);
    };
    for (;;) {
        auto const mapped = frame.map(space, {address}, rights, attributes);
        if (mapped) return;
        switch (mapped.error().missing_level()) {
        case 39: add(make<user::Pdpt>()); break;
        case 30: add(make<user::PageDirectory>()); break;
        case 21: add(make<user::PageTable>()); break;
        default: stop("map a frame", mapped.error());
        }
    }
}

user::VSpace Supply::make_space() {
    auto const space = make<user::VSpace>();
    must("assign an ASID", user::AsidPool{abi::initial_slot::asid_pool}.assign(space));
    return space;
}

u8* Supply::view(user::Frame frame, u64 bytes) {
    u64 const address = fresh_address(bytes);
    map(own_space, {copy(frame.cptr)}, address, read_write);
    return reinterpret_cast<u8*>(address);
}

void Supply::take_back() {
    must("revoke the memory", own_cnode.revoke(memory_.cptr));
    next_ = first_;
    structures_.clear();
}

void start_world(abi::BootInfo const& boot) {
    info = &boot;
    new (supply_memory) Supply({largest_untyped()}, boot.empty.start, boot.empty.end);
}
abi::BootInfo const& boot_info() { return *info; }
Supply& supply() { return *std::launder(reinterpret_cast<Supply*>(supply_memory)); }

u64 fresh_address(u64 bytes) {
    next_address = (next_address + bytes - 1) & ~(bytes - 1);
    u64 const address = next_address;
    next_address += bytes;
    return address;
}
