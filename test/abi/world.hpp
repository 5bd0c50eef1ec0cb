// SPDX-License-Identifier: Apache-2.0
// Where the checks get slots and objects from. All objects of a Scope are made from one untyped, which the scope's end revokes.
#pragma once

#include "abi/boot_info.hpp"
#include "test/abi/answer.hpp"

inline constexpr CPtr initial_tcb = abi::initial_slot::tcb;
inline constexpr CPtr root_cnode = abi::initial_slot::cnode;
inline constexpr CPtr root_vspace = abi::initial_slot::vspace;
inline constexpr u64 depth = 64; // of a CPtr of the initial CNode

using abi::ObjectType;

void begin_world(abi::BootInfo const& info);
abi::BootInfo const& boot_info();
CPtr console_slot();

// The capability to the page of this program's image that contains the address.
CPtr frame_of(void const* address);

// A piece of RAM of 2^24 bytes or more that nothing else uses, and its size in bits.
CPtr large_untyped();
unsigned large_untyped_bits();
// The first device untyped of at least that many bits; 0 when there is none.
CPtr device_untyped(unsigned size_bits);

class Scope {
public:
    Scope();
    Scope(Scope const&) = delete;
    Scope& operator=(Scope const&) = delete;
    ~Scope(); // deletes whatever is in its slots, and everything made from its memory

    CPtr slot(unsigned count = 1); // the first of so many empty slots
    CPtr memory() const;           // the untyped that make() takes from
    CPtr make(ObjectType type, unsigned size_bits = 0, unsigned count = 1);
    CPtr untyped(unsigned size_bits) { return make(ObjectType::untyped, size_bits); }
    CPtr endpoint() { return make(ObjectType::endpoint); }
    CPtr notification() { return make(ObjectType::notification); }
    CPtr tcb() { return make(ObjectType::tcb); }
    CPtr cnode(unsigned radix) { return make(ObjectType::cnode, radix); }

    CPtr copy(CPtr from, u64 rights = abi::right::all);
    CPtr mint(CPtr from, u64 data, u64 rights = abi::right::all);

    unsigned next_puppet() { return puppets_++; } // puppet.hpp

private:
    unsigned puppets_{};
};

// Operations on slots of the initial CNode.
Answer copy_cap(CPtr to, CPtr from, u64 rights = abi::right::all);
Answer mint_cap(CPtr to, CPtr from, u64 data, u64 rights = abi::right::all);
Answer move_cap(CPtr to, CPtr from);
Answer mutate_cap(CPtr to, CPtr from, u64 data);
Answer delete_cap(CPtr slot);
Answer revoke_cap(CPtr slot);
Answer retype(CPtr untyped, ObjectType type, u64 size_bits, CPtr first, u64 count = 1);

// Whether a slot of the initial CNode is empty (without debug calls: a move out of an empty slot fails).
bool empty(CPtr slot);
