// SPDX-License-Identifier: Apache-2.0
// The memory of shadow page tables: a fixed number of 4 KiB pieces of the monitor's own, each of
// them a paging structure of any level, in turn. What comes back empty is used again as it is.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "user/component/component.hpp"

namespace vmm::shadow {

class TableMemory {
public:
    using Piece = u32;

    // Takes at most `bytes` of the component's memory; less if it has no more.
    static user::Result<TableMemory> take(u64 bytes);

    u64 pieces() const { return pieces_.size(); }
    // type: ept_pml4, ept_pdpt, ept_pd or ept_pt. Empty: all are in use.
    std::optional<Piece> make(abi::ObjectType type);
    user::CPtr object(Piece piece) const { return pieces_[piece].object; }
    // It is mapped nowhere, and empty.
    void give_back(Piece piece);

private:
    struct Record {
        user::CPtr memory, object; // slots; the second may be empty
        abi::ObjectType type;      // what is in the slot: `untyped` if nothing
    };
    static constexpr std::array types = {abi::ObjectType::untyped, abi::ObjectType::ept_pml4,
                                         abi::ObjectType::ept_pdpt, abi::ObjectType::ept_pd,
                                         abi::ObjectType::ept_pt};
    static std::size_t index_of(abi::ObjectType type);
    user::Result<> add(unsigned size_bits);

    std::vector<Record> pieces_;
    std::array<std::vector<Piece>, types.size()> free_; // by type
};

} // namespace vmm::shadow
