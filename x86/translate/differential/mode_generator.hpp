// SPDX-License-Identifier: Apache-2.0
// Random code for real mode, for 16-bit and 32-bit protected mode, level 0 and 3, with segments that are mostly not flat; registers and memory such that
// most accesses are allowed.
#pragma once

#include "x86/emulate/descriptors.hpp"
#include "x86/translate/differential/generator.hpp"
#include "x86/translate/differential/mode_case.hpp"

namespace x86::translate::differential {

// Instructions of integers and of the system that have the same result whenever they are executed; not those that ports, interrupts and the
// processor's own registers are for. In real mode and at level 0 also not those that would change the machine.
bool can_be_compared(Decoded const& decoded, unsigned cpl);
bool is_far_load(ZydisMnemonic mnemonic); // LDS and its like
bool is_repeated(Decoded const& decoded); // a string instruction with REP

class ModeCaseBuilder {
public:
    explicit ModeCaseBuilder(Random& random);

    // Appends a random instruction, its operands made to meet the board and its descriptors.
    void append();
    ModeCase finish();

private:
    struct Branch {
        std::size_t offset;
        u8 bytes;
        bool loop;
    };
    void choose_descriptors();
    u64 descriptor_for(SegmentName name);
    u64 any_descriptor();
    void choose_registers();
    std::pair<std::vector<u8>, Decoded> choose_instruction();

    Segment const& segment(SegmentName name) const { return segments_[static_cast<std::size_t>(name)]; }
    unsigned stack_size() const;
    u32 base_of(u16 selector) const;     // of a code segment
    u16 selector_for(bool code);         // to be loaded, mostly a good one
    u32 offset_in(SegmentName name, bool narrow); // of an operand
    u32 end_in(u16 selector);            // an offset at which a run ends
    u32 upper_half() { return random_.chance(50) ? random_.bits() & 0xffff0000 : 0; }

    void want(unsigned number, u32 value);
    u32 place_operand(std::vector<u8>& bytes, Decoded const& decoded, ZydisDecodedOperand const& operand);
    void place_frame(Decoded const& decoded);
    void place_selector(std::vector<u8>& bytes, Decoded const& decoded);
    void put(u32 at, u32 value, unsigned bytes);

    Random& random_;
    ModeCase case_;
    Segment segments_[6];
    unsigned code_size_{2};
    std::vector<u8> prelude_;
    std::vector<std::size_t> starts_;
    std::vector<Branch> branches_;
    u8 wanted_{};
    bool first_{true};
};

ModeCase random_mode_case(Random& random);

} // namespace x86::translate::differential
