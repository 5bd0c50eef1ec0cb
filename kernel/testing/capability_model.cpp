// SPDX-License-Identifier: Apache-2.0
// Lookup, derivation, and the operations of CNodes: ABI 4.10, 7.2, 7.3, 8.4, 10.
#include "kernel/testing/capability_model.hpp"

#include <algorithm>

using abi::CapType;
using abi::Label;

namespace {

bool is_table(CapType type) { return type == CapType::page_table || type == CapType::page_directory || type == CapType::pdpt; }

} // namespace

CapabilityModel::CapabilityModel(u64 root_cnode, unsigned root_radix, u64 pml4) : root_(root_cnode), pml4_(pml4) {
    cnodes_[root_cnode] = root_radix;
    tables_[pml4];
}

void CapabilityModel::put(Place place, Cap const& cap) {
    add_behind(cap, nobody, nobody, place, true);
    if (cap.type == CapType::cnode) cnodes_[cap.start] = cap.radix;
    if (is_table(cap.type)) tables_[cap.start];
}

CapabilityModel::Node const* CapabilityModel::at(Place place) const {
    auto const found = at_.find(place);
    return found == at_.end() ? nullptr : &nodes_[static_cast<std::size_t>(found->second)];
}

CapabilityModel::Cap CapabilityModel::cap_at(Place place) const { return at(place) ? at(place)->cap : Cap{}; }

// ABI 4.10, bit by bit. The failure is its type and details (4.9).
std::expected<CapabilityModel::Found, std::vector<u64>> CapabilityModel::lookup(Cap const& root, u64 address, unsigned bits) const {
    if (root.type != CapType::cnode) return fail(std::vector<u64>{1});
    Cap cnode = root;
    unsigned left = bits;
    auto const next_bits = [&](unsigned count) { // the top ones of those left
        u64 value = 0;
        for (unsigned i = 0; i < count; ++i) value = value << 1 | (address >> (left - 1 - i) & 1);
        return value;
    };
    for (;;) {
        if (cnode.guard_size > left || next_bits(cnode.guard_size) != cnode.guard)
            return fail(std::vector<u64>{4, left, cnode.guard, cnode.guard_size});
        if (cnode.guard_size + cnode.radix > left) return fail(std::vector<u64>{3, left, cnode.guard_size + cnode.radix});
        left -= cnode.guard_size;
        Place const place{cnode.start, next_bits(cnode.radix)};
        left -= cnode.radix;
        if (left == 0 || cap_at(place).type != CapType::cnode) return Found{place, left};
        cnode = cap_at(place);
    }
}

std::optional<CapabilityModel::Place> CapabilityModel::named(CPtr cptr) const {
    Cap const whole{.type = CapType::cnode, .start = root_, .radix = cnodes_.at(root_), .guard_size = 64 - cnodes_.at(root_)};
    auto const found = lookup(whole, cptr, 64);
    if (!found) return std::nullopt;
    return found->place;
}

std::expected<CapabilityModel::Place, Answer> CapabilityModel::slot_lookup(Cap const& root, u64 index, u64 depth, Which which) const {
    auto const failed = [&](std::vector<u64> words) {
        words.insert(words.begin(), static_cast<u64>(which));
        return fail(Answer{6, words});
    };
    if (root.type != CapType::cnode) return failed({1});
    if (depth < 1 || depth > 64) return fail(range_error(1, 64));
    auto const found = lookup(root, index, static_cast<unsigned>(depth));
    if (!found) return failed(found.error());
    if (found->bits_left) return failed({3, found->bits_left, 0});
    return found->place;
}

std::optional<CapabilityModel::Place> CapabilityModel::slot_for(CPtr root, u64 index, u64 depth) const {
    auto const place = named(root);
    auto const found = slot_lookup(place ? cap_at(*place) : Cap{}, index, depth, Which::destination);
    if (!found) return std::nullopt;
    return *found;
}

Answer CapabilityModel::invoke(CPtr cptr, Label label, Words const& words, std::vector<CPtr> const& cptrs) {
    Place const place = *named(cptr);
    std::vector<Place> caps;
    for (CPtr const extra : cptrs) caps.push_back(*named(extra));
    Operands const with{words, caps};
    switch (cap_at(place).type) {
    case CapType::null: return invalid_capability(0);
    case CapType::untyped: return label == Label::untyped_retype ? retype(place, words, caps) : illegal_operation;
    case CapType::cnode: return operate(cap_at(place), label, with);
    case CapType::frame: return operate_frame(place, label, with);
    case CapType::pdpt:
    case CapType::page_directory:
    case CapType::page_table: return operate_table(place, label, with);
    default: return illegal_operation;
    }
}

Answer CapabilityModel::operate(Cap const& cnode, Label label, Operands const& with) {
    if (label < Label::cnode_revoke || label > Label::cnode_save_caller) return illegal_operation;
    if (with.words.size() < 2) return truncated;
    auto const to = slot_lookup(cnode, with.words[0], with.words[1], Which::destination);
    if (!to) return to.error();
    switch (label) {
    case Label::cnode_revoke: revoke(*to); return success;
    case Label::cnode_delete: erase(*to); return success;
    case Label::cnode_copy:
    case Label::cnode_mint: return copy(*to, label == Label::cnode_mint, with);
    case Label::cnode_move:
    case Label::cnode_mutate: return move_or_mutate(*to, label == Label::cnode_mutate, with);
    case Label::cnode_rotate: return rotate(*to, with);
    case Label::cnode_save_caller:
        if (at(*to)) return delete_first;
        if (at(caller_slot)) relocate(caller_slot, *to);
        return success;
    default: break;
    }
    Cap const cap = cap_at(*to); // CancelBadgedSends: nobody ever waits here
    return cap.type == CapType::endpoint && cap.rights == abi::right::all ? success : illegal_operation;
}

Answer CapabilityModel::copy(Place to, bool mint, Operands const& with) {
    auto const& words = with.words;
    if (words.size() < 4 || with.caps.empty()) return truncated;
    if (at(to)) return delete_first;
    auto const from = slot_lookup(cap_at(with.caps[0]), words[2], words[3], Which::source);
    if (!from) return from.error();
    if (!at(*from)) return missing(Which::source, words[3]);
    if (words.size() < (mint ? 6 : 5)) return truncated;
    std::optional<Cap> cap = cap_at(*from);
    if (cap->type == CapType::endpoint || cap->type == CapType::notification) cap->rights &= words[4];
    if (cap->type == CapType::frame) {
        bool const read = words[4] & abi::right::read, write = words[4] & abi::right::write;
        cap->rights = std::min<u64>(cap->rights, !read ? 1 : !write ? 2 : 3);
    }
    if (mint) cap = with_data(*cap, words[5], false);
    if (!cap) return illegal_operation;
    auto const derived = derive(*from, *cap);
    if (!derived) return derived.error();
    insert(*derived, *from, to);
    return success;
}

Answer CapabilityModel::move_or_mutate(Place to, bool mutate, Operands const& with) {
    auto const& words = with.words;
    if (words.size() < 4 || with.caps.empty()) return truncated;
    if (at(to)) return delete_first;
    auto const from = slot_lookup(cap_at(with.caps[0]), words[2], words[3], Which::source);
    if (!from) return from.error();
    if (!at(*from)) return missing(Which::source, words[3]);
    std::optional<Cap> cap = cap_at(*from);
    if (mutate) {
        if (words.size() < 5) return truncated;
        cap = with_data(*cap, words[4], true);
        if (!cap) return illegal_operation;
    }
    relocate(*from, to);
    nodes_[static_cast<std::size_t>(at_[to])].cap = *cap;
    return success;
}

Answer CapabilityModel::rotate(Place to, Operands const& with) {
    auto const& words = with.words;
    if (words.size() < 8 || with.caps.size() < 2) return truncated;
    auto const from = slot_lookup(cap_at(with.caps[1]), words[6], words[7], Which::source);
    if (!from) return from.error();
    auto const pivot = slot_lookup(cap_at(with.caps[0]), words[3], words[4], Which::source);
    if (!pivot) return pivot.error();
    if (*pivot == *from || *pivot == to) return illegal_operation;
    if (*from != to && at(to)) return delete_first;
    if (!at(*from)) return missing(Which::source, words[7]);
    if (!at(*pivot)) return missing(Which::destination, words[4]);
    auto const moved = with_data(cap_at(*from), words[5], true);
    auto const turned = with_data(cap_at(*pivot), words[2], true);
    if (!moved || !turned) return illegal_operation;
    Place const aside{0, 0}; // no CNode is there
    relocate(*from, aside);
    relocate(*pivot, to);
    relocate(aside, *pivot);
    nodes_[static_cast<std::size_t>(at_[to])].cap = *turned;
    nodes_[static_cast<std::size_t>(at_[*pivot])].cap = *moved;
    return success;
}

// ABI 7.3. Empty: the capability would become null.
std::optional<CapabilityModel::Cap> CapabilityModel::with_data(Cap cap, u64 data, bool preserve) {
    if (cap.type == CapType::endpoint || cap.type == CapType::notification) {
        if (preserve || cap.badge) return std::nullopt;
        cap.badge = data;
    }
    if (cap.type == CapType::cnode) {
        cap.guard_size = data & 63;
        if (cap.guard_size + cap.radix > 64) return std::nullopt;
        cap.guard = data >> 6;
        for (unsigned bit = cap.guard_size; bit < 64; ++bit) cap.guard &= ~(u64{1} << bit);
    }
    return cap;
}

// ABI 10.2.
std::expected<CapabilityModel::Cap, Answer> CapabilityModel::derive(Place from, Cap cap) const {
    switch (cap.type) {
    case CapType::untyped:
        if (has_children(from)) return fail(revoke_first);
        return cap;
    case CapType::frame:
        cap.mapped = false;
        cap.address = 0;
        return cap;
    case CapType::page_table:
    case CapType::page_directory:
    case CapType::pdpt:
    case CapType::pml4:
        if (!cap.mapped) return fail(illegal_operation);
        return cap;
    case CapType::null:
    case CapType::reply:
    case CapType::irq_control:
    case CapType::io_port_control: return fail(illegal_operation);
    default: return cap;
    }
}

// ABI 10.1: a copy belongs to its source if that is an original, else to whom the source belongs.
void CapabilityModel::insert(Cap const& cap, Place from, Place to) {
    int const source = at_.at(from);
    Node& node = nodes_[static_cast<std::size_t>(source)];
    bool const original = cap.type == CapType::untyped || cap.badge != node.cap.badge;
    if (cap.type == CapType::untyped) node.cap.handed_out = node.cap.bytes;
    add_behind(cap, node.original ? source : node.parent, source, to, original);
}

void CapabilityModel::add_behind(Cap const& cap, int parent, int behind, Place to, bool original) {
    int index = static_cast<int>(nodes_.size());
    if (unused_.empty()) nodes_.emplace_back();
    else index = unused_.back(), unused_.pop_back();
    nodes_[static_cast<std::size_t>(index)] = Node{cap, to, original, parent};
    at_[to] = index;
    if (parent == nobody) return;
    auto& siblings = nodes_[static_cast<std::size_t>(parent)].children;
    auto const place = behind == parent ? siblings.begin() : std::find(siblings.begin(), siblings.end(), behind) + 1;
    siblings.insert(place, index);
}

void CapabilityModel::relocate(Place from, Place to) {
    int const index = at_.at(from);
    at_.erase(from);
    at_[to] = index;
    nodes_[static_cast<std::size_t>(index)].place = to;
}

// Its children become its parent's, in its place.
void CapabilityModel::remove(Place place) {
    int const index = at_.at(place);
    at_.erase(place);
    Node& node = nodes_[static_cast<std::size_t>(index)];
    for (int const child : node.children) nodes_[static_cast<std::size_t>(child)].parent = node.parent;
    if (node.parent != nobody) {
        auto& siblings = nodes_[static_cast<std::size_t>(node.parent)].children;
        auto const at = siblings.erase(std::find(siblings.begin(), siblings.end(), index));
        siblings.insert(at, node.children.begin(), node.children.end());
    }
    node = {};
    node.alive = false;
    unused_.push_back(index);
}

bool CapabilityModel::is_last(int index) const {
    Cap const& cap = node(index).cap;
    return std::none_of(nodes_.begin(), nodes_.end(), [&](Node const& other) {
        return other.alive && &other != &nodes_[static_cast<std::size_t>(index)] && other.cap.same_object(cap);
    });
}

void CapabilityModel::erase(Place place) {
    auto const found = at_.find(place);
    if (found == at_.end()) return;
    Cap const cap = cap_at(place);
    if (cap.type == CapType::zombie) return; // it is being deleted
    if (cap.type == CapType::frame) unmap_frame(cap);
    if (is_last(found->second)) {
        nodes_[static_cast<std::size_t>(found->second)].cap.type = CapType::zombie;
        finish_object(cap);
    }
    if (at(place)) remove(place);
}

// ABI 10.4: the last capability to it goes.
void CapabilityModel::finish_object(Cap const& cap) {
    if (is_table(cap.type)) {
        unmap_table(cap);
        tables_.erase(cap.start);
    }
    if (cap.type != CapType::cnode) return;
    for (u64 i = u64{1} << cap.radix; i > 0; --i) erase({cap.start, i - 1});
    cnodes_.erase(cap.start);
}

void CapabilityModel::revoke(Place place) {
    while (has_children(place)) erase(node(at(place)->children.front()).place);
}

// ABI 8.4.
CapabilityModel::Delivered CapabilityModel::deliver(CPtr endpoint, std::vector<CPtr> const& caps, std::optional<Place> receive_slot) {
    Delivered delivered{};
    Cap const through = cap_at(*named(endpoint));
    if (!(through.rights & abi::right::grant)) return delivered;
    if (receive_slot && at(*receive_slot)) receive_slot.reset();
    for (CPtr const cptr : caps) {
        Place const from = *named(cptr);
        Cap const cap = cap_at(from);
        if (cap.same_object(through)) {
            delivered.unwrapped |= u64{1} << delivered.handled++;
            continue;
        }
        auto const derived = derive(from, cap);
        if (!receive_slot || !derived) break;
        insert(*derived, from, *receive_slot);
        receive_slot.reset();
        ++delivered.handled;
    }
    return delivered;
}

void CapabilityModel::give_reply(Place master, Place to, u64 thread, bool can_grant) {
    erase(to);
    int const parent = at_.at(master);
    add_behind({.type = CapType::reply, .start = thread, .flag = can_grant}, parent, parent, to, false);
}
