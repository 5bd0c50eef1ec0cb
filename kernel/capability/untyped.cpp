// SPDX-License-Identifier: Apache-2.0
#include "kernel/capability/untyped.hpp"

#include "kernel/kernel.hpp"

std::expected<void, Preempted> reset_untyped(Kernel& kernel, Slot& slot) {
    auto untyped = slot.cap().get<UntypedCap>();
    if (untyped.device) untyped.free_offset = 0;
    while (untyped.free_offset > 0) {
        u64 const start = (untyped.free_offset - 1) >> abi::reset_chunk_bits << abi::reset_chunk_bits;
        machine::clear(machine::window(untyped.base + start), untyped.free_offset - start);
        untyped.free_offset = start;
        if (start > 0 && kernel.preempted()) {
            slot.update(untyped);
            return fail(Preempted{});
        }
    }
    slot.update(untyped);
    return {};
}
