// SPDX-License-Identifier: Apache-2.0
#include "kernel/memory/nested.hpp"

#include "kernel/kernel.hpp"

namespace nested {

namespace {

// The host's page attribute table, as machine/ sets it up (ABI 2.5, 5.5): index 4 is
// write-combining.
u64 memory_type(u64 attributes, bool small) {
    u64 const pat = small ? PageEntry::SmallPat::mask : PageEntry::LargePat::mask;
    switch (attributes & 7) {
    case 0: return PageEntry::WriteThrough::mask | PageEntry::CacheDisable::mask;
    case 1: return pat;
    case 4: return PageEntry::WriteThrough::mask;
    }
    return 0;
}

// The entry, when it still refers to the structure or frame at `base`.
u64* find_own_entry(Kernel& kernel, Asid asid, u64 address, unsigned shift, bool page,
                    PhysAddr base) {
    PageTable* const root = kernel.asids.root(asid, MappedIn::nested);
    if (!root) return nullptr;
    auto const entry = find_entry(*root, address, shift);
    if (!entry) return nullptr;
    PageEntry const present{**entry};
    bool const is_page = shift == level_shift::page_table || present.large();
    u64 const below =
        page ? (u64{1} << shift) - 1 : 0; // a large page's entry may have a PAT bit there
    bool const ours = (present.frame().value & ~below) == base.value;
    return present.present() && is_page == page && ours ? *entry : nullptr;
}

} // namespace

u64 frame_entry(FrameCap const& frame, FrameRights rights, u64 attributes) {
    if (rights == FrameRights::kernel_only) return 0; // U/S would keep out the guest's user mode, not its kernel
    bool const small = frame.size == PageSize::small;
    u64 word = frame.base.value | PageEntry::Present::mask | PageEntry::Accessed::mask |
               PageEntry::Dirty::mask;
    word |= PageEntry::User::make(!abi::attribute::Supervisor::get(attributes));
    word |= PageEntry::Write::make(rights == FrameRights::read_write);
    word |= PageEntry::Large::make(!small);
    if (abi::attribute::ExecuteNever::get(attributes) && machine::execute_never_works()) word |= PageEntry::NoExecute::mask;
    return word | memory_type(attributes, small);
}

u64 table_entry(PageTable const* table) { return ::table_entry(table, 0); }

unsigned entry_shift_of(CapType table_type) {
    switch (table_type) {
    case CapType::ept_pdpt: return level_shift::pml4;
    case CapType::ept_pd: return level_shift::pdpt;
    case CapType::ept_pt: return level_shift::page_directory;
    default: return 0;
    }
}

void unmap_frame(Kernel& kernel, FrameCap const& frame) {
    u64* const entry =
        find_own_entry(kernel, frame.asid, frame.address, frame.size_bits(), true, frame.base);
    if (!entry) return;
    *entry = 0;
    kernel.guest_tags.retire_all();
}

void unmap_table(Kernel& kernel, Cap const& table) {
    auto const cap = table.get<EptPtCap>(); // all levels have one layout
    if (!cap.mapped) return;
    u64* const entry = find_own_entry(kernel, cap.asid, cap.address, entry_shift_of(table.type()),
                                      false, machine::physical(cap.table));
    if (!entry) return;
    *entry = 0;
    kernel.guest_tags.retire_all();
    kernel.guest_tags.tables_changed();
}

void retire_root(Kernel& kernel, EptPml4Cap const& root) {
    if (!root.mapped || kernel.asids.root(root.asid) != root.table) return;
    kernel.asids.release(root.asid, root.table);
    kernel.guest_tags.retire_all();
    kernel.guest_tags.tables_changed();
}

} // namespace nested
