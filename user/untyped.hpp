// SPDX-License-Identifier: Apache-2.0
// Untyped memory, ABI 6.
#pragma once

#include "user/cnode.hpp"

namespace user {

struct Untyped {
    static constexpr auto type = abi::ObjectType::untyped;
    CPtr cptr{};

    // Makes `count` objects (1..256) in consecutive slots of the CNode from first_slot on.
    // size_bits: untyped bytes or CNode slots as a power of two, otherwise unused.
    Result<> retype(abi::ObjectType object, unsigned size_bits, CNode to, u64 first_slot,
                    u64 count = 1) const {
        return perform(cptr, abi::Label::untyped_retype,
                       {std::to_underlying(object), size_bits, 0, 0, first_slot, count}, {to.cptr});
    }
    // The same into a CNode that is reached through `root` at index and depth.
    Result<> retype_into(abi::ObjectType object, unsigned size_bits, CNode::Place cnode,
                         u64 first_slot, u64 count = 1) const {
        return perform(
            cptr, abi::Label::untyped_retype,
            {std::to_underlying(object), size_bits, cnode.index, cnode.depth, first_slot, count},
            {cnode.root});
    }
};

// Memory that one object takes, as a power of two in bytes; size_bits as in Untyped::retype.
constexpr unsigned object_size_bits(abi::ObjectType object, unsigned size_bits = 0) {
    switch (object) {
    case abi::ObjectType::untyped: return size_bits;
    case abi::ObjectType::tcb: return abi::size_bits::tcb;
    case abi::ObjectType::endpoint: return abi::size_bits::endpoint;
    case abi::ObjectType::notification: return abi::size_bits::notification;
    case abi::ObjectType::cnode: return size_bits + abi::size_bits::slot;
    case abi::ObjectType::huge_page: return abi::size_bits::huge_page;
    case abi::ObjectType::large_page: return abi::size_bits::large_page;
    case abi::ObjectType::small_page: return abi::size_bits::small_page;
    case abi::ObjectType::vcpu: return abi::size_bits::vcpu;
    case abi::ObjectType::pdpt:
    case abi::ObjectType::pml4:
    case abi::ObjectType::page_table:
    case abi::ObjectType::page_directory:
    case abi::ObjectType::ept_pml4:
    case abi::ObjectType::ept_pdpt:
    case abi::ObjectType::ept_pd:
    case abi::ObjectType::ept_pt: return abi::size_bits::page_table;
    case abi::ObjectType::count: break;
    }
    return 0;
}

} // namespace user
