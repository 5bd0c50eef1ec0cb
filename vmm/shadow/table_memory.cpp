// SPDX-License-Identifier: Apache-2.0
#include "vmm/shadow/table_memory.hpp"

#include <algorithm>

namespace vmm::shadow {

using abi::ObjectType;

std::size_t TableMemory::index_of(ObjectType type) {
    return static_cast<std::size_t>(std::ranges::find(types, type) - types.begin());
}

user::Result<TableMemory> TableMemory::take(u64 bytes) {
    constexpr unsigned largest_bits = 20, page_bits = abi::size_bits::small_page;
    TableMemory memory;
    for (unsigned bits = largest_bits; bits > page_bits && bytes >> page_bits != 0;) {
        if (bytes < u64{1} << bits || !memory.add(bits))
            --bits;
        else
            bytes -= u64{1} << bits;
    }
    if (memory.pieces_.empty()) return fail(user::Error::out_of(user::Shortage::memory));
    return memory;
}

user::Result<> TableMemory::add(unsigned size_bits) {
    using namespace user::component;
    user::Untyped const untyped = TRY(take_memory(size_bits));
    u64 const count = u64{1} << (size_bits - abi::size_bits::small_page);
    user::CPtr const memory = TRY(slots().take_range(count));
    user::CPtr const objects = TRY(slots().take_range(count));
    TRY(untyped.retype(ObjectType::untyped, abi::size_bits::small_page, cnode(), memory, count));
    for (u64 i = 0; i < count; ++i) {
        free_[0].push_back(static_cast<Piece>(pieces_.size()));
        pieces_.push_back({memory + i, objects + i, ObjectType::untyped});
    }
    return {};
}

std::optional<TableMemory::Piece> TableMemory::make(ObjectType type) {
    using user::component::cnode;
    auto* from = &free_[index_of(type)];
    if (from->empty()) {
        from = &free_[0];
        for (auto& others : free_)
            if (from->empty()) from = &others;
    }
    if (from->empty()) return std::nullopt;
    Record& record = pieces_[from->back()];
    if (record.type != type) {
        if (record.type != ObjectType::untyped && !cnode().remove(record.object))
            return std::nullopt;
        record.type = ObjectType::untyped;
        if (!user::Untyped{record.memory}.retype(type, 0, cnode(), record.object))
            return std::nullopt;
        record.type = type;
    }
    Piece const piece = from->back();
    from->pop_back();
    return piece;
}

void TableMemory::give_back(Piece piece) { free_[index_of(pieces_[piece].type)].push_back(piece); }

} // namespace vmm::shadow
