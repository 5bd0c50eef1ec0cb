// SPDX-License-Identifier: Apache-2.0
#include "kernel/memory/composed_root.hpp"

namespace {

PageTable const* live_root(AsidTable const& asids, Cap const& cap) {
    auto const root = cap.as<EptPml4Cap>();
    return root && asids.root(root->asid, MappedIn::nested) == root->table ? root->table : nullptr;
}

u64 entry_of_lowest(PageTable const* root, unsigned index) {
    PageEntry const pdpt{root->entries[0]};
    if (!pdpt.present()) return 0;
    return reinterpret_cast<PageTable const*>(machine::window(pdpt.frame()))->entries[index];
}

void compose_pml4(GuestRoots const& roots, u64 (&entries)[page_table_entries]) {
    u64 const first = roots.shared ? roots.first_shared >> level_shift::pml4 : page_table_entries;
    machine::copy_words(entries, roots.own->entries, first);
    if (first < page_table_entries)
        machine::copy_words(entries + first, roots.shared->entries + first, page_table_entries - first);
}

// Of a PAE guest's entry only this much may be set, APM vol. 2, 5.2.3: the rights stand in the levels below.
void compose_pdpt(GuestRoots const& roots, u64 (&entries)[pdpt_entries_of_pae]) {
    compose_lowest(roots, entries);
    for (u64& entry : entries) entry &= PageEntry::Present::mask | PageEntry::Frame::mask;
}

} // namespace

std::optional<GuestRoots> roots_of_guest(AsidTable const& asids, Tcb const& thread, GuestPaging paging) {
    GuestRoots roots{.paging = paging, .own = live_root(asids, thread.cap(Tcb::ept_root))};
    if (!roots.own) return std::nullopt;
    Cap const& shared = thread.cap(Tcb::shared_root);
    if (paging == GuestPaging::nested || shared.is_null()) return roots;
    roots.shared = live_root(asids, shared);
    roots.first_shared = thread.first_shared;
    if (!roots.shared) return std::nullopt;
    return roots;
}

void compose_lowest(GuestRoots const& roots, u64 (&entries)[pdpt_entries_of_pae]) {
    for (unsigned i = 0; i < pdpt_entries_of_pae; ++i) {
        bool const shared = roots.shared && i >= roots.first_shared >> level_shift::pdpt;
        entries[i] = entry_of_lowest(shared ? roots.shared : roots.own, i);
    }
}

PhysAddr ComposedRoot::compose(GuestRoots const& roots, PhysAddr memory, u64 tables) {
    auto& composed = *reinterpret_cast<ComposedTables*>(machine::window(memory));
    bool const four_level = roots.paging == GuestPaging::four_level;
    if (roots_ != roots || tables_ != tables) {
        if (four_level) compose_pml4(roots, composed.pml4);
        else compose_pdpt(roots, composed.pdpt);
        roots_ = roots;
        tables_ = tables;
    }
    return memory + (four_level ? offsetof(ComposedTables, pml4) : offsetof(ComposedTables, pdpt));
}
