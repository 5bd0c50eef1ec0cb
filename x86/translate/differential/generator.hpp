// SPDX-License-Identifier: Apache-2.0
// Random 32-bit code of every form that decodes, and blocks of a real program's code; with registers and memory such that most accesses meet
// the arena, and some do not.
#pragma once

#include <random>

#include "x86/translate/differential/decoded.hpp"

namespace x86::translate::differential {

class Random {
public:
    explicit Random(u64 seed) : engine_(seed) {}
    u32 bits() { return static_cast<u32>(engine_() >> 32); }
    u32 below(u32 limit) { return bits() % limit; }
    bool chance(unsigned percent) { return below(100) < percent; }
    u32 number();  // often at an edge
    u32 pointer(); // into the data pages and around
    u32 data();    // a word inside the data pages
private:
    std::mt19937_64 engine_;
};

// Puts one case together: instructions, branches to exits, ways out.
class CaseBuilder {
public:
    // of_program: the code is a program's; only the registers that it begins with can be chosen. Else a MOV in front of an instruction may set one.
    CaseBuilder(Random& random, bool of_program, bool own_code);

    // Appends an instruction, its memory operands made to meet the arena as far as registers and displacements allow. Direct branches go to an exit.
    void append(std::vector<u8> bytes, Decoded const& decoded);
    void append_plain(std::vector<u8> const& bytes) { code_.insert(code_.end(), bytes.begin(), bytes.end()); }
    std::size_t size() const { return code_.size(); }
    // Ways out behind the code. `near_end`: it ends at the end of the code pages, so that it runs out of them instead.
    Case finish(bool near_end);

    // A loop around what is appended in between.
    void begin_loop();
    void end_loop();
    void function_call();   // to a function behind the way out
    void store_into_code(); // changes an instruction that follows

private:
    struct Branch {
        std::size_t instruction, offset;
        u8 bytes;
    };
    void choose_start();
    void choose_segments();
    u32 base_of(SegmentName name) const;
    std::optional<u32> limit_of(ZydisRegister name) const; // empty: none, or 4 GB
    u32 code_at(std::size_t offset) const { return start_ + static_cast<u32>(offset); }
    void want(unsigned number, u32 value);
    void place_operand(std::vector<u8>& bytes, Decoded const& decoded, ZydisDecodedOperand const& operand);
    void place_target(Decoded const& decoded);
    void word(u32 value);
    void jump_to(u32 target);

    Random& random_;
    Case case_;
    std::vector<u8> code_;
    std::vector<Branch> branches_, calls_;
    std::vector<u8> prelude_;
    u32 start_{};
    std::optional<std::size_t> loop_;
    u8 wanted_{};
    bool of_program_;
    bool first_{true}; // nothing has run yet, or nothing else can set a register
};

Case random_case(Random& random);
// From a program's code: `starts` are addresses in it at which instructions begin.
struct ProgramText {
    std::vector<u8> bytes;
    std::vector<u32> starts; // offsets
};
ProgramText read_text(char const* elf_file);
Case case_from(ProgramText const& text, Random& random);

} // namespace x86::translate::differential
