// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/differential/decoded.hpp"

#include <array>

#include "x86/emulate/arithmetic.hpp"

namespace x86::translate::differential {
namespace {

ZydisDecoder make_decoder(unsigned code_size) {
    ZydisDecoder decoder;
    if (code_size == 2) ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    else ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    return decoder;
}

bool is_integer_set(ZydisISASet set) {
    switch (set) {
    case ZYDIS_ISA_SET_CMOV:
    case ZYDIS_ISA_SET_FAT_NOP:
    case ZYDIS_ISA_SET_I186:
    case ZYDIS_ISA_SET_I286PROTECTED:
    case ZYDIS_ISA_SET_I286REAL:
    case ZYDIS_ISA_SET_I386:
    case ZYDIS_ISA_SET_I486:
    case ZYDIS_ISA_SET_I486REAL:
    case ZYDIS_ISA_SET_I86:
    case ZYDIS_ISA_SET_LAHF:
    case ZYDIS_ISA_SET_PAUSE:
    case ZYDIS_ISA_SET_PENTIUMREAL:
    case ZYDIS_ISA_SET_PPRO: return true;
    default: return false;
    }
}

bool is_old_enough(ZydisISASet set) {
    if (is_integer_set(set)) return true;
    switch (set) {
    case ZYDIS_ISA_SET_CLFSH:
    case ZYDIS_ISA_SET_FCMOV:
    case ZYDIS_ISA_SET_PENTIUMMMX:
    case ZYDIS_ISA_SET_SSE:
    case ZYDIS_ISA_SET_SSE2:
    case ZYDIS_ISA_SET_SSE2MMX:
    case ZYDIS_ISA_SET_SSEMXCSR:
    case ZYDIS_ISA_SET_SSE_PREFETCH:
    case ZYDIS_ISA_SET_X87: return true;
    default: return false;
    }
}

// What reads or changes things that are not the program's, and the FPU's environment, which holds addresses of host code.
bool is_excluded(ZydisMnemonic mnemonic) {
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSRET:
    case ZYDIS_MNEMONIC_CPUID:
    case ZYDIS_MNEMONIC_RDTSC:
    case ZYDIS_MNEMONIC_RDPMC:
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT:
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_SMSW:
    case ZYDIS_MNEMONIC_LAR:
    case ZYDIS_MNEMONIC_LSL:
    case ZYDIS_MNEMONIC_VERR:
    case ZYDIS_MNEMONIC_VERW:
    case ZYDIS_MNEMONIC_LDS:
    case ZYDIS_MNEMONIC_LES:
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_LFS:
    case ZYDIS_MNEMONIC_LGS:
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_RSM:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FRSTOR: return true;
    default: return false;
    }
}

bool is_shift(ZydisMnemonic mnemonic) {
    return mnemonic == ZYDIS_MNEMONIC_SHL || mnemonic == ZYDIS_MNEMONIC_SHR || mnemonic == ZYDIS_MNEMONIC_SAR || mnemonic == ZYDIS_MNEMONIC_SHLD ||
           mnemonic == ZYDIS_MNEMONIC_SHRD;
}
bool is_rotation(ZydisMnemonic mnemonic) {
    return mnemonic == ZYDIS_MNEMONIC_ROL || mnemonic == ZYDIS_MNEMONIC_ROR || mnemonic == ZYDIS_MNEMONIC_RCL || mnemonic == ZYDIS_MNEMONIC_RCR;
}

// OF for one step only, CF while there are bits to shift; without a step nothing changes. Counts of registers: whatever they may be.
u32 undefined_by_shift(Decoded const& decoded) {
    bool const by_one = decoded.instruction.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (decoded.instruction.opcode & 0xfe) == 0xd0;
    u32 mask = by_one ? 0 : static_cast<u32>(flags::overflow);
    if (is_rotation(decoded.instruction.mnemonic)) return mask;
    mask |= flags::adjust;
    bool const is_double = decoded.instruction.opcode_map != ZYDIS_OPCODE_MAP_DEFAULT;
    if (!by_one && decoded.operands[0].size < 32) mask |= static_cast<u32>(is_double ? flags::arithmetic : flags::carry);
    return mask;
}

} // namespace

bool is_integer(Decoded const& decoded) {
    auto const& meta = decoded.instruction.meta;
    return is_integer_set(meta.isa_set) && meta.category != ZYDIS_CATEGORY_X87_ALU; // FCOMI
}

std::optional<Decoded> decode(std::span<u8 const> bytes, unsigned code_size) {
    static ZydisDecoder const decoders[] = {make_decoder(2), make_decoder(4)};
    Decoded result;
    auto const* const decoder = &decoders[code_size == 4];
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, bytes.data(), bytes.size(), &result.instruction, result.operands))) return std::nullopt;
    return result;
}

bool can_be_compared(Decoded const& decoded) {
    auto const& instruction = decoded.instruction;
    if (!is_old_enough(instruction.meta.isa_set) || is_excluded(instruction.mnemonic)) return false;
    if (instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) return false;
    if (instruction.mnemonic == ZYDIS_MNEMONIC_INT) { // those with a gate for programs; system calls
        u64 const number = decoded.operands[0].imm.value.u;
        return number > 4 && number != 0x80;
    }
    // Reserved by the manual, and processors differ: the prefix may change the condition.
    bool const loop = instruction.mnemonic == ZYDIS_MNEMONIC_LOOP || instruction.mnemonic == ZYDIS_MNEMONIC_LOOPE || instruction.mnemonic == ZYDIS_MNEMONIC_LOOPNE;
    if (loop && instruction.raw.prefix_count != 0) return false;
    // Segment registers may be read, not written; control and debug registers only fault.
    for (auto const& operand : decoded.all())
        if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER && ZydisRegisterGetClass(operand.reg.value) == ZYDIS_REGCLASS_SEGMENT &&
            (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0)
            return false;
    return true;
}

std::optional<Displacement> direct_branch(Decoded const& decoded) {
    auto const& raw = decoded.instruction.raw.imm[0];
    if (raw.size == 0 || !raw.is_relative) return std::nullopt;
    return Displacement{raw.offset, static_cast<u8>(raw.size / 8)};
}

bool ends_block(Decoded const& decoded) {
    auto const category = decoded.instruction.meta.category;
    return category == ZYDIS_CATEGORY_UNCOND_BR || category == ZYDIS_CATEGORY_CALL || category == ZYDIS_CATEGORY_RET;
}

std::optional<unsigned> general_register(ZydisRegister name) {
    if (name >= ZYDIS_REGISTER_EAX && name <= ZYDIS_REGISTER_EDI) return static_cast<unsigned>(name - ZYDIS_REGISTER_EAX);
    if (name >= ZYDIS_REGISTER_AX && name <= ZYDIS_REGISTER_DI) return static_cast<unsigned>(name - ZYDIS_REGISTER_AX);
    return std::nullopt;
}

bool UndefinedFlags::add(Decoded const& decoded) {
    constexpr u32 all = flags::arithmetic;
    auto const* const accessed = decoded.instruction.cpu_flags;
    if (accessed == nullptr) return true;
    if ((accessed->tested & mask_) != 0) return false;
    auto const mnemonic = decoded.instruction.mnemonic;
    if (is_shift(mnemonic) || is_rotation(mnemonic)) {
        mask_ |= undefined_by_shift(decoded);
        return true;
    }
    bool const repeated = (decoded.instruction.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) != 0;
    if (repeated) return true; // perhaps not once
    mask_ &= ~(accessed->modified | accessed->set_0 | accessed->set_1);
    mask_ |= accessed->undefined & all;
    return true;
}

bool is_certain(Case const& test, Outcome const& outcome) {
    if (!outcome.exception || outcome.eip - test.at >= test.code.size()) return true;
    auto const decoded = decode(std::span(test.code).subspan(outcome.eip - test.at));
    if (!decoded) return true;
    auto const mnemonic = decoded->instruction.mnemonic;
    bool const segment_fault = outcome.exception->vector == vector::general_protection || outcome.exception->vector == vector::stack_fault;
    for (auto const& operand : decoded->all()) {
        bool const in_segment = operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.segment >= ZYDIS_REGISTER_ES && operand.mem.segment <= ZYDIS_REGISTER_GS;
        if (!in_segment) continue;
        auto const& segment = test.segments[operand.mem.segment - ZYDIS_REGISTER_ES];
        if (segment_fault && segment && segment->limit == 0xffffffff) return false;
    }
    if (mnemonic == ZYDIS_MNEMONIC_MASKMOVQ || mnemonic == ZYDIS_MNEMONIC_MASKMOVDQU) {
        bool const in_arena = outcome.exception->vector == vector::page_fault && outcome.exception->address < 0xfffff000;
        return in_arena;
    }
    return mnemonic != ZYDIS_MNEMONIC_POPA && mnemonic != ZYDIS_MNEMONIC_POPAD;
}

namespace {

bool begins_instruction(Case const& test, u32 offset) {
    u32 at = 0;
    while (at < test.code.size() && at < offset) {
        auto const decoded = decode(std::span(test.code).subspan(at));
        if (!decoded) return false;
        at += decoded->instruction.length;
    }
    return at == offset;
}

} // namespace

bool is_astray(Case const& test, Outcome const& outcome) {
    bool const executable = outcome.eip >= arena::code && outcome.eip < arena::end;
    return outcome.exception && executable && !begins_instruction(test, outcome.eip - test.at);
}

namespace {

// Behind `from` there is a branch that may have led back.
bool may_have_come_back(Case const& test, u32 from) {
    for (u32 at = from; at < test.code.size();) {
        auto const decoded = decode(std::span(test.code).subspan(at));
        if (!decoded) return false;
        if (ends_block(*decoded) && !direct_branch(*decoded)) return true;
        at += decoded->instruction.length;
    }
    return false;
}

} // namespace

std::optional<u32> undefined_flags(Case const& test, Outcome const& outcome) {
    bool const at_exit = !outcome.exception && outcome.eip >= arena::exits && outcome.eip < arena::exits + arena::page;
    u32 const exit = (outcome.eip - arena::exits) / arena::exit_bytes;
    bool const in_order = !test.loops && (at_exit || !may_have_come_back(test, outcome.eip - test.at));
    bool const straight = in_order && (at_exit ? exit < test.ways_out.size() : outcome.eip - test.at < test.code.size());
    u32 const until = straight ? (at_exit ? test.ways_out[exit] : outcome.eip - test.at) : static_cast<u32>(test.code.size());
    if (is_astray(test, outcome)) return std::nullopt; // into bytes that nobody looked at, or into the middle of an instruction
    UndefinedFlags flags;
    u32 every = 0;
    for (unsigned pass = 0; pass < (in_order ? 1 : 2); ++pass)
        for (u32 at = 0; at < until;) {
            auto const decoded = decode(std::span(test.code).subspan(at));
            if (!decoded) break;
            if (!flags.add(*decoded)) return std::nullopt;
            every |= flags.mask();
            at += decoded->instruction.length;
        }
    if (straight && at_exit) // the branch that was taken
        if (auto const decoded = decode(std::span(test.code).subspan(until)); decoded && !flags.add(*decoded)) return std::nullopt;
    return straight ? flags.mask() : every;
}

} // namespace x86::translate::differential
