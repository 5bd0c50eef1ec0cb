// SPDX-License-Identifier: Apache-2.0
// Which page of guest RAM stands where in which space: shadow entries without their reasons. A
// space is what one root translates, in pieces of 2 MiB:
//
//   Space ──base──> Extent ──index──> Leaf ──page──> guest RAM
//                     (or one large leaf)   ^── all leaves of a page are in a list
#pragma once

#include <map>
#include <memory>

#include "vmm/engine/counters.hpp"
#include "vmm/shadow/leaf_pool.hpp"

namespace vmm::shadow {

inline constexpr unsigned extent_pages = extent_size / page_size;
inline constexpr u64 linear_mask = (u64{1} << 48) - 1;

struct Space {
    explicit Space(RootId id) : root(id) {}
    RootId root;
    std::map<u64, std::unique_ptr<Extent>> extents; // by the first linear address
    u64 large_guest_pages{};                        // extents with leaves of such pages
    bool bare{true};                                // owns nothing but its root
};

struct Extent {
    Space* space{};
    u64 base{};
    TableId table{none}; // none: a large leaf, which is always there
    u16 used{};
    bool large_guest_page{};    // there may be leaves of guest pages of 2 MiB and more
    std::vector<LeafId> leaves; // extent_pages of them, or the one large leaf
};

struct Mapping {
    u64 linear{}; // a multiple of the size; bits above 47 are 0
    u64 page{};   // first guest page
    bool large{};
    bool past_protection{};
    u8 guest_page_bits{};
    PageRights rights{};
};

class Mappings {
public:
    enum class Mapped { done, no_leaf, no_table };

    Mappings(Backend& backend, u64 pages, EngineCounters& counters)
        : backend_(backend), pool_(backend, pages), counters_(counters) {}

    // In place of whatever is there. Anything but `done`: the pool is used up, nothing is there
    // now.
    Mapped map(Space& space, Mapping const& mapping);
    Leaf const* find(Space const& space, u64 linear);

    void drop(LeafId leaf);
    void drop(Space& space, u64 linear); // the leaf there, if there is one
    void drop_range(Space& space, u64 from, u64 size);
    void clear(Space& space); // and what lies above the extents
    // As INVLPG: the guest's page around the address, of whatever size, and its fragments.
    void invalidate(Space& space, u64 linear);
    // Leaves of the page that match, small and large.
    template <class Predicate> void drop_page(u64 page, Predicate&& matches);

    // Makes a leaf free.
    void reclaim_leaf();

private:
    void make_place(Space& space, Mapping const& mapping);
    Extent& add_extent(Space& space, u64 base, TableId table);
    Extent* table_for(Space& space, u64 linear);
    void forget_extent(std::map<u64, std::unique_ptr<Extent>>::iterator at);
    void drop_extent(std::map<u64, std::unique_ptr<Extent>>::iterator at);

    Backend& backend_;
    LeafPool pool_;
    EngineCounters& counters_;
};

template <class Predicate> void Mappings::drop_page(u64 page, Predicate&& matches) {
    for (bool large : {false, true}) {
        for (LeafId leaf = pool_.first(page, large); leaf != none;) {
            LeafId const next = pool_[leaf].next;
            if (pool_[leaf].state == LeafState::mapped && matches(pool_[leaf])) drop(leaf);
            leaf = next;
        }
    }
}

} // namespace vmm::shadow
