// SPDX-License-Identifier: Apache-2.0
// Shadow page tables made of kernel objects: tables are EPT tables, which translate a guest's
// linear addresses where there is no nested paging (abi/shadow_root.hpp); a leaf is a slot with a
// page carved out of a frame of guest RAM, or a copy of such a frame.
#pragma once

#include <map>
#include <memory>

#include "vmm/shadow/backend.hpp"
#include "vmm/shadow/table_memory.hpp"

namespace vmm::shadow {

class KernelBackend final : public Backend {
public:
    // frames: of guest RAM, 2 MiB each, in order. memory: bytes for tables, of the component's own.
    // At most most_leaves leaves, fewer if the component has not so many slots.
    static user::Result<std::unique_ptr<KernelBackend>>
    make(std::vector<user::CPtr> frames, user::AsidPool asids, u64 memory, u64 most_leaves);

    u32 roots() const override { return static_cast<u32>(roots_.size()); }
    u32 leaves() const override { return leaf_count_; }
    std::optional<TableId> make_table(RootId root, u64 linear) override;
    void drop_table(TableId table) override;
    void clear_root(RootId root) override;
    bool make_leaf(LeafId leaf, GuestPhys page) override;
    bool make_large_leaf(LeafId leaf, GuestPhys extent) override;
    void destroy_leaf(LeafId leaf) override;
    bool map_leaf(LeafId leaf, RootId root, u64 linear, PageRights rights) override;
    void unmap_leaf(LeafId leaf) override;

    user::NestedRoot root(RootId root) const { return {memory_.object(roots_[root].table)}; }

private:
    struct Root {
        TableMemory::Piece table;
        std::map<u64, TableMemory::Piece> pdpts, directories; // by the first address
    };

    KernelBackend(TableMemory memory, std::vector<user::CPtr> frames)
        : memory_(std::move(memory)), frames_(std::move(frames)) {}
    user::Result<> make_roots(user::AsidPool asids, u64 count);
    template <class Structure>
    bool make_above(RootId root, u64 address, std::map<u64, TableMemory::Piece>& structures);
    bool make_directory(RootId root, u64 linear);
    user::Frame leaf(LeafId leaf) const { return {first_leaf_ + leaf}; }

    TableMemory memory_;
    std::vector<user::CPtr> frames_;
    std::vector<Root> roots_;
    user::CPtr first_leaf_{};
    u32 leaf_count_{};
};

} // namespace vmm::shadow
