// SPDX-License-Identifier: Apache-2.0
// A root task that tries virtual CPUs: small guests, what their exits say, and monitors that mean
// no good.
#include "test/vcpu/score.hpp"
#include "test/vcpu/tests.hpp"
#include "user/bare/print.hpp"
#include "user/bare/start.hpp"

namespace {

u64 slot_bits[128];
user::UntypedPiece records[2048];

// The largest piece of RAM is enough.
user::Untyped largest(abi::BootInfo const& info, unsigned& size_bits) {
    u64 best = info.untyped.start;
    size_bits = 0;
    for (u64 i = 0; i < info.untyped.end - info.untyped.start; ++i) {
        abi::UntypedDescriptor const& untyped = info.untyped_list[i];
        if (untyped.is_device || untyped.size_bits <= size_bits) continue;
        best = info.untyped.start + i;
        size_bits = untyped.size_bits;
    }
    return {best};
}

} // namespace

void root_main(abi::BootInfo const& info) {
    user::CNode const cnode{abi::initial_slot::cnode};
    u64 const end = info.empty.start + sizeof slot_bits * 8 < info.empty.end
                        ? info.empty.start + sizeof slot_bits * 8
                        : info.empty.end;
    user::SlotAllocator slots(info.empty.start, end, slot_bits);
    user::UntypedAllocator memory(cnode, slots);
    memory.add_records(records);
    unsigned size_bits;
    user::Untyped const untyped = largest(info, size_bits);
    user::ObjectAllocator allocator(cnode, slots, memory);
    set_objects(allocator);
    must("take the memory", memory.add(untyped, size_bits));

    if (has_nested_paging()) {
        test_instructions();
        test_events();
        test_memory();
        test_scheduling();
    }
    test_shadow();
    test_hostile();
    print_score();
}
