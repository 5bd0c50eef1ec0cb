// SPDX-License-Identifier: Apache-2.0
// Root's CSpace in two levels, so that the capabilities of what a component is made of lie in a
// CNode which the component's own memory pays for, and can be named by root all the same:
//
//   CPtr:  | 45 bits: 0 | 6 bits: which CNode | 13 bits: slot |      CNode 0 is the initial one, so
//   that the CPtrs which
//                                                                   the kernel gave root stay what
//                                                                   they are
#pragma once

#include "abi/boot_info.hpp"
#include "user/tcb.hpp"

namespace capability_space {

inline constexpr unsigned top_radix = 6;
inline constexpr unsigned slot_bits = abi::root_cnode_radix;
inline constexpr u64 max_cnodes = u64{1} << top_radix;

inline constexpr user::CNode initial{abi::initial_slot::cnode};

constexpr user::CPtr cptr(u64 cnode, u64 index) { return cnode << slot_bits | index; }

// Puts the CNode `top` (2^top_radix slots, in a slot of the initial CNode) above the initial one.
inline user::Result<> enter(user::CNode top) {
    TRY(top.mint(0, initial.at(initial.cptr), abi::right::all, user::guard_word(0, 0), top_radix));
    user::Tcb::Space const space{.fault_endpoint = 0,
                                 .cnode = top,
                                 .cnode_guard = user::guard_word(0, 64 - top_radix - slot_bits),
                                 .vspace = {abi::initial_slot::vspace}};
    return user::Tcb{abi::initial_slot::tcb}.set_space(space);
}

// Makes the slots of a CNode (2^radix of them, its capability in a slot of the initial CNode)
// nameable as number 1..63.
inline user::Result<> add(user::CNode top, u64 number, user::CNode cnode, unsigned radix) {
    return top.mint(number, initial.at(cnode.cptr), abi::right::all,
                    user::guard_word(0, slot_bits - radix), top_radix);
}

} // namespace capability_space
