// SPDX-License-Identifier: Apache-2.0
#include "service/root/resources.hpp"

extern "C" std::byte image_start[], constants_start[], data_start[]; // root.ld

Resources::Resources(abi::BootInfo const& boot_info)
    : boot_info_(boot_info), slots_(boot_info.empty.start, boot_info.empty.end, bitmap_),
      memory_(cnode, slots_), objects_(cnode, slots_, memory_) {
    memory_.add_records(records_);
    for (u64 slot = boot_info.untyped.start; slot < boot_info.untyped.end; ++slot) {
        auto const& untyped = boot_info.untyped_list[slot - boot_info.untyped.start];
        // A piece that does not fit into the tables stays unused.
        if (untyped.is_device)
            devices_.add(slot, untyped.physical, untyped.size_bits);
        else [[maybe_unused]]
            auto const added = memory_.add({slot}, untyped.size_bits);
    }
}

user::Result<> Resources::protect_image() {
    auto const end = reinterpret_cast<std::byte const*>(boot_info_.ipc_buffer);
    auto const archive = reinterpret_cast<std::byte const*>(protocol::archive_address);
    for (auto const* page = static_cast<std::byte const*>(image_start); page < end; page += 4096) {
        bool const code = page < constants_start;
        bool const data = page >= data_start && page < archive;
        TRY(image_frame(page).map(vspace, VirtAddr{reinterpret_cast<u64>(page)},
                                  abi::right::read | (data ? abi::right::write : 0),
                                  code ? 0 : abi::attribute::ExecuteNever::mask));
    }
    return {};
}

user::Result<> Resources::make_capability_space() {
    auto top = TRY(objects_.make<user::CNode>(capability_space::top_radix));
    TRY(capability_space::enter(top.object()));
    top_ = top.object();
    top.release();
    return {};
}

user::Frame Resources::image_frame(void const* address) const {
    u64 const page = static_cast<u64>(static_cast<std::byte const*>(address) - image_start) / 4096;
    return {boot_info_.image_frames.start + page};
}

user::Result<user::CPtr> Resources::device_frames(u64 address, u64 bytes) {
    user::CPtr const first = TRY(slots_.take_range(bytes / 4096));
    auto const split = [&](user::CPtr untyped, unsigned size_bits) -> std::optional<user::CPtr> {
        auto const halves = slots_.take_range(2);
        if (!halves ||
            !user::Untyped{untyped}.retype(abi::ObjectType::untyped, size_bits, cnode, *halves, 2))
            return {};
        return *halves;
    };
    for (u64 done = 0; done < bytes;) {
        unsigned const size_bits =
            devices_.first_block(address + done, bytes - done, largest_device_block);
        auto const untyped = devices_.take(address + done, size_bits, split);
        if (!untyped) {
            slots_.give_back_range(first, bytes / 4096);
            return fail(user::Error::out_of(user::Shortage::addresses));
        }
        TRY(user::Untyped{*untyped}.retype(abi::ObjectType::small_page, 0, cnode,
                                           first + done / 4096, u64{1} << (size_bits - 12)));
        done += u64{1} << size_bits;
    }
    return first;
}

user::Result<void*> Resources::keep_mapped(user::Frame frame) {
    u64 const address = kept_address + kept_pages_ * 4096;
    TRY(user::map(objects_, vspace, frame, VirtAddr{address}, abi::right::read | abi::right::write,
                  abi::attribute::ExecuteNever::mask));
    ++kept_pages_;
    return reinterpret_cast<void*>(address);
}
