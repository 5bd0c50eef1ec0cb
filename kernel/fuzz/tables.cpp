// SPDX-License-Identifier: Apache-2.0
// Address spaces and nested tables: ASIDs, every entry of every table, and what the processor may still remember of entries
// that are gone.
#include "kernel/fuzz/inventory.hpp"
#include "kernel/fuzz/tables.hpp"
#include "kernel/memory/address_space.hpp"

namespace fuzz {

TranslationList translations;

namespace {

List<Translation, 1024> before; // the kernel entry

template <class Visit> void for_each_entry(PageTable const& table, Visit visit) {
    for (unsigned i = 0; i < page_table_entries; i += block_words) {
        if (!any_but(0, &table.entries[i])) [[likely]] continue;
        for (unsigned j = i; j < i + block_words; ++j)
            if (table.entries[j]) visit(j, PageEntry{table.entries[j]});
    }
}

CapType type_of_table(unsigned shift_of_entry, MappedIn kind) {
    bool const nested = kind == MappedIn::nested;
    switch (shift_of_entry) {
    case level_shift::pml4: return nested ? CapType::ept_pdpt : CapType::pdpt;
    case level_shift::pdpt: return nested ? CapType::ept_pd : CapType::page_directory;
    default: return nested ? CapType::ept_pt : CapType::page_table;
    }
}

class Walk {
public:
    Walk(Asid asid, MappedIn kind) : asid_(asid), kind_(kind) {}
    void table(PageTable const& table, unsigned shift, u64 start) const {
        for_each_entry(table, [&](unsigned index, PageEntry entry) {
            if (shift == level_shift::pml4 && kind_ == MappedIn::address_space && index >= page_table_entries / 2)
                return require(index == 511 && entry.word == kernel_entry, "a user's mapping in the kernel's half", index);
            u64 const address = start + (u64{index} << shift);
            translations.push({asid_, kind_, static_cast<u8>(shift), address, entry.word});
            require(entry.present(), "an entry that is not present and not empty", entry.word);
            if (shift == level_shift::page_table || entry.large()) return check_page(entry, address, shift);
            check_table(entry, address, shift);
        });
    }

private:
    void check_table(PageEntry entry, u64 address, unsigned shift) const {
        u32 const found = inventory.object_at(entry.frame().value);
        require(found != Object::none, "an entry leads to a table that no capability holds, for address", address);
        Object const& object = inventory.objects[found];
        require(object.type == type_of_table(shift, kind_), "an entry leads to a table of the wrong kind, for address", address);
        auto const cap = PageTableCap::unpack(object.cap);
        require(cap.mapped && cap.asid == asid_ && cap.address == address, "an entry leads to a table that is mapped elsewhere", address);
        table(*cap.table, shift - 9, address);
    }
    void check_page(PageEntry entry, u64 address, unsigned shift) const {
        for (FrameCap const& frame : inventory.mapped_frames) {
            if (frame.mapped_in != kind_ || frame.asid != asid_ || frame.address != address || frame.size_bits() != shift) continue;
            if ((entry.word & PageEntry::Frame::mask & ~(frame.bytes() - 1)) != frame.base.value) continue;
            if (PageEntry::Write::get(entry.word) && frame.rights != FrameRights::read_write) continue;
            // A guest's kernel reaches supervisor pages.
            bool const readable = PageEntry::User::get(entry.word) || kind_ == MappedIn::nested;
            if (readable && frame.rights == FrameRights::kernel_only) continue;
            return;
        }
        stop("a page is mapped that no capability holds there, at address", address);
    }
    Asid asid_;
    MappedIn kind_;
};

void check_pools() {
    AsidTable const& asids = world().kernel.asids;
    for (unsigned number = 0; number < abi::asid_pools; ++number) {
        AsidPool const* const pool = asids.pool(number);
        if (!pool) continue;
        require(inventory.is_object(pool, CapType::asid_pool), "an ASID pool without a capability is in use", number);
        for (unsigned i = 0; i < abi::asids_per_pool; i += block_words) {
            PageTable* const* const r = &pool->roots[i];
            if (!any_but(0, reinterpret_cast<u64 const*>(r))) [[likely]] continue;
            for (unsigned j = 0; j < block_words; ++j) {
                if (!r[j]) continue;
                Asid const asid{static_cast<u16>(number * abi::asids_per_pool + i + j)};
                require(asid.value, "ASID 0 has a root");
                u32 const found = inventory.object_at(ram_start + arena_offset(r[j]));
                require(found != Object::none, "an ASID of a root that is gone", asid.value);
                Object const& object = inventory.objects[found];
                bool const nested = object.type == CapType::ept_pml4;
                require(nested || object.type == CapType::pml4, "an ASID of what is no root", asid.value);
                auto const cap = Pml4Cap::unpack(object.cap);
                require(cap.mapped && cap.asid == asid, "an ASID whose root has another", asid.value);
                MappedIn const kind = nested ? MappedIn::nested : MappedIn::address_space;
                require(asids.root(asid, kind) == r[j], "an ASID of the wrong kind", asid.value);
                require(nested || r[j]->entries[511] == kernel_entry, "a PML4 without the kernel's part", asid.value);
                Walk(asid, kind).table(*r[j], level_shift::pml4, 0);
            }
        }
    }
    for (u32 const index : inventory.others) {
        auto const pool = inventory.slots[index].slot->cap().as<AsidPoolCap>();
        require(!pool || asids.pool(pool->index) == pool->pool, "an ASID pool with a capability is not in use");
    }
}

// A table that is mapped nowhere is empty: nothing may be found in it when it is mapped.
void check_unmapped_tables() {
    for (u32 const index : inventory.tables) {
        Object const& object = inventory.objects[index];
        auto const cap = PageTableCap::unpack(object.cap);
        if (cap.mapped) continue;
        bool const root = object.type == CapType::pml4;
        for_each_entry(*cap.table, [&](unsigned entry, PageEntry value) {
            require(root && entry == 511 && value.word == kernel_entry, "a table that is not mapped is not empty", object.start);
        });
    }
}

bool invalidated(Translation const& gone) {
    if (machine_state.many_invalidations) return true;
    bool const leaf = gone.shift == level_shift::page_table || PageEntry{gone.word}.large();
    for (Machine::Invalidation const& done : machine_state.invalidations) {
        if (done.asid != gone.asid) continue;
        if (done.whole || !leaf) return true; // the structures' cache goes with any invalidation of the ASID
        if (done.address.value >> gone.shift == gone.address >> gone.shift) return true;
    }
    return false;
}

// What was in the tables the time before may be in the TLB: where it is gone or changed, the processor must have been told.
void check_translations() {
    u64 generation;
    __builtin_memcpy(&generation, &world().kernel.guest_tags, sizeof generation);
    bool const guests_forgot = generation != translations.guest_generation;
    unsigned now = 0;
    for (Translation const& old : before) {
        while (now < translations.size() && translations[now].key() < old.key()) ++now;
        if (now < translations.size() && translations[now] == old) continue;
        bool const told = old.kind == MappedIn::nested ? guests_forgot : invalidated(old);
        require(told, "the processor may still remember a translation that is gone, of address", old.address);
    }
    translations.guest_generation = generation;
}

} // namespace

void check_address_spaces() {
    before.clear();
    for (Translation const& translation : translations) before.push(translation);
    translations.clear();
    check_pools();
    check_unmapped_tables();
    check_translations();
}

} // namespace fuzz
