// SPDX-License-Identifier: Apache-2.0
// Everything that root owns: slots, memory, device memory, the frames of its own image (with the
// boot archive in it).
#pragma once

#include <cstring>

#include "abi/boot_info.hpp"
#include "service/root/archive.hpp"
#include "service/root/capability_space.hpp"
#include "service/root/device_memory.hpp"
#include "user/mapping.hpp"
#include "user/object_allocator.hpp"

class Resources {
public:
    explicit Resources(abi::BootInfo const& boot_info);
    Resources(Resources const&) = delete;
    Resources& operator=(Resources const&) = delete;

    // Maps root's own image again, as the kernel does not: nothing both writable and executable,
    // the archive read-only.
    user::Result<> protect_image();
    // Makes the upper level of root's CSpace.
    user::Result<> make_capability_space();
    user::CNode top() const { return top_; }
    // A slot by the CPtr that root names it with, as source or target of a CNode invocation.
    user::CNode::Place place(user::CPtr cptr) const {
        return top_.at(cptr, capability_space::top_radix + capability_space::slot_bits);
    }

    static constexpr user::CNode cnode = capability_space::initial;
    user::SlotAllocator& slots() { return slots_; }
    user::UntypedAllocator& memory() { return memory_; }
    user::ObjectAllocator& objects() { return objects_; }

    // Frames of device memory in consecutive slots of the initial CNode; returns the first.
    // address, bytes: multiples of 4 KiB.
    user::Result<user::CPtr> device_frames(u64 address, u64 bytes);

    // The frame of root's own image that holds this address.
    user::Frame image_frame(void const* address) const;

    // Maps a frame where root can write it while fill(pointer) runs.
    template <class Fill> user::Result<> write_frame(user::Frame frame, Fill fill) {
        TRY(user::map(objects_, vspace, frame, VirtAddr{scratch_address},
                      abi::right::read | abi::right::write, abi::attribute::ExecuteNever::mask));
        fill(reinterpret_cast<std::byte*>(scratch_address));
        return frame.unmap();
    }
    // Maps a frame for good; the address is root's.
    user::Result<void*> keep_mapped(user::Frame frame);

private:
    static constexpr user::VSpace vspace{abi::initial_slot::vspace};
    static constexpr u64 scratch_address =
        0x3fe00000; // above image and archive, in a page table of its own
    static constexpr u64 kept_address = scratch_address + 0x1000;
    static constexpr unsigned largest_device_block = 20; // 256 pages: what one Retype can make

    abi::BootInfo const& boot_info_;
    u64 bitmap_[user::SlotAllocator::words_for(u64{1} << abi::root_cnode_radix)];
    user::UntypedPiece records_[1024];
    user::SlotAllocator slots_;
    user::UntypedAllocator memory_;
    user::ObjectAllocator objects_;
    DeviceMemory<512> devices_;
    user::CNode top_{};
    u64 kept_pages_{};
};
