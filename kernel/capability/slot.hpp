// SPDX-License-Identifier: Apache-2.0
// A slot: one capability and its place in the derivation list (derivation.hpp).
#pragma once

#include "kernel/capability/cap.hpp"

class alignas(32) Slot {
public:
    static constexpr unsigned size_bits = abi::size_bits::slot;
    Slot() = default;
    Slot(Slot const&) = delete;
    Slot& operator=(Slot const&) = delete;

    Cap const& cap() const { return cap_; }
    bool empty() const { return cap_.is_null(); }
    // Replaces the capability by one to the same object (mapping, free offset or count changed): its place stays.
    void update(Cap const& cap) { cap_ = cap; }

    Slot* previous() const { return reinterpret_cast<Slot*>(previous_); }
    Slot* next() const { return reinterpret_cast<Slot*>(next_ & ~flags); }
    bool original() const { return (next_ & original_flag) != 0; } // revocable
    bool first_badged() const { return (next_ & first_badged_flag) != 0; }

private:
    friend struct DerivationList;
    static constexpr u64 original_flag = 1;
    static constexpr u64 first_badged_flag = 2;
    static constexpr u64 flags = original_flag | first_badged_flag;

    Cap cap_;
    u64 previous_{};
    u64 next_{}; // slots are 32-byte aligned: the low bits hold the flags
};
static_assert(sizeof(Slot) == u64{1} << Slot::size_bits);
