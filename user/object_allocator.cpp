// SPDX-License-Identifier: Apache-2.0
#include "user/object_allocator.hpp"

namespace user {

Result<MadeObject> ObjectAllocator::make(abi::ObjectType type, unsigned size_bits) {
    CPtr const slot = TRY(slots_.take());
    auto const piece = memory_.take(object_size_bits(type, size_bits));
    if (!piece) {
        slots_.give_back(slot);
        return std::unexpected(piece.error());
    }
    if (auto const made = (*piece)->untyped().retype(type, size_bits, cnode_, slot); !made) {
        memory_.give_back(*piece);
        slots_.give_back(slot);
        return std::unexpected(made.error());
    }
    return MadeObject{slot, *piece};
}

void ObjectAllocator::destroy(MadeObject made) {
    memory_.give_back(made.piece); // revokes the memory: the capability in the slot goes with it
    slots_.give_back(made.cptr);
}

} // namespace user
