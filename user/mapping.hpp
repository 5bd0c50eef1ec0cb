// SPDX-License-Identifier: Apache-2.0
// Maps a frame and makes the paging structures that are missing on the way: the kernel names each
// by the bits it translates. The structures made stay until the address space is gone; the memory
// allocator owns them.
#pragma once

#include "user/object_allocator.hpp"
#include "user/vspace.hpp"

namespace user {

// Makes and maps the one structure that a failed mapping misses; gives the error back when it is
// about something else.
Result<> add_structure(ObjectAllocator& objects, VSpace space, u64 address, Error const& failure);
Result<> add_structure(ObjectAllocator& objects, NestedRoot root, u64 address,
                       Error const& failure);

// rights and attributes as in Frame::map.
Result<> map(ObjectAllocator& objects, VSpace space, Frame frame, VirtAddr address, u64 rights,
             u64 attributes = 0);
Result<> map_nested(ObjectAllocator& objects, NestedRoot root, Frame frame, GuestPhys address,
                    u64 rights, u64 attributes = 6);

} // namespace user
