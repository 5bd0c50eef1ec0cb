// SPDX-License-Identifier: Apache-2.0
#include "vmm/shadow/kernel_backend.hpp"

#include <algorithm>

#include "x86/paging.hpp"

namespace vmm::shadow {
namespace {

using user::component::cnode;
using user::component::slots;

// Each space that is kept costs a dozen tables.
constexpr u64 most_roots = 33, tables_per_root = 12, least_roots = 3;
constexpr u64 spare_slots = 64; // for the rest of the monitor
constexpr u64 least_leaves = 64;
constexpr u64 write_back = 6; // ABI 5.5

constexpr u64 align_down(u64 address, unsigned shift) { return address >> shift << shift; }

} // namespace

user::Result<std::unique_ptr<KernelBackend>> KernelBackend::make(std::vector<user::CPtr> frames,
                                                                 user::AsidPool asids, u64 memory,
                                                                 u64 most_leaves) {
    auto tables = TRY(TableMemory::take(memory));
    auto backend =
        std::unique_ptr<KernelBackend>(new KernelBackend(std::move(tables), std::move(frames)));
    u64 const roots =
        std::clamp(backend->memory_.pieces() / tables_per_root, least_roots, most_roots);
    TRY(backend->make_roots(asids, roots));
    u64 const free = slots().free();
    u64 count = std::min(most_leaves, free > spare_slots ? free - spare_slots : 0);
    auto first = slots().take_range(count);
    for (; !first && count > least_leaves; first = slots().take_range(count))
        count -= count / 8; // the free slots are not all in a row
    backend->first_leaf_ = TRY(std::move(first));
    backend->leaf_count_ = static_cast<u32>(count);
    return backend;
}

user::Result<> KernelBackend::make_roots(user::AsidPool asids, u64 count) {
    for (u64 i = 0; i < count; ++i) {
        auto const piece = memory_.make(abi::ObjectType::ept_pml4);
        if (!piece) return fail(user::Error::out_of(user::Shortage::memory));
        roots_.push_back({.table = *piece, .pdpts = {}, .directories = {}});
        TRY(asids.assign(root(static_cast<RootId>(i))));
    }
    return {};
}

// The structure that is put in for the addresses around, if it is not there yet.
template <class Structure>
bool KernelBackend::make_above(RootId root_id, u64 address,
                               std::map<u64, TableMemory::Piece>& structures) {
    if (structures.contains(address)) return true;
    auto const piece = memory_.make(Structure::type);
    if (!piece) return false;
    if (!Structure{memory_.object(*piece)}.map(root(root_id), address)) {
        memory_.give_back(*piece);
        return false;
    }
    structures[address] = *piece;
    return true;
}

bool KernelBackend::make_directory(RootId root_id, u64 linear) {
    Root& root = roots_[root_id];
    return make_above<user::NestedPdpt>(root_id, align_down(linear, level_shift::pml4),
                                        root.pdpts) &&
           make_above<user::NestedPageDirectory>(root_id, align_down(linear, level_shift::pdpt),
                                                 root.directories);
}

std::optional<TableId> KernelBackend::make_table(RootId root_id, u64 linear) {
    if (!make_directory(root_id, linear)) return std::nullopt;
    auto const piece = memory_.make(abi::ObjectType::ept_pt);
    if (!piece) return std::nullopt;
    if (user::NestedPageTable{memory_.object(*piece)}.map(root(root_id), linear)) return *piece;
    memory_.give_back(*piece);
    return std::nullopt;
}

// Unmap of a structure that is ours and has no copies does not fail.
void KernelBackend::drop_table(TableId table) {
    if (user::NestedPageTable{memory_.object(table)}.unmap()) memory_.give_back(table);
}

void KernelBackend::clear_root(RootId root_id) {
    Root& root = roots_[root_id];
    for (auto const& [address, piece] : root.directories)
        if (user::NestedPageDirectory{memory_.object(piece)}.unmap()) memory_.give_back(piece);
    for (auto const& [address, piece] : root.pdpts)
        if (user::NestedPdpt{memory_.object(piece)}.unmap()) memory_.give_back(piece);
    root.directories.clear();
    root.pdpts.clear();
}

bool KernelBackend::make_leaf(LeafId leaf, GuestPhys page) {
    u64 const offset = page.value & (extent_size - 1);
    user::Frame const frame{frames_[page.value >> extent_shift]};
    return frame.carve(offset, cnode(), first_leaf_ + leaf).has_value();
}

bool KernelBackend::make_large_leaf(LeafId leaf, GuestPhys extent) {
    user::CPtr const frame = frames_[extent.value >> extent_shift];
    return cnode().copy(first_leaf_ + leaf, cnode().at(frame)).has_value();
}

void KernelBackend::destroy_leaf(LeafId leaf) {
    [[maybe_unused]] auto const removed = cnode().remove(first_leaf_ + leaf);
}

bool KernelBackend::map_leaf(LeafId id, RootId root_id, u64 linear, PageRights rights) {
    u64 const allowed = abi::right::read | (rights.write ? abi::right::write : 0);
    u64 const attributes = write_back | abi::attribute::ExecuteNever::make(!rights.execute) |
                           abi::attribute::Supervisor::make(!rights.user);
    auto const map = [&] {
        return leaf(id)
            .map_nested(root(root_id), GuestPhys{linear}, allowed, attributes)
            .has_value();
    };
    return map() ||
           (make_directory(root_id, linear) && map()); // a large leaf may lack its directory
}

void KernelBackend::unmap_leaf(LeafId id) {
    [[maybe_unused]] auto const unmapped = leaf(id).unmap();
}

} // namespace vmm::shadow
