// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/differential/mode_generator.hpp"

#include <algorithm>
#include <array>

namespace x86::translate::differential {
namespace {

bool changes_machine(ZydisMnemonic mnemonic) {
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_CLTS:
    case ZYDIS_MNEMONIC_INVD:
    case ZYDIS_MNEMONIC_INVLPG:
    case ZYDIS_MNEMONIC_LGDT:
    case ZYDIS_MNEMONIC_LIDT:
    case ZYDIS_MNEMONIC_LLDT:
    case ZYDIS_MNEMONIC_LMSW:
    case ZYDIS_MNEMONIC_LTR:
    case ZYDIS_MNEMONIC_WBINVD: return true;
    default: return false;
    }
}

bool is_excluded(ZydisMnemonic mnemonic) {
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_CPUID:
    case ZYDIS_MNEMONIC_IN:
    case ZYDIS_MNEMONIC_INSB:
    case ZYDIS_MNEMONIC_INSD:
    case ZYDIS_MNEMONIC_INSW:
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_INTO:
    case ZYDIS_MNEMONIC_OUT:
    case ZYDIS_MNEMONIC_OUTSB:
    case ZYDIS_MNEMONIC_OUTSD:
    case ZYDIS_MNEMONIC_OUTSW:
    case ZYDIS_MNEMONIC_RDMSR:
    case ZYDIS_MNEMONIC_RDPMC:
    case ZYDIS_MNEMONIC_RDTSC:
    case ZYDIS_MNEMONIC_RSM:
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT:
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_SMSW:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_WRMSR: return true;
    default: return false;
    }
}

} // namespace

bool is_repeated(Decoded const& decoded) {
    return (decoded.instruction.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) != 0;
}
bool is_far_load(ZydisMnemonic mnemonic) {
    return mnemonic == ZYDIS_MNEMONIC_LDS || mnemonic == ZYDIS_MNEMONIC_LES || mnemonic == ZYDIS_MNEMONIC_LSS || mnemonic == ZYDIS_MNEMONIC_LFS ||
           mnemonic == ZYDIS_MNEMONIC_LGS;
}

bool can_be_compared(Decoded const& decoded, unsigned cpl) {
    auto const mnemonic = decoded.instruction.mnemonic;
    if (!is_integer(decoded) || is_excluded(mnemonic)) return false;
    bool const of_machine = changes_machine(mnemonic) || std::ranges::any_of(decoded.all(), [](ZydisDecodedOperand const& operand) {
        auto const kind = operand.type == ZYDIS_OPERAND_TYPE_REGISTER ? ZydisRegisterGetClass(operand.reg.value) : ZYDIS_REGCLASS_INVALID;
        return operand.visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN && (kind == ZYDIS_REGCLASS_CONTROL || kind == ZYDIS_REGCLASS_DEBUG);
    });
    if (of_machine && cpl == 0) return false;
    // Reserved by the manual: REP before what it is not for, or of both kinds.
    bool equal = false, unequal = false;
    for (auto const& prefix : std::span(decoded.instruction.raw.prefixes, decoded.instruction.raw.prefix_count))
        unequal |= prefix.value == 0xf2, equal |= prefix.value == 0xf3;
    if ((equal && unequal) || ((equal || unequal) && !is_repeated(decoded))) return false;
    // The result is not defined.
    return mnemonic != ZYDIS_MNEMONIC_BSWAP || decoded.operands[0].size == 32;
}

std::pair<std::vector<u8>, Decoded> ModeCaseBuilder::choose_instruction() {
    // What these modes are about has a better chance than among all opcodes.
    constexpr u8 favourites[] = {0x07, 0x17, 0x1f, 0x06, 0x16, 0x8e, 0x8c, 0x9c, 0x9c, 0x9d, 0x9d, 0xca,
                                 0xcb, 0xcf, 0xcf, 0xea, 0x9a, 0xfa, 0xfb, 0xc4, 0xc5, 0xff};
    for (;;) {
        std::vector<u8> bytes;
        if (random_.chance(25)) bytes.push_back(0x66);
        if (random_.chance(25)) bytes.push_back(0x67);
        if (random_.chance(20)) bytes.push_back(std::array<u8, 6>{0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65}[random_.below(6)]);
        if (random_.chance(3)) bytes.push_back(0xf0);
        if (random_.chance(15)) bytes.push_back(random_.chance(50) ? 0xf2 : 0xf3);
        if (random_.chance(15)) {
            bytes.push_back(favourites[random_.below(std::size(favourites))]);
        } else {
            if (random_.chance(25)) bytes.push_back(0x0f);
            bytes.push_back(static_cast<u8>(random_.bits()));
        }
        while (bytes.size() < 15) {
            u32 const value = random_.number();
            for (unsigned i = 0; i < 4; ++i) bytes.push_back(static_cast<u8>(value >> 8 * i));
        }
        bytes.resize(15);
        if (auto const decoded = decode(bytes, code_size_); decoded && can_be_compared(*decoded, case_.cpl)) {
            bytes.resize(decoded->instruction.length);
            return {bytes, *decoded};
        }
    }
}

ModeCase random_mode_case(Random& random) {
    ModeCaseBuilder builder(random);
    for (unsigned count = 1 + random.below(5); count > 0; --count) builder.append();
    return builder.finish();
}

} // namespace x86::translate::differential
