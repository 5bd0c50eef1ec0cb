// SPDX-License-Identifier: Apache-2.0
// A backend for tests: keeps entries as the kernel does, and is as strict.
#pragma once

#include "base/gtest.hpp"

#include <map>
#include <set>

#include "vmm/shadow/backend.hpp"

namespace vmm::shadow {

class FakeBackend : public Backend {
public:
    struct Pools {
        u32 roots, leaves, tables;
    };
    struct Entry {
        u64 page;
        bool large;
        PageRights rights;
    };
    explicit FakeBackend(Pools pools, u64 pages)
        : pools_(pools), pages_(pages), leaves_(pools.leaves) {}

    u32 roots() const override { return pools_.roots; }
    u32 leaves() const override { return pools_.leaves; }

    std::optional<TableId> make_table(RootId root, u64 linear) override {
        EXPECT_EQ(linear % extent_size, 0u);
        EXPECT_FALSE(extents_.contains({root, linear}));
        if (!make_above(root, linear) || used() == pools_.tables) return std::nullopt;
        extents_[{root, linear}] = next_;
        tables_[next_] = {root, linear};
        return next_++;
    }
    void drop_table(TableId table) override {
        auto const at = tables_.find(table);
        ASSERT_NE(at, tables_.end());
        auto const [root, linear] = at->second;
        for (u64 i = 0; i < extent_size; i += page_size) entries_.erase({root, linear + i});
        extents_.erase({root, linear});
        tables_.erase(at);
    }
    void clear_root(RootId root) override {
        for (auto const& [at, table] : extents_) EXPECT_NE(at.first, root);
        for (auto const& [at, entry] : entries_) EXPECT_NE(at.first, root);
        std::erase_if(above_, [&](auto const& structure) { return structure.first == root; });
    }
    bool make_leaf(LeafId leaf, GuestPhys page) override { return make(leaf, page, false); }
    bool make_large_leaf(LeafId leaf, GuestPhys extent) override {
        EXPECT_EQ(extent.value % extent_size, 0u);
        EXPECT_LE((extent.value + extent_size) >> page_shift, pages_);
        return make(leaf, extent, true);
    }
    void destroy_leaf(LeafId leaf) override {
        unmap_leaf(leaf);
        leaves_[leaf] = {};
    }
    bool map_leaf(LeafId leaf, RootId root, u64 linear, PageRights rights) override {
        Leaf& l = leaves_.at(leaf);
        EXPECT_TRUE(l.exists && !l.mapped);
        EXPECT_EQ(linear % (l.large ? extent_size : page_size), 0u);
        EXPECT_LT(linear, u64{1} << 48);
        EXPECT_FALSE(entries_.contains({root, linear}));
        u64 const extent = linear & ~(extent_size - 1);
        EXPECT_EQ(extents_.contains({root, extent}), !l.large);
        if (l.large && !make_above(root, linear)) return false;
        entries_[{root, linear}] = {l.page, l.large, rights};
        l.mapped = {{root, linear}};
        return true;
    }
    // Like the kernel, takes the entry out if it refers to the leaf's page, whoever made it.
    void unmap_leaf(LeafId leaf) override {
        Leaf& l = leaves_.at(leaf);
        EXPECT_TRUE(l.exists);
        if (!l.mapped) return;
        auto const at = entries_.find(*l.mapped);
        if (at != entries_.end() && at->second.page == l.page && at->second.large == l.large)
            entries_.erase(at);
        l.mapped.reset();
    }

    // What the processor finds.
    std::optional<Entry> find(RootId root, u64 linear) const {
        for (u64 size : {page_size, extent_size}) {
            auto const at = entries_.find({root, linear & ~(size - 1)});
            if (at == entries_.end() || at->second.large != (size == extent_size)) continue;
            Entry entry = at->second;
            if (entry.large) entry.page |= linear >> page_shift & 511;
            return entry;
        }
        return std::nullopt;
    }
    u64 used() const { return tables_.size() + above_.size(); }
    std::map<std::pair<RootId, u64>, Entry> const& entries() const { return entries_; }

private:
    struct Leaf {
        bool exists{}, large{};
        u64 page{};
        std::optional<std::pair<RootId, u64>> mapped;
    };
    bool make(LeafId leaf, GuestPhys at, bool large) {
        EXPECT_FALSE(leaves_.at(leaf).exists);
        EXPECT_LT(at.value >> page_shift, pages_);
        leaves_[leaf] = {true, large, at.value >> page_shift, {}};
        return true;
    }
    bool make_above(RootId root, u64 linear) {
        for (unsigned shift : {39u, 30u}) {
            std::pair<RootId, std::pair<unsigned, u64>> const structure{root,
                                                                        {shift, linear >> shift}};
            if (above_.contains(structure)) continue;
            if (used() == pools_.tables) return false;
            above_.insert(structure);
        }
        return true;
    }

    Pools pools_;
    u64 pages_;
    std::vector<Leaf> leaves_;
    std::map<std::pair<RootId, u64>, TableId> extents_;
    std::map<TableId, std::pair<RootId, u64>> tables_;
    std::map<std::pair<RootId, u64>, Entry> entries_;
    std::set<std::pair<RootId, std::pair<unsigned, u64>>> above_;
    TableId next_{};
};

} // namespace vmm::shadow
