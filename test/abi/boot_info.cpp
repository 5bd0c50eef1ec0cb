// SPDX-License-Identifier: Apache-2.0
// 2.4 and 3: BootInfo, the initial capability space, the address space around the image.
#include "abi/boot_info.hpp"

#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/world.hpp"

extern "C" char __executable_start[];

namespace {

constexpr u64 page = 4096;
u64 marker; // somewhere in the image

u64 count(abi::SlotRegion region) { return region.end - region.start; }

void check_fields(abi::BootInfo const& info) {
    check_equal("3.1 nodeID", info.node_id, 0);
    check_equal("3.1 numNodes", info.node_count, 1);
    check_equal("3.1 numIOPTLevels is all ones without IOMMU support", info.io_pt_levels, ~u64{0});
    check_equal("3.1 sharedFrames is empty", info.shared_frames.start | info.shared_frames.end, 0);
    check_equal("3.1 ioSpaceCaps is empty", info.io_space_caps.start | info.io_space_caps.end, 0);
    check_equal("3.1 initThreadCNodeSizeBits", info.initial_cnode_radix, 13);
    check_equal("3.1 initThreadDomain", info.initial_domain, 0);
    check_equal("3.1 empty ends with the CNode", info.empty.end, 8192);
    u64 rest = 0;
    for (u64 i = sizeof info; i < page; ++i) rest |= reinterpret_cast<u8 const*>(&info)[i];
    check_equal("3.1 the rest of BootInfo's page is 0", rest, 0);
    rest = 0;
    for (u64 i = count(info.untyped); i < abi::max_boot_untyped; ++i) rest |= info.untyped_list[i].size_bits;
    check_equal("3.1 descriptors behind the last untyped are 0", rest, 0);
}

void check_order(abi::BootInfo const& info) {
    check_equal("3.3 image paging comes first, from slot 16", info.image_paging.start, 16);
    check_equal("3.3 extra frames follow", info.extra_frames.start, info.image_paging.end);
    check_equal("3.3 image frames follow", info.image_frames.start, info.extra_frames.end);
    check_equal("3.3 untypeds follow", info.untyped.start, info.image_frames.end);
    check_equal("3.3 everything behind the last untyped is empty", info.empty.start, info.untyped.end);
    check_equal("3.4 one frame for each page of extra boot info", count(info.extra_frames),
                (info.extra_length + page - 1) / page);
    check("2.4 image paging is one PDPT, one PD and page tables", count(info.image_paging) >= 3);
    u64 const image = reinterpret_cast<u64>(__executable_start);
    check_equal("2.4 IPC buffer page behind the image", info.ipc_buffer, image + count(info.image_frames) * page);
    check_equal("2.4 BootInfo page behind the IPC buffer", reinterpret_cast<u64>(&info), info.ipc_buffer + page);
}

// The kinds of capabilities, told apart by what they answer to a label that they know when it comes without arguments.
void check_slots(abi::BootInfo const& info) {
    Case const kinds[] = {
        {"3.2 slot 0 is empty", 0, Label::tcb_resume, {}, {}, invalid_capability(0)},
        {"3.2 slot 1 is the thread's TCB", 1, Label::tcb_read_registers, {}, {}, truncated},
        {"3.2 slot 2 is the CNode", 2, Label::cnode_delete, {}, {}, truncated},
        {"3.2 slot 3 is the PML4: no invocations", 3, Label::x86_pdpt_map, {}, {}, illegal_operation},
        {"3.2 slot 4 is IRQ control", 4, Label::x86_irq_issue_irq_handler_msi, {}, {}, truncated},
        {"3.2 slot 5 is ASID control", 5, Label::x86_asid_control_make_pool, {}, {}, truncated},
        {"3.2 slot 6 is an ASID pool", 6, Label::x86_asid_pool_assign, {}, {}, truncated},
        {"3.2 slot 7 is I/O port control", 7, Label::x86_io_port_control_issue, {}, {}, truncated},
        {"3.2 slot 8 is empty without IOMMU", 8, Label::tcb_resume, {}, {}, invalid_capability(0)},
        {"3.2 slot 9 is BootInfo's frame", 9, Label::x86_page_map, {}, {}, truncated},
        {"3.2 slot 10 is the IPC buffer's frame", 10, Label::x86_page_map, {}, {}, truncated},
        {"3.2 slot 11 is domain control", 11, Label::domain_set_set, {}, {}, truncated},
        {"3.2 slot 12 is empty", 12, Label::tcb_resume, {}, {}, invalid_capability(0)},
        {"3.2 slot 13 is empty", 13, Label::tcb_resume, {}, {}, invalid_capability(0)},
        {"3.2 slot 14 is empty in the classic API", 14, Label::tcb_resume, {}, {}, invalid_capability(0)},
        {"3.2 slot 15 is empty", 15, Label::tcb_resume, {}, {}, invalid_capability(0)},
        {"3.3 the first paging structure is a PDPT", info.image_paging.start, Label::x86_pdpt_map, {}, {}, truncated},
        {"3.3 the second is a PD", info.image_paging.start + 1, Label::x86_page_directory_map, {}, {}, truncated},
        {"3.3 the last is a PT", info.image_paging.end - 1, Label::x86_page_table_map, {}, {}, truncated},
        {"3.3 image frames are frames", info.image_frames.start, Label::x86_page_map, {}, {}, truncated},
        {"3.3 also the last", info.image_frames.end - 1, Label::x86_page_map, {}, {}, truncated},
        {"3.3 untypeds are untypeds", info.untyped.start, Label::untyped_retype, {}, {}, truncated},
        {"3.3 also the last", info.untyped.end - 1, Label::untyped_retype, {}, {}, truncated},
        {"3.1 the first empty slot is empty", info.empty.start + 1, Label::tcb_resume, {}, {}, invalid_capability(0)},
        {"3.1 the last empty slot is empty", info.empty.end - 1, Label::tcb_resume, {}, {}, invalid_capability(0)},
    };
    check_cases(kinds);
    // Mapped frames: mapping them elsewhere is refused with the error for "mapped at another address" (7.7, 3c).
    check_answer("3.2 BootInfo's frame is mapped in this address space",
                 invoke(9, Label::x86_page_map, {0x10000000000, 3, 0}, {root_vspace}), invalid_argument(0));
    check_answer("3.2 image frames are mapped in this address space",
                 invoke(info.image_frames.start, Label::x86_page_map, {0x10000000000, 3, 0}, {root_vspace}), invalid_argument(0));
    check_answer(
        "3.2 image frames come in the order of their addresses",
        invoke(frame_of(&marker), Label::x86_page_map, {reinterpret_cast<u64>(&marker) & ~u64{4095}, 3, 0}, {root_vspace}),
        done());
}

void check_extra(abi::BootInfo const& info) {
    u64 const start = reinterpret_cast<u64>(&info) + page;
    u64 at = 0, last_order = 0;
    bool ordered = true, memory_map = false;
    u32 frequency = 0;
    u64 rsdp_length = 0;
    u64 signature = 0;
    while (at + sizeof(abi::BootChunkHeader) <= info.extra_length) {
        auto const* const header = reinterpret_cast<u64 const*>(start + at);
        u64 const id = header[0], length = header[1];
        if (length < sizeof(abi::BootChunkHeader)) break;
        u64 const order = id == 1 ? 1 : id == 3 ? 2 : id == 4 ? 3 : id == 2 ? 4 : id == 5 ? 5 : 6; // as 3.4 lists them
        ordered = ordered && order > last_order;
        last_order = order;
        if (id == 3) {
            rsdp_length = length;
            signature = header[2];
        }
        if (id == 2) memory_map = length == 1220;
        if (id == 5 && length == 20) frequency = reinterpret_cast<u32 const*>(header)[4];
        at += length;
    }
    check_equal("3.4 the chunks fill extraLen exactly", at, info.extra_length);
    check("3.4 the chunks come in the order of the table", ordered);
    check_equal("3.4 the RSDP chunk has 52 bytes", rsdp_length, 52);
    check_equal("3.4 the RSDP chunk holds an RSDP", signature, 0x2052545020445352); // "RSD PTR "
    check("3.4 the memory map chunk has 1220 bytes", memory_map);
    check("3.4 the TSC frequency is not 0", frequency != 0);
}

void check_untypeds(abi::BootInfo const& info) {
    u64 const n = count(info.untyped);
    bool devices_first = true, device_order = true, sizes = true, flags = true, padding = true, overlap = false;
    for (u64 i = 0; i < n; ++i) {
        abi::UntypedDescriptor const& a = info.untyped_list[i];
        sizes = sizes && a.size_bits >= 4 && a.size_bits <= 47;
        flags = flags && a.is_device <= 1;
        for (u8 const byte : a.padding) padding = padding && byte == 0;
        if (i == 0) continue;
        abi::UntypedDescriptor const& b = info.untyped_list[i - 1];
        devices_first = devices_first && b.is_device >= a.is_device;
        device_order = device_order && (!a.is_device || a.physical > b.physical);
        for (u64 k = 0; k < i; ++k) {
            abi::UntypedDescriptor const& c = info.untyped_list[k];
            overlap = overlap ||
                      (a.physical < c.physical + (u64{1} << c.size_bits) && c.physical < a.physical + (u64{1} << a.size_bits));
        }
    }
    check("3.5 device untypeds come first", devices_first);
    check("3.5 device untypeds come in the order of their addresses", device_order);
    check("3.5 sizes are 2^4 to 2^47", sizes);
    check("3.1 isDevice is 0 or 1", flags);
    check("3.1 padding of descriptors is 0", padding);
    check("3.5 untypeds don't overlap", !overlap);
    check_equal("3.5 the memory below 1 MiB is a device untyped: address", info.untyped_list[0].physical, 0);
    check_equal("3.5 the memory below 1 MiB is a device untyped: size", info.untyped_list[0].size_bits, 20);
    u64 top = 0;
    for (u64 i = 0; i < n; ++i) {
        abi::UntypedDescriptor const& untyped = info.untyped_list[i];
        if (untyped.is_device) top = untyped.physical + (u64{1} << untyped.size_bits);
    }
    check_equal("3.5 device untypeds reach up to 2^47", top, u64{1} << 47);
}

bool covered(abi::BootInfo const& info, u64 address) {
    for (u64 i = 0; i < count(info.untyped); ++i) {
        abi::UntypedDescriptor const& untyped = info.untyped_list[i];
        if (address >= untyped.physical && address < untyped.physical + (u64{1} << untyped.size_bits)) return true;
    }
    return false;
}

} // namespace

void check_boot_info() {
    begin_group("3 boot info");
    abi::BootInfo const& info = boot_info();
    check_fields(info);
    check_order(info);
    check_slots(info);
    check_extra(info);
    check_untypeds(info);
    check("3.5 the local APIC is the kernel's", !covered(info, 0xfee00000));
    check("3.5 the I/O APIC is the kernel's", !covered(info, 0xfec00000));
    check("3.5 the HPET is the user's", covered(info, 0xfed00000));
    check("2.3 the word of message-signalled interrupts belongs to nobody", !covered(info, 0xfffffff8));
    check("3.5 the BIOS area belongs to a device untyped", covered(info, 0xe0000));
    check_answer("3.2 the guard of the initial CNode makes a CPtr the slot's number: bit 13 is in the guard",
                 invoke(root_cnode, Label::cnode_delete, {8192 + 15, depth}), guard_mismatch(0, 64, 0, 51));
}
