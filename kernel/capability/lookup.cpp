// SPDX-License-Identifier: Apache-2.0
#include "kernel/capability/lookup.hpp"

std::expected<FoundSlot, LookupFailure> lookup_slot(Cap const& root, u64 address, unsigned bits) {
    if (bits == 64)
        if (Slot* const slot = lookup_at_once(root, address)) return FoundSlot{slot, 0};
    if (!root.is<CNodeCap>()) return fail(LookupFailure::invalid_root());
    Cap const* node = &root;
    while (true) {
        auto const cnode = node->get<CNodeCap>();
        unsigned const level = cnode.guard_size + cnode.radix;
        // The shift counts stay below 64: a guard of size 0 is not compared, and radix is at least 1.
        bool const guard_fits =
            cnode.guard_size == 0 ||
            (cnode.guard_size <= bits && ((address << (64 - bits)) >> (64 - cnode.guard_size)) == cnode.guard);
        if (!guard_fits) return fail(LookupFailure::guard_mismatch(bits, cnode.guard, cnode.guard_size));
        if (level > bits) return fail(LookupFailure::depth_mismatch(bits, level));
        bits -= level;
        u64 const index = (address >> bits) & (cnode.size() - 1);
        Slot* const slot = &cnode.slots[index];
        if (bits == 0 || !slot->cap().is<CNodeCap>()) return FoundSlot{slot, bits};
        node = &slot->cap();
    }
}
