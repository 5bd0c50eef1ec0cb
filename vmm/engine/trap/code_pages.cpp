// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/trap/code_pages.hpp"

#include <algorithm>
#include <cstring>

namespace vmm::trap {
namespace {

// A page that was dropped so often has code and data side by side: scanning it again and again
// costs more than emulating the writes.
constexpr u8 most_drops = 6;

} // namespace

CodePages::CodePages(GuestMemory memory, std::span<u8> copies, bool patch)
    : memory_(memory), copies_(copies), patch_(patch), kinds_(memory.size() / page_size),
      in_extent_((memory.size() / page_size >> 9) + 1), owners_(copies.size() / page_size) {
    clear();
}

void CodePages::clear() {
    pages_.clear();
    drops_.clear();
    kinds_.assign(kinds_.size(), false);
    std::ranges::fill(in_extent_, u16{0});
    free_copies_.clear();
    for (u32 copy = static_cast<u32>(owners_.size()); copy-- > 0;) free_copies_.push_back(copy);
    fetched_.reset();
}

std::optional<u32> CodePages::copy_of(u64 page) const {
    auto const found = pages_.find(page);
    return found == pages_.end() ? std::nullopt : found->second->copy;
}

CodePages::Scan CodePages::fetch(u64 page, u16 offset, CodeBytes const& code,
                                 std::vector<u64>& changed) {
    if (!patch_ || page >= kinds_.size()) return {};
    auto& entry = pages_[page];
    bool const is_new = !entry;
    if (is_new) {
        entry = std::make_unique<Page>();
        kinds_[page] = true;
        ++in_extent_[page >> 9];
        changed.push_back(page);
    } else if (entry->map.is_start(offset)) {
        return {};
    }
    Page& it = *entry;
    it.map.follow(code, offset);
    if (is_new) it.map.sweep(code);
    auto const traps = it.map.traps();
    if (traps == it.traps) return {.looked = true, .patches = 0};
    Scan const scan{.looked = true, .patches = (traps & ~it.traps).count()};
    it.traps = traps;
    if (!it.copy) {
        give_copy(page, it, changed);
    } else {
        u8* const copy = &copies_[std::size_t{*it.copy} * page_size];
        for (u32 at = 0; at < page_size; ++at)
            if (traps.test(at)) copy[at] = trap_opcode;
    }
    return scan;
}

void CodePages::give_copy(u64 page, Page& code, std::vector<u64>& changed) {
    if (free_copies_.empty()) {
        u64 const victim = owners_[next_victim_];
        next_victim_ = (next_victim_ + 1) % static_cast<u32>(owners_.size());
        forget(victim);
        changed.push_back(victim);
    }
    u32 const copy = free_copies_.back();
    free_copies_.pop_back();
    owners_[copy] = page;
    code.copy = copy;
    auto const original = memory_.bytes(GuestPhys{page * page_size}, page_size);
    u8* const to = &copies_[std::size_t{copy} * page_size];
    for (u32 at = 0; at < page_size; ++at)
        to[at] = code.traps.test(at) ? trap_opcode : original[at];
    changed.push_back(page);
}

bool CodePages::knows(u64 page, u16 offset) const {
    auto const found = pages_.find(page);
    return found == pages_.end() || found->second->map.is_start(offset);
}

bool CodePages::drops_at_write(u64 page) const {
    auto const found = drops_.find(page);
    return found == drops_.end() || found->second < most_drops;
}

void CodePages::forget(u64 page) {
    auto const found = pages_.find(page);
    if (found == pages_.end()) return;
    if (found->second->copy) free_copies_.push_back(*found->second->copy);
    pages_.erase(found);
    kinds_[page] = false;
    --in_extent_[page >> 9];
    if (fetched_ == page) fetched_.reset();
}

void CodePages::drop(u64 page) {
    if (!is_code(page)) return;
    if (u8& drops = drops_[page]; drops < most_drops) ++drops;
    forget(page);
}

bool CodePages::written(GuestPhys at, u64 bytes) {
    u64 const page = at.value / page_size;
    auto const found = pages_.find(page);
    if (found == pages_.end()) return false;
    Page& it = *found->second;
    u32 const first = static_cast<u32>(at.value % page_size);
    u32 const last = static_cast<u32>(std::min<u64>(first + bytes, page_size));
    if (it.map.touches(first, last)) {
        forget(page);
        return true;
    }
    if (it.copy) // data between the code: the copy stays what the kernel reads there
        std::memcpy(&copies_[std::size_t{*it.copy} * page_size + first],
                    memory_.bytes(GuestPhys{page * page_size + first}, last - first).data(),
                    last - first);
    return false;
}

bool CodePages::is_trap(u64 page, u16 offset) const {
    auto const found = pages_.find(page);
    return found != pages_.end() && found->second->traps.test(offset);
}

shadow::PageGuard::Allowed CodePages::allowed(u64 page, shadow::View view) const {
    if (!patch_) return {};
    bool const code = is_code(page);
    if (view != shadow::View::kernel) return {.write = !code, .execute = true};
    return {.write = !code, .execute = code && (fetched_ == page || !copy_of(page))};
}

} // namespace vmm::trap
