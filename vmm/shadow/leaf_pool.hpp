// SPDX-License-Identifier: Apache-2.0
// The leaves of all shadow page tables: each is the right to map one page of guest RAM (or 2 MiB of
// it) in one place. Dropped leaves keep that right, in the list of their page, until another page
// needs the leaf:
//
//   free ──take──> spare ──> mapped ──drop──> spare      (unmapped one by one)
//     ^──reclaim──────────────── mapped ──table drops──> stale ──unmap──> spare
#pragma once

#include <unordered_map>
#include <vector>

#include "vmm/shadow/backend.hpp"

namespace vmm::shadow {

struct Extent;

enum class LeafState : u8 {
    free,  // nothing
    spare, // for its page, unmapped
    stale, // for its page; its table was dropped, the kernel still holds it for mapped there
    mapped,
};

struct Leaf {
    LeafState state{};
    bool large{};
    bool past_protection{}; // writable although the guest's tables say read-only (CR0.WP is 0)
    u8 guest_page_bits{};   // of the page that the guest's tables map there
    u16 index{};            // in its extent
    PageRights rights{};
    u64 page{};                                    // guest page number; of a large leaf, its first
    Extent* extent{};                              // mapped
    u64 place{};                                   // stale: the table that was dropped
    LeafId next{none}, previous{none};             // in the list of the page
    LeafId place_next{none}, place_previous{none}; // stale: in the list of the place
};

class LeafPool {
public:
    // pages: of guest RAM.
    LeafPool(Backend& backend, u64 pages);

    Leaf& operator[](LeafId leaf) { return leaves_[leaf]; }
    u32 size() const { return static_cast<u32>(leaves_.size()); }

    // A leaf for the page that can be mapped now; none if every leaf is in use: reclaim() first.
    LeafId take(u64 page, bool large);
    // Back to the page's list: the leaf was unmapped.
    void put_back(LeafId leaf);
    // The same, but only its table was dropped. place: names where that table stood.
    void put_back_stale(LeafId leaf, u64 place);
    // Before another table comes to that place: the kernel would take a stale leaf's mapping for
    // the new one of the same page.
    void settle(u64 place);
    // The leaf that has not been looked at for longest, in use or not; it may be mapped.
    LeafId oldest();
    // Makes it free; it is not mapped.
    void reclaim(LeafId leaf);

    // All leaves of a page, or of the 2 MiB around it, in a list: none at its end.
    LeafId first(u64 page, bool large) const { return large ? large_[page >> 9] : small_[page]; }

private:
    LeafId& head(Leaf const& leaf) {
        return leaf.large ? large_[leaf.page >> 9] : small_[leaf.page];
    }
    void link(LeafId leaf);
    void unlink(LeafId leaf);
    void unlink_place(LeafId leaf);
    void unmap_stale(LeafId leaf);

    Backend& backend_;
    std::vector<Leaf> leaves_;
    std::vector<LeafId> free_;
    std::vector<LeafId> small_, large_;     // heads of the lists
    std::unordered_map<u64, LeafId> stale_; // heads of the lists of places
    LeafId cursor_{};
};

} // namespace vmm::shadow
