// SPDX-License-Identifier: Apache-2.0
// CNode invocations, ABI 7.2. Slots are named by index and depth relative to a CNode; for a
// program's own CNode, whose guard makes a CPtr the slot's number, the index is the CPtr and the
// depth 64.
#pragma once

#include "user/invoke.hpp"

namespace user {

inline constexpr u64 full_depth = 64;

// The guard word of Mint, Mutate and TCBConfigure, ABI 5.2.
constexpr u64 guard_word(u64 guard, unsigned guard_bits) { return guard << 6 | guard_bits; }
// The guard of a CNode with 2^radix slots such that a CPtr is the slot's number.
constexpr u64 plain_guard(unsigned radix) { return guard_word(0, 64 - radix); }

struct CNode {
    static constexpr auto type = abi::ObjectType::cnode;
    CPtr cptr{};

    struct Place { // a slot, seen from some CNode
        CPtr root;
        u64 index;
        u64 depth = full_depth;
    };
    Place at(u64 index, u64 depth = full_depth) const { return {cptr, index, depth}; }

    Result<> copy(u64 to, Place from, u64 rights = abi::right::all, u64 depth = full_depth) const {
        return perform(cptr, abi::Label::cnode_copy, {to, depth, from.index, from.depth, rights},
                       {from.root});
    }
    // data: the badge of an endpoint or notification, the guard word of a CNode.
    Result<> mint(u64 to, Place from, u64 rights, u64 data, u64 depth = full_depth) const {
        return perform(cptr, abi::Label::cnode_mint,
                       {to, depth, from.index, from.depth, rights, data}, {from.root});
    }
    Result<> move(u64 to, Place from, u64 depth = full_depth) const {
        return perform(cptr, abi::Label::cnode_move, {to, depth, from.index, from.depth},
                       {from.root});
    }
    Result<> mutate(u64 to, Place from, u64 data, u64 depth = full_depth) const {
        return perform(cptr, abi::Label::cnode_mutate, {to, depth, from.index, from.depth, data},
                       {from.root});
    }
    // source goes to pivot, pivot goes to `to`; their guards become the data words.
    Result<> rotate(u64 to, u64 pivot_data, Place pivot, u64 source_data, Place source,
                    u64 depth = full_depth) const {
        return perform(cptr, abi::Label::cnode_rotate,
                       {to, depth, pivot_data, pivot.index, pivot.depth, source_data, source.index,
                        source.depth},
                       {pivot.root, source.root});
    }
    // Deletes everything derived from the capability in the slot, not itself.
    Result<> revoke(u64 index, u64 depth = full_depth) const {
        return perform(cptr, abi::Label::cnode_revoke, {index, depth});
    }
    Result<> remove(u64 index, u64 depth = full_depth) const {
        return perform(cptr, abi::Label::cnode_delete, {index, depth});
    }
    Result<> cancel_badged_sends(u64 index, u64 depth = full_depth) const {
        return perform(cptr, abi::Label::cnode_cancel_badged_sends, {index, depth});
    }
    // Keeps the right to answer the last caller in a slot; Send on it answers.
    Result<> save_caller(u64 index, u64 depth = full_depth) const {
        return perform(cptr, abi::Label::cnode_save_caller, {index, depth});
    }
};

} // namespace user
