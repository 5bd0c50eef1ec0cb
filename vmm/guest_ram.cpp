// SPDX-License-Identifier: Apache-2.0
#include "vmm/guest_ram.hpp"

#include <algorithm>
#include <optional>

namespace vmm {
namespace {

constexpr u64 frame_size = u64{1} << abi::size_bits::large_page;
constexpr u64 read_write = abi::right::read | abi::right::write;
constexpr unsigned fixed_capabilities =
    2; // of the grant: Vcpu and nested root come before the memory

SetupError because(char const* what, user::Error const& error) {
    return {std::string(what) + ": " + error.text().c_str()};
}

// Maps `count` frames that stand in consecutive slots: in the nested root, if there is one.
user::Result<> map_frames(std::optional<user::NestedRoot> root, user::CPtr first, u64 count,
                          u64 guest_physical, u64 address) {
    using namespace user::component;
    user::CPtr const copies = TRY(slots().take_range(count));
    for (u64 i = 0; i < count; ++i) {
        u64 const offset = i * frame_size;
        if (root)
            TRY(user::map_nested(objects(), *root, user::Frame{first + i},
                                 GuestPhys{guest_physical + offset}, read_write));
        TRY(cnode().copy(copies + i, cnode().at(first + i))); // one capability maps a frame once
        TRY(user::map(objects(), vspace(), user::Frame{copies + i}, VirtAddr{address + offset},
                      read_write, abi::attribute::ExecuteNever::make(1)));
    }
    return {};
}

} // namespace

std::expected<GuestRam, SetupError> map_guest_ram(protocol::GrantInfo const& guest, bool nested) {
    using namespace user::component;
    auto const base = window().take(guest.first, abi::size_bits::large_page);
    if (!base) return fail(because("no addresses for the guest's memory", base.error()));
    std::optional<user::NestedRoot> root;
    if (nested) root = user::NestedRoot{guest.first_slot + 1};
    GuestRam ram;
    u64 mapped = 0;
    for (u32 piece = 0; piece < std::size(guest.guest_size_bits) && guest.guest_size_bits[piece];
         ++piece) {
        user::Untyped const untyped{guest.first_slot + fixed_capabilities + piece};
        u64 const frames = (u64{1} << guest.guest_size_bits[piece]) / frame_size;
        for (u64 done = 0; done < frames;) {
            u64 const count = std::min(frames - done, abi::retype_fan_out_limit);
            auto const first = slots().take_range(count);
            if (!first)
                return fail(because("no slots for the guest's memory (raise monitor_memory)",
                                    first.error()));
            auto const made =
                untyped.retype(abi::ObjectType::large_page, 0, cnode(), *first, count);
            if (!made) return fail(because("cannot make the guest's memory", made.error()));
            auto const done_mapping = map_frames(root, *first, count, mapped, *base + mapped);
            if (!done_mapping)
                return fail(because("cannot map the guest's memory", done_mapping.error()));
            for (u64 i = 0; i < count; ++i) ram.frames.push_back(*first + i);
            mapped += count * frame_size;
            done += count;
        }
    }
    ram.bytes = std::span(reinterpret_cast<u8*>(*base), mapped);
    return ram;
}

} // namespace vmm
