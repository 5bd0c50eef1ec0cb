// SPDX-License-Identifier: Apache-2.0
// Puts the changed copy of a code page where the guest's kernel executes it: a leaf of the shadow
// tables that is mapped executable for the page that is being fetched from is made of the copy.
#pragma once

#include <vector>

#include "vmm/engine/trap/code_pages.hpp"

namespace vmm::trap {

class CopyBackend final : public shadow::Backend {
public:
    // first_copy: where the memory of the copies begins in the numbering of inner, behind guest
    // RAM.
    CopyBackend(shadow::Backend& inner, CodePages const& code, GuestPhys first_copy)
        : inner_(inner), code_(code), first_copy_(first_copy), leaves_(inner.leaves()) {}

    u32 roots() const override { return inner_.roots(); }
    u32 leaves() const override { return inner_.leaves(); }
    std::optional<shadow::TableId> make_table(shadow::RootId root, u64 linear) override {
        return inner_.make_table(root, linear);
    }
    void drop_table(shadow::TableId table) override { inner_.drop_table(table); }
    void clear_root(shadow::RootId root) override { inner_.clear_root(root); }
    bool make_leaf(shadow::LeafId leaf, GuestPhys page) override {
        leaves_[leaf] = {page, page};
        return inner_.make_leaf(leaf, page);
    }
    bool make_large_leaf(shadow::LeafId leaf, GuestPhys extent) override {
        leaves_[leaf] = {extent, extent};
        return inner_.make_large_leaf(leaf, extent);
    }
    void destroy_leaf(shadow::LeafId leaf) override { inner_.destroy_leaf(leaf); }
    bool map_leaf(shadow::LeafId leaf, shadow::RootId root, u64 linear,
                  shadow::PageRights rights) override {
        Leaf& it = leaves_[leaf];
        u64 const page = it.page.value / page_size;
        GuestPhys wanted = it.page;
        if (rights.execute && code_.fetched() == page)
            if (auto const copy = code_.copy_of(page)) {
                wanted = first_copy_ + *copy * page_size;
                rights.write = false;
            }
        if (wanted != it.shown) {
            inner_.destroy_leaf(leaf);
            if (!inner_.make_leaf(leaf, wanted)) {
                it.shown = it.page;
                return false;
            }
            it.shown = wanted;
        }
        return inner_.map_leaf(leaf, root, linear, rights);
    }
    void unmap_leaf(shadow::LeafId leaf) override { inner_.unmap_leaf(leaf); }

private:
    struct Leaf {
        GuestPhys page;  // that it stands for
        GuestPhys shown; // that it maps
    };
    shadow::Backend& inner_;
    CodePages const& code_;
    GuestPhys first_copy_;
    std::vector<Leaf> leaves_;
};

} // namespace vmm::trap
