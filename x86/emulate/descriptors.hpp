// SPDX-License-Identifier: Apache-2.0
// Segment descriptors and gates as they lie in memory (Intel SDM vol. 3, 3.4.5, 3.5, 5.8.3
// and 6.11).
//
//   63      56 55 54 53 52 51    48 47 46 45 44 43  40 39            16 15             0
//   | base   | G  D  L  .  | limit | P | DPL | S | type | base 23..0    | limit 15..0    | segment
//   | offset 31..16               | P | DPL | 0 | type | 0 | selector  | offset 15..0   |   gate
#pragma once

#include "x86/emulate/execution.hpp"

namespace x86 {

namespace system_type {
inline constexpr unsigned tss16 = 1, ldt = 2, tss16_busy = 3, call_gate16 = 4, task_gate = 5,
                          interrupt_gate16 = 6, trap_gate16 = 7, tss32 = 9, tss32_busy = 11,
                          call_gate32 = 12, interrupt_gate32 = 14, trap_gate32 = 15;
} // namespace system_type

constexpr u16 index_of(u16 selector) {
    return selector & 0xfffc;
} // without RPL: what error codes carry
constexpr unsigned rpl_of(u16 selector) { return selector & 3; }
constexpr bool is_null(u16 selector) { return index_of(selector) == 0; }

struct Descriptor {
    u64 low{};
    u64 high{};    // of system descriptors in long mode, which are 16 bytes
    u64 address{}; // linear, of the descriptor itself

    unsigned type() const { return static_cast<unsigned>(Bits<43, 40>::get(low)); }
    bool is_segment() const { return Bits<44>::get(low) != 0; }
    unsigned dpl() const { return static_cast<unsigned>(Bits<46, 45>::get(low)); }
    bool present() const { return Bits<47>::get(low) != 0; }
    bool is_code() const { return is_segment() && (type() & 8) != 0; }
    bool is_data() const { return is_segment() && (type() & 8) == 0; }
    bool conforming() const { return is_code() && (type() & 4) != 0; }
    bool readable() const { return is_data() || (is_code() && (type() & 2) != 0); }
    bool writable() const { return is_data() && (type() & 2) != 0; }
    bool is_long() const { return Bits<53>::get(low) != 0; }
    bool default32() const { return Bits<54>::get(low) != 0; }
    bool is_system(unsigned wanted) const { return !is_segment() && type() == wanted; }

    u32 limit() const;
    u64 base() const { return Bits<39, 16>::get(low) | Bits<63, 56>::get(low) << 24 | high << 32; }

    u16 gate_selector() const { return static_cast<u16>(low >> 16); }
    u64 gate_offset() const { return (low & 0xffff) | Bits<63, 48>::get(low) << 16 | high << 32; }
    unsigned gate_parameters() const { return static_cast<unsigned>(Bits<36, 32>::get(low)); }
    unsigned gate_stack() const { return static_cast<unsigned>(Bits<34, 32>::get(low)); } // IST

    // The register after it was loaded with this selector.
    Segment loaded(u16 selector) const;
};

// The descriptor that a selector names; empty when it lies outside its table. The exception is a
// page fault.
OrException<std::optional<Descriptor>> find_descriptor(Execution& e, u16 selector);
// The same, where outside means an exception with the selector: #GP, or #TS while a task's stack is
// loaded.
OrException<Descriptor> read_descriptor(Execution& e, u16 selector,
                                        u8 otherwise = vector::general_protection);
// Sets the accessed bit of a segment's descriptor, in memory and in `descriptor`.
OrException<> mark_accessed(Execution& e, Descriptor& descriptor);

// A code segment that a far transfer may enter at privilege level `cpl`. The descriptor is marked
// accessed. Which rule holds for DPL, CPL and RPL is the caller's.
OrException<Segment> code_segment(Execution& e, u16 selector, Descriptor& descriptor, unsigned cpl);
// A stack segment for privilege level `cpl`; `kind` is the vector for what is wrong with the
// selector or descriptor.
OrException<Segment> stack_segment(Execution& e, u16 selector, unsigned cpl, u8 kind);

// Loads a segment register as MOV, POP and LDS do: Intel SDM vol. 2, MOV. Nothing is changed in the
// processor.
OrException<Segment> data_segment(Execution& e, SegmentName name, u16 selector);

constexpr Segment null_segment(u16 selector) { return {.selector = selector}; }

} // namespace x86
