// SPDX-License-Identifier: Apache-2.0
// From a CPtr to a slot, ABI 4.10.
#pragma once

#include "kernel/capability/slot.hpp"

// Why a lookup failed, ABI 4.9. The words are reported to the user in this order.
struct LookupFailure {
    abi::LookupFailureType type{};
    u64 bits_left{};
    u64 second{}; // depth mismatch: bits found; guard mismatch: guard found
    u64 third{};  // guard mismatch: bits found
    static LookupFailure invalid_root() { return {abi::LookupFailureType::invalid_root}; }
    static LookupFailure missing(u64 bits_left) {
        return {abi::LookupFailureType::missing_capability, bits_left};
    }
    static LookupFailure depth_mismatch(u64 bits_left, u64 bits_found) {
        return {abi::LookupFailureType::depth_mismatch, bits_left, bits_found};
    }
    static LookupFailure guard_mismatch(u64 bits_left, u64 guard_found, u64 bits_found) {
        return {abi::LookupFailureType::guard_mismatch, bits_left, guard_found, bits_found};
    }
    // Detail words behind the type: 0 to 3.
    unsigned detail_words() const {
        return type == abi::LookupFailureType::invalid_root ? 0 : static_cast<unsigned>(type) - 1;
    }
    u64 detail(unsigned i) const { return i == 0 ? bits_left : i == 1 ? second : third; }
};

struct FoundSlot {
    Slot* slot;
    unsigned bits_left; // of the address, not resolved
};

// Resolves the low `bits` (1..64) bits of `address` from the CNode that `root` names.
std::expected<FoundSlot, LookupFailure> lookup_slot(Cap const& root, u64 address, unsigned bits);

// The slot for all 64 bits of `address` if `root` is a CNode with plain numbers and has it; null: ask lookup_slot. The mask bounds the
// index also while the processor has not seen yet that it is too large (Spectre v1, docs/security.md).
inline Slot* lookup_at_once(Cap const& root, u64 address) {
    constexpr u64 plain = (cap_bits::type(CapType::cnode) | cap_bits::Flag::mask) >> cap_bits::Flag::low;
    RawCap const raw = root.raw();
    if (raw.high >> cap_bits::Flag::low != plain || address > raw.low) return nullptr;
    u64 index = address;
    asm("and %1, %0" : "+r"(index) : "r"(raw.low) : "cc"); // not in C++: the compiler knows that it changes nothing
    return cap_bits::pointer<Slot>(raw.high) + index;
}
