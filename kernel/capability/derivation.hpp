// SPDX-License-Identifier: Apache-2.0
// Who was derived from whom. All slots that hold a capability form doubly linked lists in which every capability is
// followed by what was derived from it:
//
//   untyped 64K* ─ endpoint* ─ endpoint (copy) ─ endpoint 7* ─ endpoint 7 (copy) ─ untyped 4K* ...
//       └───────────── all inside it ──────────────────────┘          * original
//
// No depth is stored: ABI 10.1 says when a slot is the parent of one that follows it.
#pragma once

#include "kernel/capability/slot.hpp"

// Does `region` contain what `cap` names? ABI 10.3.
bool same_region(Cap const& region, Cap const& cap);
// Do both name the same object, so that neither is the last while the other is there?
bool same_object(Cap const& one, Cap const& other);
// Is `cap`, derived from `source`, an original of its own? ABI 10.1.
bool becomes_original(Cap const& cap, Cap const& source);

struct DerivationList {
    // Puts `cap`, a copy of what `from` holds or issued by it, into the empty `to`, right behind `from`.
    static void insert(Cap const& cap, Slot& from, Slot& to);
    // Puts a new object's capability into the empty `to`, as a child of `parent` and an original.
    static void insert_child(Cap const& cap, Slot& parent, Slot& to);
    // Right behind `from`, as no original, whatever its kind (ASID pools, replies).
    static void insert_plain(Cap const& cap, Slot& from, Slot& to);
    // The same where nothing stands behind `parent`: a reply capability behind its master, of which there is one.
    static void insert_only(Cap const& cap, Slot& parent, Slot& to) {
        to.cap_ = cap;
        to.previous_ = reinterpret_cast<u64>(&parent);
        to.next_ = 0;
        parent.next_ |= reinterpret_cast<u64>(&to);
    }
    // Empties its slot.
    static void remove_only(Slot& slot) {
        slot.previous()->next_ &= Slot::flags;
        slot.cap_ = {};
        slot.previous_ = 0;
    }
    // Puts a capability that was derived from nothing into the empty `to`.
    static void insert_root(Cap const& cap, Slot& to);
    // `cap` (what `from` held, perhaps changed) goes to the empty `to`, with its place in the list.
    static void move(Cap const& cap, Slot& from, Slot& to);
    // Both exchange capabilities and places; the capabilities may be changed on the way. They come by value: a reference
    // into one of the slots would change under the exchange.
    static void swap(Cap cap_of_one, Slot& one, Cap cap_of_other, Slot& other);
    // Empties the slot.
    static void remove(Slot& slot);

    static bool is_parent_of(Slot const& parent, Slot const& slot);
    // The next slot when it was derived from this one, else null.
    static Slot* first_child(Slot const& slot);
    // Is no other capability to the same object left?
    static bool is_last(Slot const& slot);

private:
    static void insert_behind(Cap const& cap, Slot& from, Slot& to, u64 flags);
    static void link(Slot* one, Slot* two);
};
