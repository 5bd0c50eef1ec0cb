// SPDX-License-Identifier: Apache-2.0
// The derivation lists (ABI 10.1, 10.3, written down here once more), and the memory of what they hold: every object lies in
// what the nearest untyped memory above it handed out, and nobody else can hand that out.
#include <algorithm>
#include <cstring>

#include "kernel/capability/derivation.hpp"
#include "kernel/fuzz/inventory.hpp"
#include "kernel/fuzz/invariants.hpp"

namespace fuzz {

namespace {

bool same_word(Cap const& one, Cap const& other) { return one.raw().low == other.raw().low; }

bool region_contains(Found const& region, Found const& inner) {
    Cap const& cap = region.slot->cap();
    switch (region.type) {
    case CapType::untyped: return inner.has_extent && region.start <= inner.start && inner.end <= region.end;
    case CapType::frame: return inner.type == CapType::frame && region.start <= inner.start && inner.end <= region.end;
    case CapType::irq_control: return inner.type == CapType::irq_control || inner.type == CapType::irq_handler;
    case CapType::io_port_control: return inner.type == CapType::io_port_control || inner.type == CapType::io_port;
    case CapType::irq_handler:
    case CapType::io_port: return inner.type == region.type && same_word(cap, inner.slot->cap());
    case CapType::domain:
    case CapType::asid_control: return inner.type == region.type;
    case CapType::reply:
        return inner.type == CapType::reply && cap.get<ReplyCap>().caller == inner.slot->cap().get<ReplyCap>().caller;
    case CapType::null:
    case CapType::zombie: return false;
    default: return inner.type == region.type && inner.object == region.object;
    }
}

bool is_parent(Found const& parent, Found const& child) {
    if (!parent.slot->original() || !region_contains(parent, child)) return false;
    if (parent.type != CapType::endpoint && parent.type != CapType::notification) return true;
    u64 const badge = parent.slot->cap().raw().low;
    return badge == 0 || (badge == child.slot->cap().raw().low && !child.slot->first_badged());
}

// Physical memory that belongs to somebody: to an object, or to the untyped memory that may hand it out next.
class Ownership {
public:
    void clear() {
        std::memset(owned_, 0, sizeof owned_);
        std::memset(frames_, 0, sizeof frames_);
        elsewhere_.clear();
    }
    void take(u64 start, u64 end) {
        if (start == end) return;
        if (end > ram_end) return elsewhere_.push({start, end, false});
        u64 const first = (start - ram_start) / 16, last = (end - ram_start) / 16 - 1;
        for (u64 word = first / 64; word <= last / 64; ++word) {
            u64 mask = ~u64{0};
            if (word == first / 64) mask &= ~u64{0} << first % 64;
            if (word == last / 64) mask &= ~u64{0} >> (63 - last % 64);
            require(!(owned_[word] & mask), "memory has two owners, at or behind", start);
            owned_[word] |= mask;
        }
    }
    // Frames may lie in frames, and be many: pages are carved out of them.
    void take_frame(u64 start, u64 end) {
        if (end > ram_end) return elsewhere_.push({start, end, true});
        for (u64 page = start; page < end; page += page_bytes) {
            bool& known = frames_[(page - ram_start) / page_bytes];
            if (!known) take(page, page + page_bytes);
            known = true;
        }
    }
    void check_elsewhere() {
        std::sort(elsewhere_.begin(), elsewhere_.end(),
                  [](Range const& one, Range const& other) { return one.start != other.start ? one.start < other.start : one.end > other.end; });
        Range outer{};
        for (Range const& range : elsewhere_) {
            bool const carved = outer.frame && range.frame && range.end <= outer.end;
            require(carved || outer.end <= range.start, "memory elsewhere has two owners", range.start);
            if (!carved) outer = range;
        }
    }

private:
    static constexpr u64 page_bytes = 4096;
    struct Range {
        u64 start, end;
        bool frame;
    };
    u64 owned_[(ram_end - ram_start) / 16 / 64];
    bool frames_[(ram_end - ram_start) / page_bytes];
    List<Range, 2048> elsewhere_;
};
Ownership ownership;
List<u32, 4096> ancestors; // from the outermost, indices of slots

void check_inside(Found const& found) {
    for (unsigned i = ancestors.size(); i-- > 0;) {
        Found const& above = inventory.slots[ancestors[i]];
        if (above.type != CapType::untyped) continue;
        u64 const handed_out = above.slot->cap().get<UntypedCap>().free_offset;
        return require(found.end <= above.start + handed_out, "an object lies above what its untyped handed out", found.start);
    }
    // Nothing above it in its list. Then no other untyped capability may know that memory.
    for (u32 const index : inventory.untypeds) {
        Found const& untyped = inventory.slots[index];
        if (untyped.slot == found.slot) continue;
        bool const inside_this = found.type == CapType::untyped && found.start <= untyped.start && untyped.end <= found.end;
        require(inside_this || untyped.end <= found.start || found.end <= untyped.start,
                "an object in untyped memory that it was not derived from", found.start);
    }
}

void check_untyped(Found const& found, bool has_child) {
    auto const untyped = found.slot->cap().get<UntypedCap>();
    require(untyped.base.is_aligned(untyped.size_bits), "untyped memory that is not aligned", found.start);
    require(untyped.free_offset <= untyped.size(), "an untyped handed out more than there is", found.start);
    require(untyped.device == (found.start >= device_start), "untyped memory of the wrong kind", found.start);
    // Without children all of it can be handed out again.
    ownership.take(has_child ? found.start + untyped.free_offset : found.start, found.end);
}

// Each badge's capabilities stand together, and the first of them says so: what revoking one of them stops at.
void check_badge(Slot const* slot) {
    Cap const& cap = slot->cap();
    bool const badged = cap.is<EndpointCap>() || cap.is<NotificationCap>();
    if (!badged || cap.raw().low == 0 || slot->first_badged()) return;
    Slot const* const before = slot->previous();
    require(before && before->cap().type() == cap.type() && before->cap().raw().low == cap.raw().low,
            "the first capability with a badge is not marked", cap.raw().low);
}

void visit(Slot const* slot, Found const& found, Found const* next) {
    require(!slot->original() || slot->first_badged(), "an original that is not the first of its badge");
    if (found.has_extent) check_inside(found);
    check_badge(slot);
    if (found.type == CapType::frame) ownership.take_frame(found.start, found.end);
    if (found.type == CapType::untyped) check_untyped(found, next && is_parent(found, *next));
    if (found.object == Object::none) return;
    Object& object = inventory.objects[found.object];
    if (!object.last_visited) ownership.take(found.start, found.end);
    else require(object.last_visited == slot->previous(), "capabilities to one object are not side by side", found.start);
    object.last_visited = slot;
}

} // namespace

void check_lists() {
    ownership.clear();
    unsigned seen = 0;
    for (Found const& head : inventory.slots) {
        if (head.slot->previous()) continue;
        ancestors.clear();
        Found const* found = &head;
        while (true) {
            require(++seen <= inventory.slots.size(), "a list of slots has a cycle");
            Slot const* const slot = found->slot;
            Slot const* const after = slot->next();
            require(!after || after->previous() == slot, "the next slot does not lead back");
            Found const* const next = after ? &inventory.slots[inventory.index_of(after)] : nullptr;
            while (ancestors.size() && !is_parent(inventory.slots[ancestors[ancestors.size() - 1]], *found))
                ancestors.truncate(ancestors.size() - 1);
            visit(slot, *found, next);
            if (!next) break;
            if (is_parent(*found, *next)) ancestors.push(static_cast<u32>(found - inventory.slots.begin()));
            found = next;
        }
    }
    require(seen == inventory.slots.size(), "a ring of slots without a head");
    ownership.check_elsewhere();
}

void invariants::check_unused_memory() {
    for (u32 const index : inventory.untypeds) {
        auto const untyped = inventory.slots[index].slot->cap().get<UntypedCap>();
        if (untyped.device) continue;
        auto const* const words = reinterpret_cast<u64 const*>(arena() + (untyped.base.value - ram_start));
        for (u64 i = untyped.free_offset / 8; i < untyped.size() / 8; ++i)
            require(!words[i], "unused memory is not clear", untyped.base.value + 8 * i);
    }
}

} // namespace fuzz
