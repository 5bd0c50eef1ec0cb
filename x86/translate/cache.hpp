// SPDX-License-Identifier: Apache-2.0
// All blocks: where their code lies, how they are found, which jumps go where. Regions of memory
// are filled one after the other; when all are full, the oldest is emptied.
//
// New code is written aside and copied to its place with the jumps among it, in aligned words: a
// processor drops what it has decoded of a page at each store there.
//
//   Target (eip, context) ──> Block
//      ^    ^
//     Link Link    jumps of other blocks wait at a target, whether it has a block or not.
//                  Made: all go to it; gone: all go to their own exits again
#pragma once

#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

#include "x86/translate/builder.hpp"
#include "x86/translate/tables.hpp"

namespace x86::translate {

class Cache {
public:
    // `to_code`: what makes an address for generated code of one of `memory`.
    Cache(std::span<u8> memory, u64 to_code, Options const& options, Stubs const& stubs,
          Tables& tables, Code& code, Counters& counters);

    Block* find(Context const* context, u32 eip);
    // Where the next block's code goes. Evicts if it must; true: it did.
    bool make_room();
    bool has_room() const;
    u8* position() const { return region().next; }
    // Where the bytes of a place are written until publish(), which has to come before they run.
    u8* writable(u8* at);
    void publish();
    Block& add(GuestBlock const& guest, Built const& built);

    void invalidate(u64 number);
    void invalidate_linear(u32 first, u32 last);
    void kill_all(); // as if every page were invalidated
    void flush();    // and the memory is free again: nobody may be inside of a block

    u64 code_address(u8 const* at) const { return reinterpret_cast<u64>(at) + to_code_; }
    // The block that has this byte of code, even if it was invalidated; or null.
    Block const* containing(u8 const* at) const;
    Place const& place(Block const& block, u8 const* at) const;
    void for_each(std::function<void(Block const&)> const& visit) const;

private:
    struct Region {
        u8 *begin, *end, *next;
        std::deque<Block> blocks;
        std::deque<Link> links;
        std::vector<Place> places;
        std::vector<u16> pads;
    };
    struct Page {
        u32 linear;
        u64 number;
        std::vector<Block*> blocks{};
        Page *next{}, *previous{}; // of the same number: a guest may map one page everywhere
    };
    using Pages = std::unordered_map<u32, Page>; // by linear page number

    Region& region() { return regions_[current_]; }
    Region const& region() const { return regions_[current_]; }
    Region const& region_of(u8 const* at) const;
    Target*& bucket(Context const* context, u32 eip);
    Target& target(Context const* context, u32 eip);
    void release(Target& target); // if nothing needs it
    void connect(Link& link);
    void disconnect(Link& link);
    void point(u8* at, u8 const* to); // the rel32 there
    void remember(u32 linear_page, u64 number, Block& block);
    void kill(Block& block);
    void kill_page(u32 linear_page);
    Pages::iterator forget(Pages::iterator at); // the one behind it
    void empty(Region& region);

    u64 to_code_;
    Options const& options_;
    Stubs const& stubs_;
    Tables& tables_;
    Code& code_;
    Counters& counters_;
    std::vector<Region> regions_;
    std::size_t current_{};
    std::vector<u8> aside_; // code from aside_at_ to the region's `next`, and room for a block
    u8* aside_at_{};
    unsigned bucket_bits_;
    std::vector<Target*> buckets_;
    std::deque<Target> targets_;
    Target* free_targets_{};
    Pages pages_;
    std::unordered_map<u64, Page*> first_page_; // by number
    std::size_t most_pages_;
};

} // namespace x86::translate
