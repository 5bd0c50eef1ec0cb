// SPDX-License-Identifier: Apache-2.0
#include "kernel/memory/address_space.hpp"

#include "kernel/kernel.hpp"

std::expected<u64*, LookupFailure> find_entry(PageTable& root, u64 address, unsigned shift) {
    PageTable* table = &root;
    for (unsigned level = level_shift::pml4;; level -= 9) {
        u64* const entry = &table->entries[(address >> level) % page_table_entries];
        if (level == shift) return entry;
        PageEntry const present{*entry};
        if (!present.present() || present.large()) return fail(LookupFailure::missing(level));
        table = reinterpret_cast<PageTable*>(machine::window(present.frame()));
    }
}

u64 frame_entry(FrameCap const& frame, FrameRights rights, u64 attributes) {
    bool const small = frame.size == PageSize::small;
    // ABI 5.5: a 1 GiB page has no PAT bit of its own.
    bool const pat = abi::attribute::Pat::get(attributes) && frame.size != PageSize::huge;
    u64 word = frame.base.value | PageEntry::Present::mask | PageEntry::Accessed::mask |
               PageEntry::Dirty::mask;
    word |= PageEntry::User::make(rights != FrameRights::kernel_only);
    word |= PageEntry::Write::make(rights == FrameRights::read_write);
    word |= PageEntry::WriteThrough::make(abi::attribute::WriteThrough::get(attributes));
    word |= PageEntry::CacheDisable::make(abi::attribute::CacheDisable::get(attributes));
    word |= small ? PageEntry::SmallPat::make(pat) : PageEntry::Large::mask | PageEntry::LargePat::make(pat);
    if (abi::attribute::ExecuteNever::get(attributes) && machine::execute_never_works())
        word |= PageEntry::NoExecute::mask;
    return word;
}

u64 table_entry(PageTable const* table, u64 attributes) {
    return machine::physical(table).value | PageEntry::Present::mask | PageEntry::Write::mask |
           PageEntry::User::mask | PageEntry::Accessed::mask |
           PageEntry::WriteThrough::make(abi::attribute::WriteThrough::get(attributes)) |
           PageEntry::CacheDisable::make(abi::attribute::CacheDisable::get(attributes));
}

unsigned entry_shift_of(CapType table_type) {
    switch (table_type) {
    case CapType::pdpt: return level_shift::pml4;
    case CapType::page_directory: return level_shift::pdpt;
    case CapType::page_table: return level_shift::page_directory;
    default: return 0;
    }
}

void unmap_frame(Kernel& kernel, FrameCap const& frame) {
    PageTable* const root = kernel.asids.root(frame.asid, MappedIn::address_space);
    if (!root) return;
    auto const entry = find_entry(*root, frame.address, frame.size_bits());
    if (!entry) return;
    PageEntry const present{**entry};
    bool const page = frame.size == PageSize::small || present.large();
    // Bits 20..13 of a large entry are not address: only a PAT bit may stand below the frame.
    bool const ours = (present.word & PageEntry::Frame::mask & ~(frame.bytes() - 1)) == frame.base.value;
    if (!present.present() || !page || !ours) return;
    **entry = 0;
    machine::invalidate(frame.asid, {frame.address});
}

void unmap_table(Kernel& kernel, Cap const& table) {
    auto const cap = table.get<PageTableCap>(); // all levels have one layout
    if (!cap.mapped) return;
    PageTable* const root = kernel.asids.root(cap.asid, MappedIn::address_space);
    if (!root) return;
    auto const entry = find_entry(*root, cap.address, entry_shift_of(table.type()));
    if (!entry) return;
    PageEntry const present{**entry};
    if (!present.present() || present.large() || present.frame() != machine::physical(cap.table)) return;
    **entry = 0;
    machine::invalidate(cap.asid);
}
