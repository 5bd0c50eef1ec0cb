// SPDX-License-Identifier: Apache-2.0
// A CNode or TCB whose last capability goes away becomes a zombie: the slot being deleted keeps it until every slot inside
// is empty. Objects nest, and the nesting may be deep and cyclic, so nothing here recurses. When the last slot of zombie A
// holds the last capability to B, three slots rotate, and the way back is kept inside B itself:
//
//   before:  slot: A    A[n-1]: B    B[0]: x
//   after:   slot: B    A[n-1]: x    B[0]: A      (B's slots are emptied from the end; when only B[0] is left,
//                                                  A moves back to the slot and B is finished)
//
// Every step empties a slot or ends an object, and every state between two steps can be met by other system calls.
#include "kernel/capability/deletion.hpp"

#include "kernel/capability/derivation.hpp"
#include "kernel/kernel.hpp"
#include "kernel/objects.hpp"

namespace {

// Turns the capability in the slot into a zombie when it is the last to an object with slots inside;
// anything else is retired. True: the slot now holds a zombie.
bool retire(Kernel& kernel, Slot& slot) {
    if (slot.cap().is<ZombieCap>()) return true;
    auto const zombie = objects::retire(kernel, slot.cap(), DerivationList::is_last(slot));
    if (zombie) slot.update(*zombie);
    return zombie.has_value();
}

// One step towards an empty slot. The slot holds a zombie.
void reduce(Kernel& kernel, Slot& slot) {
    auto zombie = slot.cap().get<ZombieCap>();
    if (zombie.count == 0) return DerivationList::remove(slot);
    Slot& end = zombie.slots[zombie.count - 1];
    Slot& begin = zombie.slots[0];
    if (&end == &slot) {
        // The zombie stands in its own last slot. With it in the first one, all others can be emptied.
        if (&end == &begin) return DerivationList::remove(slot);
        return DerivationList::swap(slot.cap(), slot, begin.cap(), begin);
    }
    if (end.empty() || !retire(kernel, end)) {
        if (!end.empty()) DerivationList::remove(end);
        --zombie.count;
        return slot.update(zombie);
    }
    if (zombie.count == 1) { // what is left is the way back
        Cap const outer = end.cap();
        DerivationList::remove(slot);
        return DerivationList::move(outer, end, slot);
    }
    auto const inner = end.cap().get<ZombieCap>();
    if (inner.count == 0) {
        DerivationList::remove(end);
        return;
    }
    DerivationList::swap(slot.cap(), slot, end.cap(), end); // slot: inner, end: outer
    Slot& inner_begin = inner.slots[0];
    if (&inner_begin != &end && &inner_begin != &slot)
        DerivationList::swap(end.cap(), end, inner_begin.cap(), inner_begin);
}

} // namespace

void delete_simple(Kernel& kernel, Slot& slot) {
    if (slot.empty()) return;
    objects::retire(kernel, slot.cap(), DerivationList::is_last(slot));
    DerivationList::remove(slot);
}

std::expected<void, Preempted> delete_slot(Kernel& kernel, Slot& slot) {
    Slot* work = &slot;
    while (!work->empty()) {
        if (!retire(kernel, *work)) {
            DerivationList::remove(*work);
            break;
        }
        auto const zombie = work->cap().get<ZombieCap>();
        bool const in_own_end = zombie.count > 1 && work == &zombie.slots[zombie.count - 1];
        reduce(kernel, *work);
        if (in_own_end) work = &zombie.slots[0];
        if (kernel.preempted()) return fail(Preempted{});
    }
    return {};
}

std::expected<void, Preempted> revoke(Kernel& kernel, Slot& slot) {
    while (Slot* const child = DerivationList::first_child(slot)) {
        TRY(delete_slot(kernel, *child));
        if (kernel.preempted()) return fail(Preempted{});
    }
    return {};
}
