// SPDX-License-Identifier: Apache-2.0
#include "user/mapping.hpp"

namespace user {
namespace {

template <class Structure, class Root>
Result<> make_and_map(ObjectAllocator& objects, Root root, u64 address) {
    auto structure = TRY(objects.make<Structure>());
    TRY(structure.object().map(root, address));
    structure.release();
    return {};
}

} // namespace

Result<> add_structure(ObjectAllocator& objects, VSpace space, u64 address, Error const& failure) {
    switch (failure.missing_level()) {
    case 39: return make_and_map<Pdpt>(objects, space, address);
    case 30: return make_and_map<PageDirectory>(objects, space, address);
    case 21: return make_and_map<PageTable>(objects, space, address);
    default: return fail(failure);
    }
}

Result<> add_structure(ObjectAllocator& objects, NestedRoot root, u64 address,
                       Error const& failure) {
    switch (failure.missing_level()) {
    case 39: return make_and_map<NestedPdpt>(objects, root, address);
    case 30: return make_and_map<NestedPageDirectory>(objects, root, address);
    case 21: return make_and_map<NestedPageTable>(objects, root, address);
    default: return fail(failure);
    }
}

Result<> map(ObjectAllocator& objects, VSpace space, Frame frame, VirtAddr address, u64 rights,
             u64 attributes) {
    for (;;) {
        auto const mapped = frame.map(space, address, rights, attributes);
        if (mapped) return mapped;
        TRY(add_structure(objects, space, address.value, mapped.error()));
    }
}

Result<> map_nested(ObjectAllocator& objects, NestedRoot root, Frame frame, GuestPhys address,
                    u64 rights, u64 attributes) {
    for (;;) {
        auto const mapped = frame.map_nested(root, address, rights, attributes);
        if (mapped) return mapped;
        TRY(add_structure(objects, root, address.value, mapped.error()));
    }
}

} // namespace user
