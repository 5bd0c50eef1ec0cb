// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/cache.hpp"

#include <algorithm>
#include <bit>

namespace x86::translate {
namespace {

constexpr std::size_t most_regions = 16,
                      code_bytes_for_bucket = 256; // of about as many as there may be targets
// What is kept of blocks and pages beside their code is in proportion to it, whatever the guest's
// code is: smaller blocks and emptier pages than these use the cache up before it is full.
constexpr std::size_t code_bytes_for_block = 96, code_bytes_for_page = 256;
constexpr unsigned page_bits = 12;
constexpr u8 jump_rel32 = 0xe9;
constexpr std::size_t code_word = sizeof(u64);

// Each word in its place is stored once.
void write_code(u8* to, void const* from, std::size_t bytes) {
    for (std::size_t done = 0; done < bytes;) {
        std::size_t const offset = reinterpret_cast<u64>(to + done) % code_word;
        std::size_t const count = std::min(bytes - done, code_word - offset);
        u8* const at = to + done - offset;
        u64 word;
        std::memcpy(&word, at, code_word);
        std::memcpy(reinterpret_cast<u8*>(&word) + offset, static_cast<u8 const*>(from) + done,
                    count);
        std::memcpy(at, &word, code_word);
        done += count;
    }
}

} // namespace

Cache::Cache(std::span<u8> memory, u64 to_code, Options const& options, Stubs const& stubs,
             Tables& tables, Code& code, Counters& counters)
    : to_code_(to_code), options_(options), stubs_(stubs), tables_(tables), code_(code),
      counters_(counters),
      bucket_bits_(static_cast<unsigned>(std::bit_width(memory.size() / code_bytes_for_bucket))),
      buckets_(std::size_t{1} << bucket_bits_), most_pages_(memory.size() / code_bytes_for_page) {
    auto const count =
        std::clamp<std::size_t>(memory.size() / (4 * Builder::most_bytes), 2, most_regions);
    std::size_t const size = memory.size() / count / 16 * 16;
    for (std::size_t i = 0; i < count; ++i) {
        u8* const begin = memory.data() + i * size;
        regions_.push_back({.begin = begin,
                            .end = begin + size,
                            .next = begin,
                            .blocks = {},
                            .links = {},
                            .places = {},
                            .pads = {}});
    }
    aside_at_ = position();
}

u8* Cache::writable(u8* at) {
    bool const aside = at >= aside_at_ && at < region().end;
    return aside ? aside_.data() + (at - aside_at_) : at;
}

void Cache::publish() {
    write_code(aside_at_, aside_.data(), static_cast<std::size_t>(position() - aside_at_));
    auto const behind = reinterpret_cast<u64>(position()) % code_word;
    if (behind != 0) region().next += code_word - behind;
    aside_at_ = position();
}

void Cache::point(u8* at, u8 const* to) {
    i64 const distance = to - at - 4;
    write_code(writable(at), &distance, 4);
}

Target*& Cache::bucket(Context const* context, u32 eip) {
    constexpr u64 golden_ratio = 0x9e3779b97f4a7c15;
    return buckets_[(eip + reinterpret_cast<u64>(context)) * golden_ratio >> (64 - bucket_bits_)];
}

Block* Cache::find(Context const* context, u32 eip) {
    for (auto* found = bucket(context, eip); found != nullptr; found = found->next)
        if (found->eip == eip && found->context == context) return found->block;
    return nullptr;
}

Target& Cache::target(Context const* context, u32 eip) {
    auto*& first = bucket(context, eip);
    for (auto* found = first; found != nullptr; found = found->next)
        if (found->eip == eip && found->context == context) return *found;
    Target* made = free_targets_;
    if (made != nullptr) {
        free_targets_ = made->next;
    } else {
        made = &targets_.emplace_back();
    }
    *made = {.next = first, .context = context, .eip = eip};
    first = made;
    return *made;
}

void Cache::release(Target& target) {
    if (target.block != nullptr || target.links != nullptr) return;
    Target** at = &bucket(target.context, target.eip);
    while (*at != &target) at = &(*at)->next;
    *at = target.next;
    target.next = free_targets_;
    free_targets_ = &target;
}

void Cache::connect(Link& link) {
    if (!options_.chaining) return;
    auto const& block = *link.target->block;
    point(link.at, link.checked ? block.checked : block.plain);
    ++counters_.chained;
}

void Cache::disconnect(Link& link) {
    *link.self = link.next;
    if (link.next != nullptr) link.next->self = link.self;
    release(*link.target);
}

bool Cache::has_room() const {
    auto const& into = region();
    auto const most_blocks = static_cast<std::size_t>(into.end - into.begin) / code_bytes_for_block;
    return static_cast<std::size_t>(into.end - into.next) >= Builder::most_bytes &&
           into.blocks.size() < most_blocks && pages_.size() < most_pages_;
}

bool Cache::make_room() {
    bool evicted = false;
    while (!has_room()) {
        publish();
        current_ = (current_ + 1) % regions_.size();
        aside_at_ = region().end;
        if (region().next != region().begin) {
            empty(region());
            ++counters_.evictions;
            evicted = true;
        }
        aside_at_ = position();
    }
    aside_.resize(static_cast<std::size_t>(position() - aside_at_) + Builder::most_bytes);
    return evicted;
}

Block& Cache::add(GuestBlock const& guest, Built const& built) {
    auto& into = region();
    auto& place = target(guest.context, guest.eip);
    auto& block =
        into.blocks.emplace_back(Block{.target = &place,
                                       .context = guest.context,
                                       .eip = guest.eip,
                                       .linear = guest.context->code_base + guest.eip,
                                       .guest_length = guest.length,
                                       .instructions = static_cast<u16>(guest.count),
                                       .begin = built.begin,
                                       .checked = built.checked,
                                       .plain = built.plain,
                                       .code_length = static_cast<u32>(built.end - built.begin),
                                       .first_place = static_cast<u32>(into.places.size()),
                                       .places = static_cast<u32>(built.places.size()),
                                       .first_pad = static_cast<u32>(into.pads.size()),
                                       .pads = static_cast<u32>(built.pads.size())});
    into.places.insert(into.places.end(), built.places.begin(), built.places.end());
    into.pads.insert(into.pads.end(), built.pads.begin(), built.pads.end());
    into.next = built.end;
    place.block = &block;
    for (auto* link = place.links; link != nullptr; link = link->next) connect(*link);
    for (auto const& exit : built.exits) {
        auto& to = target(guest.context, exit.target);
        auto& link = into.links.emplace_back(Link{.next = to.links,
                                                  .self = &to.links,
                                                  .target = &to,
                                                  .at = exit.at,
                                                  .exit = exit.exit,
                                                  .checked = exit.checked});
        if (to.links != nullptr) to.links->self = &link.next;
        to.links = &link;
        if (to.block != nullptr) connect(link);
    }
    if (options_.chaining) tables_.add(block.eip, code_address(block.begin));
    for (unsigned i = 0; i < guest.pages; ++i)
        remember((block.linear >> page_bits) + i, guest.page_numbers[i], block);
    ++counters_.blocks;
    counters_.guest_bytes += guest.length;
    counters_.instructions += guest.count;
    counters_.code_bytes += block.code_length;
    return block;
}

void Cache::remember(u32 linear_page, u64 number, Block& block) {
    linear_page &= 0xfffff;
    auto found = pages_.find(linear_page);
    if (found != pages_.end() &&
        found->second.number != number) { // mapped elsewhere without a word
        kill_page(linear_page);
        found = pages_.end();
    }
    if (found == pages_.end()) {
        Page*& first = first_page_[number];
        found = pages_.try_emplace(linear_page).first;
        found->second = {.linear = linear_page, .number = number, .next = first};
        if (first != nullptr) first->previous = &found->second;
        first = &found->second;
        code_.protect(number);
    }
    found->second.blocks.push_back(&block);
}

// No jump goes there any more, and calls out of it return to where the table says. Its code stays:
// somebody may be inside.
void Cache::kill(Block& block) {
    if (block.target == nullptr) return;
    auto& target = *block.target;
    block.target = nullptr;
    target.block = nullptr;
    for (auto* link = target.links; link != nullptr; link = link->next) point(link->at, link->exit);
    auto const& owner = region_of(block.begin);
    for (u32 i = 0; i < block.pads; ++i) {
        u8* const pad = block.begin + owner.pads[block.first_pad + i];
        i64 const distance = stubs_.dispatch - pad - 5;
        u64 const jump = jump_rel32 | static_cast<u64>(distance) << 8;
        write_code(writable(pad), &jump, 5);
    }
    tables_.remove(block.eip, code_address(block.begin));
    release(target);
}

void Cache::kill_page(u32 linear_page) {
    auto const found = pages_.find(linear_page);
    if (found == pages_.end()) return;
    for (auto* block : found->second.blocks) {
        counters_.invalidated += block->target != nullptr;
        kill(*block);
    }
    forget(found);
}

Cache::Pages::iterator Cache::forget(Pages::iterator at) {
    Page const& page = at->second;
    if (page.next != nullptr) page.next->previous = page.previous;
    if (page.previous != nullptr) {
        page.previous->next = page.next;
    } else if (page.next != nullptr) {
        first_page_[page.number] = page.next;
    } else {
        first_page_.erase(page.number);
    }
    return pages_.erase(at);
}

void Cache::invalidate(u64 number) {
    for (auto at = first_page_.find(number); at != first_page_.end(); at = first_page_.find(number))
        kill_page(at->second->linear);
}

void Cache::invalidate_linear(u32 first, u32 last) {
    u32 const first_page = first >> page_bits, last_page = last >> page_bits;
    if (last_page - first_page < pages_.size()) {
        for (u32 page = first_page; page <= last_page; ++page) kill_page(page);
        return;
    }
    std::vector<u32> inside;
    for (auto const& [page, blocks] : pages_)
        if (page >= first_page && page <= last_page) inside.push_back(page);
    for (u32 const page : inside) kill_page(page);
}

void Cache::empty(Region& region) {
    for (auto& block : region.blocks) kill(block);
    for (auto& link : region.links) disconnect(link);
    for (auto at = pages_.begin(); at != pages_.end();) {
        std::erase_if(at->second.blocks, [&](Block const* block) {
            return block->begin >= region.begin && block->begin < region.end;
        });
        at = at->second.blocks.empty() ? forget(at) : std::next(at);
    }
    region.blocks.clear();
    region.links.clear();
    region.places.clear();
    region.pads.clear();
    region.next = region.begin;
}

void Cache::kill_all() {
    for (auto& region : regions_)
        for (auto& block : region.blocks) kill(block);
}

void Cache::flush() {
    for (auto& region : regions_) empty(region);
    current_ = 0;
    aside_at_ = position();
}

Cache::Region const& Cache::region_of(u8 const* at) const {
    return *std::find_if(regions_.begin(), regions_.end(),
                         [&](Region const& region) { return at < region.end; });
}

Block const* Cache::containing(u8 const* at) const {
    if (at < regions_.front().begin || at >= regions_.back().end) return nullptr;
    auto const& blocks = region_of(at).blocks;
    auto const behind = std::upper_bound(blocks.begin(), blocks.end(), at,
                                         [](u8 const* a, Block const& b) { return a < b.begin; });
    if (behind == blocks.begin()) return nullptr;
    auto const& block = *std::prev(behind);
    return at < block.begin + block.code_length ? &block : nullptr;
}

Place const& Cache::place(Block const& block, u8 const* at) const {
    auto const first = region_of(block.begin).places.begin() + block.first_place;
    auto const behind =
        std::upper_bound(first, first + block.places, at - block.begin,
                         [](auto offset, Place const& b) { return offset < b.code; });
    return behind == first ? *first : *std::prev(behind);
}

void Cache::for_each(std::function<void(Block const&)> const& visit) const {
    for (auto const& region : regions_)
        for (auto const& block : region.blocks)
            if (block.target != nullptr) visit(block);
}

} // namespace x86::translate
