// SPDX-License-Identifier: Apache-2.0
// Which pages of guest RAM are page tables that shadow entries were made from (policy `sync`), and
// for which linear addresses: the other way round for each space. Such a page is write-protected;
// a page that is written like data stops being watched, a loose one is not to be watched.
#pragma once

#include <map>
#include <unordered_map>
#include <vector>

#include "base/types.hpp"

namespace vmm::shadow {

struct Space;

// A page in its role as a table: its entries are for the addresses from `base` on.
struct TableUse {
    Space* space{};
    u8 level{}; // 1: page table
    u64 base{};
    bool operator==(TableUse const&) const = default;
};

class TableWatch {
public:
    // most_uses: a guest can use one page as a table in any number of places.
    TableWatch(u64 pages, u64 most_uses)
        : pages_(pages), in_extent_((pages >> 9) + 1), most_uses_(most_uses) {}

    bool watches(u64 page) const {
        return page < pages_ && in_extent_[page >> 9] != 0 && tables_.contains(page);
    }
    bool watches_in_large_page(u64 page) const { return in_extent_[page >> 9] != 0; }
    bool is_full() const { return uses_ >= most_uses_; }

    // True: the page was not watched before.
    bool add(u64 page, TableUse const& use);
    // Its uses; empty if the page is not watched.
    std::vector<TableUse> uses(u64 page) const;
    // A watched page was written. True: too often in a row, without anything else in between
    // (step() says that there was).
    bool count_write(u64 page, u64 address);
    bool is_written_like_data(u64 page) const; // the next write would be one too many
    // A watched page was written that is no table of the current address space. True: so often that
    // it is better left alone.
    bool count_foreign_write(u64 page);
    void loosen(u64 page) { loose_.push_back(page); }
    bool is_loose(u64 page) const;
    bool has_most_loose() const;
    void tighten_all() { loose_.clear(); }
    void step() { ++step_; }

    // Shadow entries in that range exist no longer: forgets what they were made from. Levels below
    // `level`.
    void forget_range(Space const& space, u8 level, u64 base, u64 size);
    void forget(Space const& space);
    void forget(u64 page); // all of its uses
    u64 count() const { return tables_.size(); }

private:
    struct Table {
        std::vector<TableUse> uses;
        u64 step{};
        u64 last_write{};
        unsigned writes{};
        unsigned foreign_writes{};
    };
    using Places = std::map<u64, u64>; // base to page, of one level

    void remove(u64 page, TableUse const& use);

    u64 pages_;
    std::unordered_map<u64, Table> tables_;
    std::vector<u64> loose_;     // pages, a few
    std::vector<u16> in_extent_; // watched pages by 2 MiB
    std::map<std::pair<Space const*, u8>, Places> places_;
    u64 most_uses_;
    u64 uses_{};
    u64 step_{};
};

} // namespace vmm::shadow
