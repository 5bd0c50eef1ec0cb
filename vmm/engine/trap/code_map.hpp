// SPDX-License-Identifier: Apache-2.0
// Where the instructions of one page of 32-bit guest kernel code begin, and which of them have to
// become traps because they would neither work nor fault in user mode. Bytes in, places out; no
// guest state.
//
//   follow(entry):  entry ──> decode ──> decode ──> jump ──> ... known because the control flow
//   leads there sweep():        what is left, straight on from one known place to the next;
//   believed only where it reads like code
#pragma once

#include <array>
#include <bitset>
#include <optional>
#include <span>
#include <vector>

#include "base/types.hpp"

namespace vmm::trap {

inline constexpr u32 page_size = 4096;
inline constexpr u8 trap_opcode = 0xf4; // HLT: one byte, and #GP in user mode

// The page and what stands on both sides of it in the linear address space, as far as it is mapped.
struct CodeBytes {
    std::span<u8 const> all; // before, page, after
    u32 before{};            // bytes of `all` in front of the page

    std::span<u8 const> from(int offset) const {
        return all.subspan(static_cast<std::size_t>(static_cast<int>(before) + offset));
    }
};
inline constexpr u32 wanted_before = 128, wanted_after = 14;

class CodeMap {
public:
    // Learns the instructions that the control flow inside the page reaches from `entry` (offset in
    // the page).
    void follow(CodeBytes const& code, u16 entry);
    // Guesses the rest. Calls and jumps from elsewhere may lead anywhere, without a fault once the
    // page is executable.
    void sweep(CodeBytes const& code);

    bool is_start(u16 offset) const { return length_[offset] != 0; }
    // Whether a known instruction has one of the bytes [first, last).
    bool touches(u32 first, u32 last) const;
    // First bytes that become trap_opcode. An instruction that is known to overlap a trap is one as
    // well, so that nothing that runs natively reads a changed byte.
    using Offsets = std::bitset<page_size>;
    Offsets traps() const;

private:
    struct Run;
    Run read_run(CodeBytes const& code, int from, int end, Offsets const& hopeless,
                 bool follows) const;
    void learn(CodeBytes const& code, Run const& run);

    std::array<u8, page_size> length_{}; // of the instruction that begins there; 0: none known
    Offsets sensitive_;                  // it must become a trap
    Offsets faulting_;                   // it faults in user mode by itself
};

// Length of the instruction in front; empty if it is none.
std::optional<u8> instruction_length(std::span<u8 const> bytes);
// Whether it is one that a kernel's processor carries out and user mode does not, or differently.
bool needs_privilege(std::span<u8 const> bytes);

} // namespace vmm::trap
