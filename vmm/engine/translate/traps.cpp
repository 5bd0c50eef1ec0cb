// SPDX-License-Identifier: Apache-2.0
// The instructions of a kernel that generated code leaves to the monitor.
#include "vmm/engine/translate/translate_engine.hpp"

namespace vmm::translate {
namespace {

bool is_prefix(u8 byte) {
    return byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 ||
           (byte & 0xe7) == 0x26 || (byte & 0xfe) == 0x64;
}

bool one_byte(u8 opcode, u8 reg) {
    switch (opcode) {
    case 0x07:
    case 0x17:
    case 0x1f: // POP ES SS DS
    case 0x8e: // MOV to a segment register
    case 0x9a:
    case 0xea: // far CALL and JMP
    case 0xc4:
    case 0xc5: // LES LDS
    case 0xca:
    case 0xcb:
    case 0xcf: // RETF IRET
    case 0xcc:
    case 0xcd:
    case 0xce: // INT3 INT INTO
    case 0x6c:
    case 0x6d:
    case 0x6e:
    case 0x6f: // INS OUTS
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:                              // IN OUT
    case 0xf4: return true;                 // HLT
    case 0xff: return reg == 3 || reg == 5; // far CALL and JMP
    default: return false;
    }
}

bool two_bytes(u8 opcode) {
    switch (opcode) {
    case 0x00:
    case 0x01:
    case 0x02:
    case 0x03: // SLDT STR LLDT LTR VERR VERW; SGDT SIDT LGDT LIDT SMSW LMSW INVLPG; LAR LSL
    case 0x06:
    case 0x08:
    case 0x09: // CLTS INVD WBINVD
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x30:
    case 0x32: // MOV of control and debug registers, WRMSR RDMSR
    case 0xa1:
    case 0xa9: // POP FS GS
    case 0xa2: // CPUID
    case 0xb2:
    case 0xb4:
    case 0xb5: return true; // LSS LFS LGS
    default: return false;
    }
}

} // namespace

bool TranslateEngine::traps(std::span<u8 const> code) {
    while (code.size() > 2 && is_prefix(code[0])) code = code.subspan(1);
    if (code.size() < 2) return false;
    return code[0] == 0x0f ? two_bytes(code[1]) : one_byte(code[0], code[1] >> 3 & 7);
}

} // namespace vmm::translate
