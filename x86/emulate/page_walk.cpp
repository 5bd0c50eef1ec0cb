// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/page_walk.hpp"

#include "x86/paging.hpp"
#include "x86/registers.hpp"

namespace x86 {
namespace {

constexpr unsigned leaf_level = 1;

// Bits High..Low of a word, for limits that are known at run time; nothing if High < Low.
constexpr u64 bits(unsigned high, unsigned low) {
    if (high < low) return 0;
    return (~u64{0} >> (63 - high)) & (~u64{0} << low);
}

// What differs between the formats of tables.
struct Format {
    u8 entry_size; // bytes
    u8 index_bits; // of an address, at each level
    u8 levels;     // read from memory
};

constexpr Format format_of(PagingMode mode) {
    switch (mode) {
    case PagingMode::unpaged: break;
    case PagingMode::two_level: return {.entry_size = 4, .index_bits = 10, .levels = 2};
    case PagingMode::pae: return {.entry_size = 8, .index_bits = 9, .levels = 2};
    case PagingMode::four_level: return {.entry_size = 8, .index_bits = 9, .levels = 4};
    }
    return {};
}

// SDM vol. 3, tables 4-4 to 4-20: which bits of a present entry must be 0.
u64 reserved_bits(Paging const& paging, PagingMode mode, unsigned level, bool large) {
    unsigned const physical = paging.physical_bits;
    if (mode == PagingMode::two_level) {
        if (!large) return 0;
        unsigned const extra = physical > 32 ? physical - 32 : 0; // PSE-36: address bits from 32 up
        return bits(21, extra >= 8 ? 21 : 13 + extra);
    }
    u64 reserved = mode == PagingMode::pae ? bits(62, physical) : bits(51, physical);
    if (!paging.no_execute()) reserved |= PageEntry::NoExecute::mask;
    if (large) reserved |= bits(level == 2 ? 20 : 29, 13);
    if (level == 4) reserved |= PageEntry::Large::mask;
    return reserved;
}

bool is_large(Paging const& paging, PagingMode mode, unsigned level, u64 entry) {
    if (level == leaf_level || level == 4 || !PageEntry::Large::get(entry)) return false;
    return mode != PagingMode::two_level || cr4::PageSizeExtension::get(paging.cr4);
}

u64 page_address(PagingMode mode, u64 entry, unsigned page_bits) {
    if (mode != PagingMode::two_level)
        return entry & PageEntry::Frame::mask & ~bits(page_bits - 1, 0);
    if (page_bits == 12) return entry & bits(31, 12);
    return (entry & bits(31, 22)) | (entry & bits(20, 13)) << 19; // PSE-36
}

} // namespace

PagingMode Paging::mode() const {
    if (!cr0::Paging::get(cr0)) return PagingMode::unpaged;
    if (efer::LongModeActive::get(efer)) return PagingMode::four_level;
    return cr4::PhysicalAddressExtension::get(cr4) ? PagingMode::pae : PagingMode::two_level;
}

bool Paging::no_execute() const {
    return efer::NoExecuteEnable::get(efer) && cr4::PhysicalAddressExtension::get(cr4);
}

std::expected<Walk, FailedWalk> walk(Paging const& paging, u64 linear, TableMemory& memory) {
    PagingMode const mode = paging.mode();
    if (mode != PagingMode::four_level) linear &= bits(31, 0);
    Walk walk{.user = true, .writable = true, .executable = true};
    if (mode == PagingMode::unpaged) {
        walk.address = {linear};
        walk.page_bits = level_shift::page_directory;
        walk.dirty = true;
        return walk;
    }
    auto const failed = [&](WalkFault why) { return fail(FailedWalk{why, walk}); };
    Format const format = format_of(mode);
    u64 table = paging.cr3 & bits(mode == PagingMode::two_level ? 31 : 51, 12);
    if (mode == PagingMode::pae) {
        u64 const pdpte = paging.pdpte[linear >> level_shift::pdpt];
        if (!PageEntry::Present::get(pdpte)) return failed(WalkFault::not_present);
        table = pdpte & PageEntry::Frame::mask;
    }
    for (unsigned level = format.levels;; --level) {
        unsigned const shift = level_shift::page_table + (level - 1) * format.index_bits;
        u64 const index = linear >> shift & bits(format.index_bits - 1u, 0);
        GuestPhys const at{table + index * format.entry_size};
        u64 const entry = memory.read_entry(at, format.entry_size);
        walk.entries[walk.count++] = {at, entry, format.entry_size, static_cast<u8>(level)};
        if (!PageEntry::Present::get(entry)) return failed(WalkFault::not_present);
        bool const large = is_large(paging, mode, level, entry);
        if (entry & reserved_bits(paging, mode, level, large))
            return failed(WalkFault::reserved_bit);
        walk.user = walk.user && PageEntry::User::get(entry);
        walk.writable = walk.writable && PageEntry::Write::get(entry);
        if (paging.no_execute())
            walk.executable = walk.executable && !PageEntry::NoExecute::get(entry);
        if (level != leaf_level && !large) {
            table = page_address(mode, entry, level_shift::page_table);
            continue;
        }
        walk.page_bits = static_cast<u8>(shift);
        walk.address = {page_address(mode, entry, shift) | (linear & bits(shift - 1, 0))};
        walk.global = PageEntry::Global::get(entry) && cr4::GlobalPages::get(paging.cr4);
        walk.dirty = PageEntry::Dirty::get(entry);
        return walk;
    }
}

bool allows(Paging const& paging, Walk const& walk, Access access, bool supervisor) {
    if (paging.mode() == PagingMode::unpaged) return true;
    if (!supervisor && !walk.user) return false;
    if (access == Access::execute)
        return walk.executable &&
               !(supervisor && walk.user && cr4::SupervisorExecutionPrevention::get(paging.cr4));
    if (supervisor && walk.user && cr4::SupervisorAccessPrevention::get(paging.cr4) &&
        !paging.alignment_check)
        return false;
    if (access == Access::read || walk.writable) return true;
    return supervisor && !cr0::WriteProtect::get(paging.cr0);
}

void mark_used(Walk const& walk, bool write, TableMemory& memory) {
    for (unsigned i = 0; i < walk.count; ++i) {
        VisitedEntry const& entry = walk.entries[i];
        u64 value = entry.value | PageEntry::Accessed::mask;
        if (write && i + 1u == walk.count) value |= PageEntry::Dirty::mask;
        if (value != entry.value) memory.write_entry(entry.at, entry.size, value);
    }
}

Exception page_fault(Paging const& paging, u64 linear, Access access, bool supervisor, bool present,
                     bool reserved) {
    // SDM vol. 3, 4.7: the fetch bit is told only where fetches are special.
    bool const fetches_told =
        paging.no_execute() || cr4::SupervisorExecutionPrevention::get(paging.cr4);
    using namespace page_fault_code;
    u64 const code = Present::make(present) | Write::make(access == Access::write) |
                     User::make(!supervisor) | Reserved::make(reserved) |
                     Fetch::make(access == Access::execute && fetches_told);
    return {vector::page_fault, static_cast<u32>(code), linear};
}

OrException<Walk> translate_linear(Paging const& paging, u64 linear, Access access, bool supervisor,
                                   TableMemory& memory) {
    auto const refuse = [&](bool present, bool reserved) {
        return fail(page_fault(paging, linear, access, supervisor, present, reserved));
    };
    auto const found = walk(paging, linear, memory);
    if (!found) {
        bool const reserved = found.error().why == WalkFault::reserved_bit;
        return refuse(reserved, reserved);
    }
    if (!allows(paging, *found, access, supervisor)) return refuse(true, false);
    mark_used(*found, access == Access::write, memory);
    return *found;
}

std::optional<std::array<u64, 4>> load_pdptes(u64 cr3, u8 physical_bits, TableMemory& memory) {
    u64 const reserved = bits(63, physical_bits) | bits(8, 5) | bits(2, 1);
    std::array<u64, 4> result;
    for (unsigned i = 0; i < 4; ++i) {
        result[i] = memory.read_entry({(cr3 & bits(31, 5)) + 8 * i}, 8);
        if (PageEntry::Present::get(result[i]) && (result[i] & reserved)) return std::nullopt;
    }
    return result;
}

} // namespace x86
