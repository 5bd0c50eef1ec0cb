// SPDX-License-Identifier: Apache-2.0
// A translated block and what is known about its code.
//
//   begin    lea/jrcxz: is r9 this block's eip?     where indirect jumps arrive
//   checked  a load that faults if State::event     where backward jumps and calls arrive
//   plain    the guest's instructions               where forward jumps arrive
//            the exits, 13 bytes each
#pragma once

#include "x86/translate/translator.hpp"

namespace x86::translate {

// What blocks are made for, beside the bytes.
struct Context {
    GuestMode mode;
    u32 code_base{};
    u32 code_limit{0xffffffff};
    bool operator==(Context const&) const = default;
    bool is(u8 set, SegmentName name) const { return (set >> static_cast<u8>(name) & 1) != 0; }
    bool flat(SegmentName name) const { return is(mode.flat, name); }
    bool code_is_limited() const { return code_limit != 0xffffffff; }
};

// What recovery has to do at a host instruction, beside taking the registers as they are.
enum class Action : u8 {
    none,
    swap_eax,
    swap_ecx,
    swap_edx,
    swap_ebx,   // low and high byte are exchanged
    event,      // the check of State::event
    host_stack, // the return stack is written
};

// From this offset of the code on it is about this guest instruction.
struct Place {
    u16 code;
    u16 guest;
    Action action;
};

struct Target;

// A direct jump from a block to a guest address: goes to its own exit until there is a block at the
// target.
struct Link {
    Link* next{};
    Link** self{}; // what points here
    Target* target{};
    u8* at{}; // the rel32
    u8* exit{};
    bool checked{}; // it could close a loop
};

struct Block;

// A guest address that has a block or is jumped to.
struct Target {
    Target* next{}; // of the same bucket
    Context const* context{};
    u32 eip{};
    Block* block{};
    Link* links{};
};

struct Block {
    Target* target{}; // null: invalidated
    Context const* context{};
    u32 eip{}, linear{};
    u16 guest_length{}, instructions{};
    u8 *begin{}, *checked{}, *plain{};
    u32 code_length{};
    u32 first_place{}, places{}; // in the region's
    u32 first_pad{}, pads{};
};

} // namespace x86::translate
