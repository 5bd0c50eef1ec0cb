// SPDX-License-Identifier: Apache-2.0
// Numbers for system calls, made from the 16 bits that a record has for each.
#pragma once

#include "kernel/fuzz/program.hpp"
#include "kernel/thread/tcb.hpp"

namespace fuzz {

// Upper four bits of a number that is not what the call suggests.
constexpr bool is_odd(u16 code) { return code >= 0xf000; }
// Such a number: small ones, powers of two and their neighbours, addresses at the edges, the record's raw word.
u64 odd_number(u16 code, u64 raw);
u64 mixed(u64 word); // splitmix64: many different bits from few

// A capability space as its user sees it.
class Space {
public:
    explicit Space(Cap const& root);
    // A capability of the kind (CapType::null: an empty slot) behind the start'th slot; any slot when there is none.
    u64 capability(CapType type, unsigned start) const;
    u64 slot(unsigned number) const;     // any: its address as a CPtr
    Slot const* found(u64 address) const; // what the address leads to; null: nothing

private:
    u64 address_of(u64 index, u64 below) const;
    CNodeCap node_{};
    bool valid_{};
};

// A slot inside a CNode, as root, index and depth name it.
struct Place {
    u64 index, depth;
};
Place place_in(Cap const& node, bool empty, u16 code);

} // namespace fuzz
