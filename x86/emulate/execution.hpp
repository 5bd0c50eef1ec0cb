// SPDX-License-Identifier: Apache-2.0
// One instruction on its way: a copy of the core registers, what was decoded, and access to
// operands, memory and stack with all of the processor's checks. The copy becomes the processor's
// state when the instruction is done, so an exception leaves nothing behind. The instructions
// themselves are grouped by chapter: chapters.hpp.
#pragma once

#include "x86/emulate/arithmetic.hpp"
#include "x86/emulate/emulator.hpp"
#include "x86/emulate/instruction.hpp"

namespace x86 {

enum Register : u8 { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi };

using Done = OrException<Outcome>;

namespace exceptions {
constexpr Exception divide_error() { return {.vector = vector::divide_error}; }
constexpr Exception invalid_opcode() { return {.vector = vector::invalid_opcode}; }
constexpr Exception general_protection(u32 code = 0) { return {vector::general_protection, code}; }
constexpr Exception stack_fault(u32 code = 0) { return {vector::stack_fault, code}; }
constexpr Exception not_present(u32 code) { return {vector::segment_not_present, code}; }
constexpr Exception invalid_tss(u32 code) { return {vector::invalid_tss, code}; }
} // namespace exceptions

// Bytes of memory behind a linear address, translated and checked: one piece, or two when they
// cross a page.
struct Place {
    GuestPhys at[2];
    u8 first{}; // bytes in the first piece
    u8 bytes{};
};

// A register or memory operand, writable.
struct Operand {
    bool memory{};
    u8 number{}; // of the register
    u8 bytes{};
    Place place{};
};

struct Execution {
    explicit Execution(Processor& of);

    // Fetches and decodes the instruction at CS:rip.
    OrException<> fetch();
    // Makes the copy the processor's state, rip behind the instruction or at its target.
    void commit();

    bool long64() const { return mode == Mode::long64; }
    bool long_mode() const { return (efer & (1 << 10)) != 0; }
    // Segments are what their selectors say, without descriptors.
    bool by_paragraphs() const { return real || virtual_8086; }
    u64 flag(u64 mask) const { return core.rflags & mask; }
    unsigned iopl() const { return static_cast<unsigned>(flags::Iopl::get(core.rflags)); }
    OrException<> require_cpl0() const;
    // What virtual-8086 mode leaves to IOPL 3: PUSHF, POPF, INT n, IRET.
    OrException<> check_virtual_8086() const;
    Done unsupported(char const* text) {
        why = text;
        return Outcome::unsupported;
    }

    // General registers, `bytes` of them. 32-bit writes clear the upper half.
    u64 get(unsigned number, unsigned bytes) const;
    void set(unsigned number, unsigned bytes, u64 value);

    // Linear address of `bytes` at an offset in a segment, after the checks of limit, type and
    // canonical form. `name` decides between #SS and #GP, and what 64-bit mode ignores.
    OrException<u64> linear(SegmentName name, u64 offset, u64 bytes, Access access);
    OrException<u64> linear(SegmentName name, Segment const& segment, u64 offset, u64 bytes,
                            Access access) const;
    // As supervisor: implicit accesses to descriptor tables and the TSS.
    OrException<Place> locate(u64 address, unsigned bytes, Access access, bool supervisor);
    // All of it, with the program's rights, for an offset in a segment.
    OrException<Place> locate(SegmentName name, u64 offset, unsigned bytes, Access access);
    // As the program: with its rights, and its alignment checked if it asks for that.
    OrException<Place> locate(u64 address, unsigned bytes, Access access);
    void load(Place const& place, u8* to);
    void store(Place const& place, u8 const* from);
    u64 load(Place const& place); // up to 8 bytes
    void store(Place const& place, u64 value);
    OrException<u64> read_system(u64 address, unsigned bytes); // up to 8 bytes, as supervisor
    OrException<> write_system(u64 address, unsigned bytes, u64 value);

    // The memory operand.
    u64 offset() const; // in its segment
    OrException<Place> memory(unsigned bytes, Access access, u64 offset_from_operand = 0);
    // The r/m operand, register or memory. An operand() is for writing, or reading and writing.
    OrException<u64> read_rm(unsigned bytes);
    OrException<Operand> operand(unsigned bytes);
    u64 load(Operand const& from);
    void store(Operand const& to, u64 value);
    OrException<> write_rm(unsigned bytes, u64 value);

    // The stack. stack_size: bytes of the stack pointer, by SS.
    unsigned stack_size();
    OrException<> push(unsigned bytes, u64 value);
    OrException<u64> pop(unsigned bytes);
    // What pop() would give, `distance` bytes further up.
    OrException<u64> peek(unsigned bytes, u64 distance);

    // A near jump, within operand_size and the limit of CS.
    OrException<> jump(u64 target, unsigned operand_size);

    // Permission to use ports [port, port + bytes): IOPL, else the TSS' bitmap.
    OrException<> check_port(u16 port, unsigned bytes);

    Processor& processor;
    CoreState core;
    Segment code{}; // CS; empty in 64-bit mode, where it has neither base nor limit
    u64 efer;
    Instruction instruction;
    u64 next{}; // rip after the instruction
    char const* why{};
    bool repeats{};           // a string instruction: core is what the repetitions done so far left
    bool keeps_resume_flag{}; // IRET loaded it
    bool enters_handler{};    // INT n: a single step ends in front of the handler
    bool holds_trap{};        // MOV and POP of SS: a single step ends behind the next instruction
    bool real;                // real mode: CR0.PE is clear
    bool virtual_8086;
    u8 cpl; // changes on the way of a far transfer
    Mode mode;
};

} // namespace x86
