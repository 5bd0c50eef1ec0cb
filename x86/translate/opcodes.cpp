// SPDX-License-Identifier: Apache-2.0
// One table for each opcode map (Intel SDM vol. 2, appendix A).
#include "x86/translate/opcodes.hpp"

#include <array>
#include <initializer_list>

#include "x86/translate/decode.hpp"

namespace x86::translate {
namespace {

struct Range {
    u8 first, last;
    OpcodeFacts facts;
};
using Table = std::array<OpcodeFacts, 256>;

constexpr void put(Table& table, std::initializer_list<Range> ranges) {
    for (auto const& range : ranges)
        for (unsigned opcode = range.first; opcode <= range.last; ++opcode)
            table[opcode] = range.facts;
}

using enum Form;
// Operands: r/m and register, words or bytes.
constexpr OpcodeFacts words{.form = copy, .reg = true, .rm = true};
constexpr OpcodeFacts bytes{.form = copy, .reg_byte = true, .rm_byte = true};
constexpr OpcodeFacts word{.form = copy, .rm = true}; // ModRM.reg extends the opcode
constexpr OpcodeFacts one_byte{.form = copy, .rm_byte = true};
constexpr OpcodeFacts accumulator{.form = copy, .implicit = true};
constexpr OpcodeFacts vector{.form = copy, .fpu = true, .spares_flags = true};

constexpr OpcodeFacts spares(OpcodeFacts facts) {
    facts.spares_flags = true;
    return facts;
}
constexpr OpcodeFacts reads(OpcodeFacts facts) {
    facts.reads_flags = true;
    return facts;
}
constexpr OpcodeFacts implicit(OpcodeFacts facts) {
    facts.implicit = true;
    return facts;
}
constexpr OpcodeFacts plain(Form form) { return {.form = form, .spares_flags = true}; }
constexpr OpcodeFacts with_rm(Form form) {
    return {.form = form, .rm = true, .spares_flags = true};
}

constexpr Table make_primary() {
    Table table{};
    for (u8 group = 0; group < 0x40; group = static_cast<u8>(group + 8)) {
        bool const carries = group == 0x10 || group == 0x18; // ADC, SBB
        auto const finish = [&](OpcodeFacts facts) { return carries ? reads(facts) : facts; };
        auto const code = [&](unsigned low) { return static_cast<u8>(group + low); };
        put(table, {{code(0), code(0), finish(bytes)},
                    {code(1), code(1), finish(words)},
                    {code(2), code(2), finish(bytes)},
                    {code(3), code(3), finish(words)},
                    {code(4), code(5), finish(accumulator)}});
    }
    put(table, {{0x06, 0x06, plain(push_selector)},
                {0x0e, 0x0e, plain(push_selector)},
                {0x16, 0x16, plain(push_selector)},
                {0x1e, 0x1e, plain(push_selector)},
                {0x40, 0x4f, {.form = increment}},
                {0x50, 0x57, plain(push_register)},
                {0x58, 0x5f, plain(pop_register)},
                {0x60, 0x60, plain(push_all)},
                {0x61, 0x61, plain(pop_all)},
                {0x68, 0x68, plain(push_immediate)},
                {0x69, 0x69, words},
                {0x6a, 0x6a, plain(push_immediate)},
                {0x6b, 0x6b, words},
                {0x70, 0x7f, reads(plain(jump_if))},
                {0x80, 0x80, one_byte},
                {0x81, 0x81, word},
                {0x82, 0x82, one_byte},
                {0x83, 0x83, word},
                {0x84, 0x84, bytes},
                {0x85, 0x85, words},
                {0x86, 0x86, spares(bytes)},
                {0x87, 0x87, spares(words)},
                {0x88, 0x88, spares(bytes)},
                {0x89, 0x89, spares(words)},
                {0x8a, 0x8a, spares(bytes)},
                {0x8b, 0x8b, spares(words)},
                {0x8c, 0x8c, with_rm(load_selector)},
                {0x8d, 0x8d, {.form = address, .reg = true, .spares_flags = true}},
                {0x8f, 0x8f, with_rm(pop_memory)},
                {0x90, 0x97, implicit(plain(copy_register))},
                {0x98, 0x99, spares(accumulator)},
                {0x9b, 0x9b, vector},
                {0x9c, 0x9c, reads(plain(push_flags))},
                {0x9d, 0x9d, {.form = pop_flags}},
                {0x9e, 0x9e, accumulator},
                {0x9f, 0x9f, reads(accumulator)},
                {0xa0, 0xa3, implicit(plain(offset))},
                {0xa4, 0xa7, {.form = string, .implicit = true}},
                {0xa8, 0xa9, accumulator},
                {0xaa, 0xaf, {.form = string, .implicit = true}},
                {0xb0, 0xb7, implicit(plain(copy))},
                {0xb8, 0xbf, plain(copy_register)},
                {0xc0, 0xc0, one_byte},
                {0xc1, 0xc1, word},
                {0xc2, 0xc3, plain(ret)},
                {0xc6, 0xc6, spares(one_byte)},
                {0xc7, 0xc7, spares(word)},
                {0xc9, 0xc9, plain(leave)},
                {0xcf, 0xcf, {.form = interrupt_return}},
                {0xd0, 0xd0, reads(one_byte)},
                {0xd1, 0xd1, reads(word)},
                {0xd2, 0xd2, implicit(reads(one_byte))},
                {0xd3, 0xd3, implicit(reads(word))},
                {0xd7, 0xd7, implicit(plain(translate_byte))},
                {0xd8, 0xdf, {.form = copy, .fpu = true, .reads_flags = true, .implicit = true}},
                {0xe0, 0xe3, reads(plain(loop))},
                {0xe8, 0xe8, plain(call)},
                {0xe9, 0xe9, plain(jump)},
                {0xeb, 0xeb, plain(jump)},
                {0xf5, 0xf5, reads({.form = copy})},
                {0xf6, 0xf6, implicit(one_byte)},
                {0xf7, 0xf7, implicit(word)},
                {0xf8, 0xf9, {.form = copy}},
                {0xfa, 0xfa, plain(clear_interrupt)},
                {0xfb, 0xfb, plain(set_interrupt)},
                {0xfc, 0xfd, {.form = copy}},
                {0xfe, 0xfe, one_byte},
                {0xff, 0xff, word}});
    table[0xc0].reads_flags = table[0xc1].reads_flags = true; // rotations through carry
    for (u8 const group : {u8{0x80}, u8{0x81}, u8{0x82}, u8{0x83}}) table[group].reads_flags = true;
    return table;
}

constexpr Table make_secondary() {
    Table table{};
    put(table, {{0x0d, 0x0d, plain(copy)},
                {0x10, 0x17, vector},
                {0x18, 0x18, plain(copy)},
                {0x1f, 0x1f, with_rm(copy)},
                {0x28, 0x2d, vector},
                {0x2e, 0x2f, {.form = copy, .fpu = true}},
                {0x31, 0x31, implicit(spares({.form = copy}))},
                {0x40, 0x4f, reads(spares(words))},
                {0x50, 0x76, vector},
                {0x77, 0x77, vector},
                {0x7c, 0x7f, vector},
                {0x80, 0x8f, reads(plain(jump_if))},
                {0x90, 0x9f, reads(spares(one_byte))},
                {0xa0, 0xa0, plain(push_selector)},
                {0xa3, 0xa3, {.form = bit_string, .reg = true, .rm = true}},
                {0xa4, 0xa5, implicit(words)},
                {0xa8, 0xa8, plain(push_selector)},
                {0xab, 0xab, {.form = bit_string, .reg = true, .rm = true}},
                {0xac, 0xad, implicit(words)},
                {0xae, 0xae, vector},
                {0xaf, 0xaf, words},
                {0xb0, 0xb0, implicit(bytes)},
                {0xb1, 0xb1, implicit(words)},
                {0xb3, 0xb3, {.form = bit_string, .reg = true, .rm = true}},
                {0xb6, 0xb6, {.form = copy, .reg = true, .rm_byte = true, .spares_flags = true}},
                {0xb7, 0xb7, spares(words)},
                {0xb8, 0xb8, words},
                {0xba, 0xba, word},
                {0xbb, 0xbb, {.form = bit_string, .reg = true, .rm = true}},
                {0xbc, 0xbd, words},
                {0xbe, 0xbe, {.form = copy, .reg = true, .rm_byte = true, .spares_flags = true}},
                {0xbf, 0xbf, spares(words)},
                {0xc0, 0xc0, bytes},
                {0xc1, 0xc1, words},
                {0xc2, 0xc2, vector},
                {0xc3, 0xc3, vector},
                {0xc4, 0xc6, vector},
                {0xc7, 0xc7, {.form = copy, .implicit = true}},
                {0xc8, 0xcf, plain(copy_register)},
                {0xd0, 0xf6, vector},
                {0xf7, 0xf7, {.form = vector_mask, .fpu = true, .implicit = true}},
                {0xf8, 0xfe, vector}});
    table[0x2a].rm = table[0x6e].rm = table[0x7e].rm = table[0xc4].rm =
        true; // where a prefix says so: below
    table[0x2c].reg = table[0x2d].reg = table[0x50].reg = table[0xc3].reg = table[0xc5].reg =
        table[0xd7].reg = true;
    return table;
}

constexpr Table make_map38() {
    Table table{};
    put(table, {{0x00, 0x0b, vector},
                {0x10, 0x15, vector},
                {0x17, 0x17, {.form = copy, .fpu = true}},
                {0x1c, 0x1e, vector},
                {0x20, 0x25, vector},
                {0x28, 0x2b, vector},
                {0x30, 0x41, vector},
                {0xc8, 0xcd, vector},
                {0xdb, 0xdf, vector}});
    return table;
}

constexpr Table make_map3a() {
    Table table{};
    put(table, {{0x08, 0x0f, vector},
                {0x40, 0x42, vector},
                {0x44, 0x44, vector},
                {0x60, 0x63, {.form = copy, .fpu = true, .implicit = true}},
                {0xcc, 0xcc, vector},
                {0xdf, 0xdf, vector}});
    return table;
}

constexpr Table primary = make_primary(), secondary = make_secondary(), map38 = make_map38(),
                map3a = make_map3a();

constexpr OpcodeFacts emulated{};

// Groups: ModRM.reg decides. Those not named are as the table says.
OpcodeFacts const& primary_group(Decoded const& d) {
    static constexpr OpcodeFacts indirect_jump = with_rm(jump_indirect),
                                 indirect_call = with_rm(call_indirect),
                                 push = with_rm(push_memory), nothing = plain(none),
                                 control_store{
                                     .form = environment, .fpu = true, .spares_flags = true},
                                 sparing_byte = spares(one_byte), sparing_word = spares(word);
    switch (d.opcode) {
    case 0x90: return nothing; // PAUSE too
    case 0xc6:
    case 0xc7: return d.reg == 0 ? primary[d.opcode] : emulated;
    case 0xd9:
    case 0xdd: return d.memory && d.reg == 6 ? control_store : primary[d.opcode];
    case 0xf6: // TEST, TEST, NOT, NEG; then MUL and DIV
        return d.reg == 2                               ? sparing_byte
               : d.reg == 0 || d.reg == 1 || d.reg == 3 ? one_byte
                                                        : primary[d.opcode];
    case 0xf7:
        return d.reg == 2                               ? sparing_word
               : d.reg == 0 || d.reg == 1 || d.reg == 3 ? word
                                                        : primary[d.opcode];
    case 0xff:
        switch (d.reg) {
        case 2: return indirect_call;
        case 4: return indirect_jump;
        case 6: return push;
        case 3:
        case 5: return emulated;
        default: return primary[d.opcode];
        }
    default: return primary[d.opcode];
    }
}

OpcodeFacts const& secondary_group(Decoded const& d) {
    static constexpr OpcodeFacts random{.form = copy, .rm = true};
    static constexpr OpcodeFacts to_memory = spares({.form = copy}), nothing = plain(none),
                                 save{.form = environment, .fpu = true, .spares_flags = true};
    bool const scalar = d.repeat != 0;
    switch (d.opcode) {
    case 0x1e:
        return d.repeat == 0xf3 && !d.memory && d.reg == 7 && (d.rm == 2 || d.rm == 3)
                   ? nothing
                   : emulated; // ENDBR
    case 0x2a:                 // from MMX: no general register
    case 0x2c:
    case 0x2d: return scalar ? secondary[d.opcode] : secondary[0x10];
    case 0x6e: return secondary[d.opcode];
    case 0x7e: return d.repeat == 0xf3 ? secondary[0x10] : secondary[d.opcode];
    case 0xae: // FXSAVE FXRSTOR LDMXCSR STMXCSR, CLFLUSH; fences
        if (d.repeat != 0 || d.operand_prefix) return emulated;
        if (!d.memory) return d.reg >= 5 ? to_memory : emulated;
        if (d.reg == 0) return save;
        return d.reg < 4 ? secondary[d.opcode] : d.reg == 7 ? to_memory : emulated;
    case 0xb8: return d.repeat == 0xf3 ? secondary[d.opcode] : emulated;
    case 0xc7: // CMPXCHG8B; RDRAND, RDSEED
        if (d.memory) return d.reg == 1 && d.repeat == 0 ? secondary[d.opcode] : emulated;
        return d.reg >= 6 && d.repeat == 0 ? random : emulated;
    default: return secondary[d.opcode];
    }
}

} // namespace

OpcodeFacts const& facts_of_undecodable() { return emulated; }

OpcodeFacts const& facts_of(Decoded const& instruction) {
    switch (instruction.map) {
    case OpcodeMap::primary: return primary_group(instruction);
    case OpcodeMap::secondary: return secondary_group(instruction);
    case OpcodeMap::map38: return map38[instruction.opcode];
    case OpcodeMap::map3a: return map3a[instruction.opcode];
    }
    return emulated;
}

} // namespace x86::translate
