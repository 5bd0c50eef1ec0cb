// SPDX-License-Identifier: Apache-2.0
#include "vmm/shadow/leaf_pool.hpp"

namespace vmm::shadow {

// A page may be mapped everywhere: the search for a leaf to use again stays short. What can be used
// stands in front.
constexpr unsigned longest_search = 4;

LeafPool::LeafPool(Backend& backend, u64 pages)
    : backend_(backend), leaves_(backend.leaves()), small_(pages, none),
      large_((pages >> (extent_shift - page_shift)) + 1, none) {
    free_.reserve(leaves_.size());
    for (LeafId leaf = size(); leaf-- > 0;) free_.push_back(leaf);
}

LeafId LeafPool::take(u64 page, bool large) {
    LeafId found = first(page, large);
    for (unsigned i = 0; i < longest_search && found != none; ++i) {
        Leaf const& leaf = leaves_[found];
        if (leaf.state == LeafState::spare) return found;
        if (leaf.state == LeafState::stale) {
            unmap_stale(found);
            return found;
        }
        found = leaf.next;
    }
    if (free_.empty()) return none;
    LeafId const leaf = free_.back();
    GuestPhys const at{page << page_shift};
    if (!(large ? backend_.make_large_leaf(leaf, at) : backend_.make_leaf(leaf, at))) return none;
    free_.pop_back();
    leaves_[leaf] = {.state = LeafState::spare, .large = large, .page = page};
    link(leaf);
    return leaf;
}

void LeafPool::put_back(LeafId leaf) {
    leaves_[leaf].state = LeafState::spare;
    leaves_[leaf].extent = nullptr;
    unlink(leaf);
    link(leaf);
}

void LeafPool::put_back_stale(LeafId leaf, u64 place) {
    put_back(leaf);
    Leaf& record = leaves_[leaf];
    record.state = LeafState::stale;
    record.place = place;
    auto const [head, is_first] = stale_.try_emplace(place, none);
    record.place_previous = none;
    record.place_next = head->second;
    if (!is_first) leaves_[head->second].place_previous = leaf;
    head->second = leaf;
}

void LeafPool::settle(u64 place) {
    for (auto at = stale_.find(place); at != stale_.end(); at = stale_.find(place))
        unmap_stale(at->second);
}

void LeafPool::unmap_stale(LeafId leaf) {
    backend_.unmap_leaf(leaf);
    unlink_place(leaf);
    leaves_[leaf].state = LeafState::spare;
}

LeafId LeafPool::oldest() {
    for (u32 i = 0; i < size(); ++i) {
        LeafId const leaf = cursor_;
        cursor_ = (cursor_ + 1) % size();
        if (leaves_[leaf].state != LeafState::free) return leaf;
    }
    return none;
}

void LeafPool::reclaim(LeafId leaf) {
    backend_.destroy_leaf(leaf);
    if (leaves_[leaf].state == LeafState::stale) unlink_place(leaf);
    unlink(leaf);
    leaves_[leaf] = {};
    free_.push_back(leaf);
}

void LeafPool::link(LeafId leaf) {
    LeafId& first = head(leaves_[leaf]);
    leaves_[leaf].previous = none;
    leaves_[leaf].next = first;
    if (first != none) leaves_[first].previous = leaf;
    first = leaf;
}

void LeafPool::unlink_place(LeafId leaf) {
    Leaf const& old = leaves_[leaf];
    if (old.place_next != none) leaves_[old.place_next].place_previous = old.place_previous;
    if (old.place_previous != none)
        leaves_[old.place_previous].place_next = old.place_next;
    else if (old.place_next != none)
        stale_[old.place] = old.place_next;
    else
        stale_.erase(old.place);
}

void LeafPool::unlink(LeafId leaf) {
    Leaf const& old = leaves_[leaf];
    if (old.previous != none)
        leaves_[old.previous].next = old.next;
    else
        head(old) = old.next;
    if (old.next != none) leaves_[old.next].previous = old.previous;
}

} // namespace vmm::shadow
