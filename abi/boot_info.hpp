// SPDX-License-Identifier: Apache-2.0
// What the root task finds in its BootInfo frame and its initial CNode: ABI section 3.
#pragma once

#include "base/types.hpp"

namespace abi {

struct SlotRegion { // slots of the initial CNode: first, and one past the last
    u64 start, end;
};

struct UntypedDescriptor {
    u64 physical; // address of its first byte
    u8 size_bits;
    u8 is_device;
    u8 padding[6];
};
static_assert(sizeof(UntypedDescriptor) == 16);

inline constexpr unsigned max_boot_untyped = 230;

struct BootInfo { // ABI 3.1
    u64 extra_length;   // bytes of the chunks that follow at + 4 KiB
    u64 node_id;
    u64 node_count;
    u64 io_pt_levels;   // all ones: no IOMMU support
    u64 ipc_buffer;     // virtual address
    SlotRegion empty;
    SlotRegion shared_frames;
    SlotRegion image_frames;
    SlotRegion image_paging;
    SlotRegion io_space_caps;
    SlotRegion extra_frames;
    u64 initial_cnode_radix;
    u64 initial_domain;
    SlotRegion untyped;
    UntypedDescriptor untyped_list[max_boot_untyped];
};
static_assert(sizeof(BootInfo) == 3848 && offsetof(BootInfo, untyped_list) == 168);

namespace initial_slot { // ABI 3.2
inline constexpr u64 tcb = 1;
inline constexpr u64 cnode = 2;
inline constexpr u64 vspace = 3;
inline constexpr u64 irq_control = 4;
inline constexpr u64 asid_control = 5;
inline constexpr u64 asid_pool = 6;
inline constexpr u64 io_port_control = 7;
inline constexpr u64 boot_info_frame = 9;
inline constexpr u64 ipc_buffer_frame = 10;
inline constexpr u64 domain = 11;
inline constexpr u64 first_dynamic = 16;
} // namespace initial_slot

enum class BootChunk : u64 { // ABI 3.4
    padding = 0,
    vbe = 1,
    multiboot_memory_map = 2,
    acpi_rsdp = 3,
    framebuffer = 4,
    tsc_frequency = 5,
};

struct BootChunkHeader {
    u64 id;
    u64 length; // bytes, header included
};

} // namespace abi
