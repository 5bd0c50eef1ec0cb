// SPDX-License-Identifier: Apache-2.0
#include "kernel/capability/derivation.hpp"

#include "kernel/capability/extent.hpp"

namespace {

bool same_pointer(Cap const& one, Cap const& other) {
    return cap_bits::Pointer::get(one.raw().high) == cap_bits::Pointer::get(other.raw().high);
}

} // namespace

bool same_region(Cap const& region, Cap const& cap) {
    switch (region.type()) {
    case CapType::untyped: {
        auto const inner = extent_of(cap);
        return inner && extent_of(region)->contains(*inner);
    }
    case CapType::frame: return cap.is<FrameCap>() && extent_of(region)->contains(*extent_of(cap));
    case CapType::cnode:
        return cap.is<CNodeCap>() && same_pointer(region, cap) &&
               region.get<CNodeCap>().radix == cap.get<CNodeCap>().radix;
    case CapType::irq_control: return cap.is<IrqControlCap>() || cap.is<IrqHandlerCap>();
    case CapType::io_port_control: return cap.is<IoPortControlCap>() || cap.is<IoPortCap>();
    case CapType::irq_handler:
    case CapType::io_port: return cap.type() == region.type() && cap.raw().low == region.raw().low;
    case CapType::domain:
    case CapType::asid_control: return cap.type() == region.type();
    case CapType::endpoint:
    case CapType::notification:
    case CapType::reply:
    case CapType::tcb:
    case CapType::page_table:
    case CapType::page_directory:
    case CapType::pdpt:
    case CapType::pml4:
    case CapType::asid_pool:
    case CapType::vcpu:
    case CapType::ept_pt:
    case CapType::ept_pd:
    case CapType::ept_pdpt:
    case CapType::ept_pml4: return cap.type() == region.type() && same_pointer(region, cap);
    case CapType::null:
    case CapType::zombie: break;
    }
    return false;
}

bool same_object(Cap const& one, Cap const& other) {
    if (one.type() != other.type() || one.is<UntypedCap>()) return false;
    if (auto const frame = one.as<FrameCap>()) {
        auto const second = other.get<FrameCap>();
        return frame->base == second.base && frame->size == second.size;
    }
    return same_region(one, other);
}

bool becomes_original(Cap const& cap, Cap const& source) {
    switch (cap.type()) {
    case CapType::endpoint:
    case CapType::notification: return cap.raw().low != source.raw().low; // the badge was set
    case CapType::untyped: return true;
    case CapType::irq_handler: return source.is<IrqControlCap>();
    case CapType::io_port: return source.is<IoPortControlCap>();
    default: return false;
    }
}

void DerivationList::link(Slot* one, Slot* two) {
    if (one) one->next_ = (one->next_ & Slot::flags) | reinterpret_cast<u64>(two);
    if (two) two->previous_ = reinterpret_cast<u64>(one);
}

void DerivationList::insert_behind(Cap const& cap, Slot& from, Slot& to, u64 flags) {
    to.cap_ = cap;
    to.next_ = flags;
    Slot* const after = from.next();
    link(&from, &to);
    link(&to, after);
}

void DerivationList::insert(Cap const& cap, Slot& from, Slot& to) {
    u64 const flags = becomes_original(cap, from.cap_) ? Slot::flags : 0;
    if (auto source = from.cap_.as<UntypedCap>(); source && cap.is<UntypedCap>()) {
        // Two capabilities must not hand out the same memory: the copy goes on, the source is full (ABI 6.4).
        source->free_offset = source->size();
        from.cap_ = *source;
    }
    insert_behind(cap, from, to, flags);
}

void DerivationList::insert_child(Cap const& cap, Slot& parent, Slot& to) {
    insert_behind(cap, parent, to, Slot::flags);
}

void DerivationList::insert_plain(Cap const& cap, Slot& from, Slot& to) { insert_behind(cap, from, to, 0); }

void DerivationList::insert_root(Cap const& cap, Slot& to) {
    to.cap_ = cap;
    to.previous_ = 0;
    to.next_ = Slot::flags;
}

void DerivationList::move(Cap const& cap, Slot& from, Slot& to) {
    to.cap_ = cap;
    to.previous_ = from.previous_;
    to.next_ = from.next_;
    link(to.previous(), &to);
    link(&to, to.next());
    from.cap_ = {};
    from.previous_ = 0;
    from.next_ = 0;
}

void DerivationList::swap(Cap cap_of_one, Slot& one, Cap cap_of_other, Slot& other) {
    if (one.empty()) {
        if (!other.empty()) move(cap_of_other, other, one);
        return;
    }
    if (other.empty()) return move(cap_of_one, one, other);
    Slot aside; // neighbours would have to point at themselves: one goes through a slot of its own
    move(cap_of_one, one, aside);
    move(cap_of_other, other, one);
    move(cap_of_one, aside, other);
}

void DerivationList::remove(Slot& slot) {
    Slot* const next = slot.next();
    link(slot.previous(), next);
    if (next && slot.first_badged()) next->next_ |= Slot::first_badged_flag;
    slot.cap_ = {};
    slot.previous_ = 0;
    slot.next_ = 0;
}

bool DerivationList::is_parent_of(Slot const& parent, Slot const& slot) {
    if (!parent.original() || !same_region(parent.cap_, slot.cap_)) return false;
    if (!parent.cap_.is<EndpointCap>() && !parent.cap_.is<NotificationCap>()) return true;
    u64 const badge = parent.cap_.raw().low;
    return badge == 0 || (badge == slot.cap_.raw().low && !slot.first_badged());
}

Slot* DerivationList::first_child(Slot const& slot) {
    Slot* const next = slot.next();
    return next && is_parent_of(slot, *next) ? next : nullptr;
}

bool DerivationList::is_last(Slot const& slot) {
    Slot const* const previous = slot.previous();
    if (previous && same_object(previous->cap_, slot.cap_)) return false;
    Slot const* const next = slot.next();
    return !next || !same_object(slot.cap_, next->cap_);
}
