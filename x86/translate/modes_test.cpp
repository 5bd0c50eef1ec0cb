// SPDX-License-Identifier: Apache-2.0
// 16-bit code, segments with bases and limits, kernel mode: one instruction or two under the
// translator and under the emulator must end alike, with each step left out. Whole blocks are compared
// with others in differential/.
#include <Zydis/Zydis.h>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

#include "x86/emulate/arithmetic.hpp"
#include "x86/translate/code_check.hpp"
#include "x86/translate/decode.hpp"
#include "x86/translate/host/translated.hpp"

namespace x86::translate {
namespace {

using namespace hosted;

constexpr u32 code_at = 0x10000, data_at = 0x20000, data_bytes = 4 * page_bytes;

struct Case {
    std::vector<u8> code; // HLT at its end
    u8 code_size, stack_size;
    Segment segments[6];
    u32 general[8], flags, interrupt_flag;
    bool partial{}; // writes more than once: what a fault leaves in memory is not compared
    u32 undefined{};
};

struct Ending {
    Stop stop;
    State state;
    std::vector<u8> data;
};

class Generator {
public:
    explicit Generator(u32 seed) : random_(seed) {}

    Case next() {
        Case result{};
        result.code_size = chance(60) ? 2 : 4;
        result.stack_size = chance(60) ? 2 : 4;
        segments(result);
        for (u32& value : result.general) value = number();
        if (chance(90)) result.general[4] = word() & 0x3ffe;
        result.flags = bits() & 0xcd5;
        result.interrupt_flag = bits() & 0x200;
        u32 undefined = 0;
        for (unsigned i = chance(50) ? 1 : 2; i > 0; --i) instruction(result, undefined);
        result.undefined = undefined;
        result.code.push_back(0xf4);
        return result;
    }
    u32 bits() { return static_cast<u32>(random_()); }

private:
    bool chance(unsigned percent) { return random_() % 100 < percent; }
    u32 word() { return bits() & 0xffff; }
    u32 number() {
        switch (bits() % 4) {
        case 0: return bits();
        case 1: return word() | (bits() & 0xff0000);
        default: return bits() & 0x3fff;
        }
    }

    void segments(Case& result) {
        for (unsigned i = 0; i < 6; ++i) {
            auto segment = flat_data(0x10);
            segment.access_rights &= ~static_cast<u32>(access_rights::Dpl::mask);
            segment.selector = static_cast<u16>(bits() & 0xfffc);
            if (chance(85)) {
                segment.base = chance(90) ? data_at + (bits() & 0x1fff) : bits();
                constexpr u32 limits[] = {0xffff, 0x1fff, 0x0fff, 0xffffffff, 0x7, 0xffffffff};
                segment.limit = limits[bits() % std::size(limits)];
            }
            if (chance(10))
                segment.access_rights =
                    chance(50) ? u32{access_rights::Unusable::mask} : segment.access_rights & ~2u;
            result.segments[i] = segment;
        }
        auto& code = result.segments[static_cast<unsigned>(SegmentName::cs)];
        code = flat_code(8);
        code.access_rights &= ~static_cast<u32>(access_rights::Dpl::mask);
        code.base = code_at;
        code.limit = chance(80) ? 0xffff : 0xffffffff;
        auto& stack = result.segments[static_cast<unsigned>(SegmentName::ss)];
        stack.access_rights =
            flat_data(0x10).access_rights & ~static_cast<u32>(access_rights::Dpl::mask);
        if (result.code_size == 2)
            code.access_rights &= ~static_cast<u32>(access_rights::Default32::mask);
        if (result.stack_size == 2)
            stack.access_rights &= ~static_cast<u32>(access_rights::Default32::mask);
    }

    void instruction(Case& result, u32& undefined) {
        static ZydisDecoder const decoders[] = {
            decoder(ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16),
            decoder(ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32)};
        for (;;) {
            u8 bytes[longest_instruction];
            for (u8& byte : bytes) byte = static_cast<u8>(bits());
            unsigned at = 0;
            constexpr u8 prefixes[] = {0x66, 0x67, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf3};
            while (chance(30)) bytes[at++ % 4] = prefixes[bits() % std::size(prefixes)];
            if (at < 4 && chance(25)) bytes[at] = 0x0f;
            auto const decoded = decode(bytes, result.code_size);
            if (decoded.length == 0 || decoded.facts->fpu || !wanted(decoded.form)) continue;
            ZydisDecodedInstruction instruction;
            ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
            ZydisDecoderDecodeFull(&decoders[result.code_size == 4], bytes, sizeof bytes,
                                   &instruction, operands);
            auto const* const flags = instruction.cpu_flags;
            if (flags != nullptr && (flags->tested & undefined) != 0) continue;
            if (flags != nullptr) undefined |= flags->undefined;
            if (is_shift(decoded))
                undefined |= 0x811; // CF AF OF depend on a count that is not looked at here
            if (leaves_register_open(decoded) || is_lenient(decoded)) continue;
            result.partial |= decoded.form == Form::push_all || decoded.form == Form::push_memory;
            result.code.insert(result.code.end(), bytes, bytes + decoded.length);
            return;
        }
    }
    static ZydisDecoder decoder(ZydisMachineMode mode, ZydisStackWidth width) {
        ZydisDecoder result;
        ZydisDecoderInit(&result, mode, width);
        return result;
    }
    static bool is_shift(Decoded const& d) {
        bool const one =
            d.map == OpcodeMap::primary && ((d.opcode & 0xfe) == 0xc0 || (d.opcode & 0xfc) == 0xd0);
        bool const two = d.map == OpcodeMap::secondary && (d.opcode & 0xf6) == 0xa4;
        return one || two;
    }
    // Results that the manuals leave open: BSF and BSR of 0, BSWAP of 16 bits, double shifts of 16
    // bits by more; and those that differ each time.
    static bool leaves_register_open(Decoded const& d) {
        bool const each_time =
            d.map == OpcodeMap::secondary && (d.opcode == 0x31 || (d.opcode == 0xc7 && !d.memory));
        return each_time || (d.map == OpcodeMap::secondary &&
                             (d.opcode == 0xb8 || d.opcode == 0xbc || d.opcode == 0xbd ||
                              (d.opcode & 0xf8) == 0xc8 || (d.opcode & 0xf6) == 0xa4));
    }
    // Reserved forms of hints and fences, which the emulator takes and some processors do not.
    static bool is_lenient(Decoded const& d) {
        return d.map == OpcodeMap::secondary && !d.memory && (d.opcode == 0x0d || d.opcode == 0xae);
    }
    static bool wanted(Form form) {
        return form > Form::emulate && form <= Form::set_interrupt && form != Form::environment &&
               form != Form::vector_mask;
    }

    std::mt19937 random_;
};

struct Variant {
    char const* name;
    Options options;
};

class Modes : public testing::TestWithParam<Variant> {
protected:
    Modes() {
        memory.map(code_at, page_bytes, rights::read | rights::write | rights::execute, true);
        memory.map(data_at, data_bytes, rights::read | rights::write, true);
    }
    Ending run(Runner& runner, Case const& test, std::vector<u8> const& data) {
        memory.poke(code_at, test.code);
        std::memcpy(Memory::at(data_at), data.data(), data_bytes);
        State& state = runner.state();
        for (unsigned i = 0; i < 6; ++i)
            runner.processor().set_segment(static_cast<SegmentName>(i), test.segments[i]);
        std::copy_n(test.general, 8, state.general);
        state.flags = test.flags;
        state.interrupt_flag = test.interrupt_flag;
        state.system_flags = 0;
        state.eip = 0;
        auto const stop = runner.run();
        return {stop, state,
                std::vector<u8>(Memory::at(data_at), Memory::at(data_at) + data_bytes)};
    }
    static std::string difference(Case const& test, Ending const& a, Ending const& b) {
        std::string result;
        auto const compare = [&](char const* name, u64 x, u64 y) {
            if (x == y) return;
            char line[80];
            std::snprintf(line, sizeof line, "%s %llx, expected %llx\n", name,
                          static_cast<unsigned long long>(x), static_cast<unsigned long long>(y));
            result += line;
        };
        compare("stop", static_cast<u64>(a.stop.why), static_cast<u64>(b.stop.why));
        bool const raised = b.stop.why == Stop::Why::exception;
        if (raised) compare("vector", a.stop.exception.vector, b.stop.exception.vector);
        for (unsigned i = 0; i < 8; ++i)
            compare("register", a.state.general[i], b.state.general[i]);
        compare("eip", a.state.eip, b.state.eip);
        if (!raised)
            compare("flags", a.state.flags & ~test.undefined, b.state.flags & ~test.undefined);
        compare("interrupt flag", a.state.interrupt_flag, b.state.interrupt_flag);
        compare("system flags", a.state.system_flags, b.state.system_flags);
        if (!(raised && test.partial) && a.data != b.data) result += "memory\n";
        if (!result.empty())
            for (u8 const byte : test.code) {
                char text[8];
                std::snprintf(text, sizeof text, "%02x ", byte);
                result += text;
            }
        return result;
    }
    Memory memory;
};

TEST_P(Modes, EndLikeTheEmulator) {
    bool const usual = GetParam().options == Options{};
    unsigned const cases = usual ? 15'000 : 2'000;
    Generator generator(17);
    EmulatorRunner emulator(memory);
    TranslatorRunner translator(memory, GetParam().options, 1 << 20);
    std::vector<u8> data(data_bytes);
    for (u8& byte : data) byte = static_cast<u8>(generator.bits());
    unsigned halted = 0, raised = 0, differences = 0;
    for (unsigned i = 0; i < cases && differences < 5; ++i) {
        auto const test = generator.next();
        auto const expected = run(emulator, test, data);
        if (expected.stop.why == Stop::Why::unsupported) continue;
        auto const got = run(translator, test, data);
        halted += got.stop.why == Stop::Why::halted;
        raised += got.stop.why == Stop::Why::exception;
        auto const text = difference(test, got, expected);
        if (text.empty()) continue;
        ++differences;
        ADD_FAILURE() << "case " << i << ", code of " << test.code_size * 8 << " bits, stack of "
                      << test.stack_size * 8 << "\n"
                      << text;
    }
    EXPECT_FALSE(check_all_blocks(translator.translator()));
    EXPECT_GT(halted, cases / 4);
    EXPECT_GT(raised, cases / 10);
}

// 16-bit code with calls, loops of every kind and jumps: the sum that it makes.
TEST_P(Modes, SixteenBitProgram) {
    Generator generator(3);
    auto test = generator.next();
    while (test.code_size != 2 || test.stack_size != 2) test = generator.next();
    test.code = {
        0xb9, 0x20, 0x00,                // 00 mov cx, 32
        0x31, 0xc0,                      // 03 xor ax, ax
        0xe8, 0x1e, 0x00,                // 05 call 26h
        0xe2, 0xfb,                      // 08 loop 05
        0xb9, 0x05, 0x00,                // 0a mov cx, 5
        0x3d, 0x00, 0x00,                // 0d cmp ax, 0
        0xe0, 0xfb,                      // 10 loopne 0d
        0xe3, 0x02,                      // 12 jcxz 16
        0xb0, 0xff,                      // 14 mov al, ffh
        0x66, 0xe8, 0x0a, 0,    0,    0, // 16 call dword 26h
        0x39, 0xc0,                      // 1c cmp ax, ax
        0xb9, 0x03, 0x00,                // 1e mov cx, 3
        0xe1, 0xfe,                      // 21 loope 21
        0x01, 0xc8,                      // 23 add ax, cx
        0xf4,                            // 25 hlt
        0x01, 0xc8,                      // 26 add ax, cx
        0xbb, 0x30, 0x00,                // 28 mov bx, 30h
        0xff, 0xe3,                      // 2b jmp bx
        0xf4, 0xf4, 0xf4, 0x67, 0x83, 0x3c,
        0x24, 0x1c, // 30 cmp word [esp], 1ch: an address of 32 bits
        0x90, 0x90, 0x90,
        0xc3, // 38 ret
    };
    for (auto& segment : test.segments) segment.limit = 0xffff;
    std::vector<u8> const data(data_bytes);
    EmulatorRunner emulator(memory);
    TranslatorRunner translator(memory, GetParam().options, 1 << 20);
    test.general[4] = 0x1000;
    auto const expected = run(emulator, test, data);
    auto const got = run(translator, test, data);
    EXPECT_EQ(expected.stop.why, Stop::Why::halted);
    EXPECT_EQ(expected.state.general[0] & 0xffff, 32u * 33 / 2);
    EXPECT_EQ(difference(test, got, expected), "");
}

constexpr Variant variants[] = {{"AllSteps", {}},
                                {"WithoutCache", {.cache = false}},
                                {"WithoutChaining", {.chaining = false}},
                                {"WithoutRegisters", {.registers = false}},
                                {"WithoutLazyFlags", {.lazy_flags = false}},
                                {"WithoutReturnStack", {.return_stack = false}}};
INSTANTIATE_TEST_SUITE_P(Options, Modes, testing::ValuesIn(variants),
                         [](auto const& variant) { return variant.param.name; });

// Of eight words that POPA reads, the last ones are not there: the fault is at the first of those.
TEST(PopAll, FaultsAtTheFirstWordThatIsMissing) {
    constexpr u32 start = 0x400000, stack = 0x500000, top = stack + page_bytes - 10;
    Memory memory;
    for (u32 const at : {start, stack})
        memory.map(at, page_bytes, rights::read | rights::write | rights::execute, true);
    memory.poke(start, std::vector<u8>{0x61});
    TranslatorRunner runner(memory);
    runner.state().eip = start;
    runner.state().general[4] = top;
    runner.state().general[7] = 7;
    auto const stop = runner.run();
    EXPECT_EQ(stop.why, Stop::Why::exception);
    EXPECT_EQ(stop.exception.address, stack + page_bytes); // of the word that begins 2 before it
    EXPECT_EQ(runner.state().general[4], top);
    EXPECT_EQ(runner.state().general[7], 7u);
}

// Functions a multiple of 64 KiB apart have one place in the first table.
TEST(IndirectCalls, FindFunctionsThatShareAPlaceInTheTable) {
    constexpr u32 start = 0x400000, first = 0x411000, second = 0x421000, stack = 0x500000;
    Memory memory;
    for (u32 const at : {start, first, second, stack})
        memory.map(at, page_bytes, rights::read | rights::write | rights::execute, true);
    memory.poke(start, std::vector<u8>{0xb9, 0xe8, 0x03, 0,    0,    // mov ecx, 1000
                                       0xb8, 0x00, 0x10, 0x41, 0x00, // 05 mov eax, first
                                       0xff, 0xd0,                   // call eax
                                       0xb8, 0x00, 0x10, 0x42, 0x00, // mov eax, second
                                       0xff, 0xd0,                   // call eax
                                       0x49, 0x75, 0xef,             // dec ecx; jnz 05
                                       0xcd, 0x80});
    memory.poke(first, std::vector<u8>{0x83, 0xc3, 0x01, 0xc3});  // add ebx, 1; ret
    memory.poke(second, std::vector<u8>{0x83, 0xd6, 0x05, 0xc3}); // adc esi, 5; ret
    TranslatorRunner runner(memory);
    runner.state().eip = start;
    runner.state().general[4] = stack + page_bytes;
    EXPECT_EQ(runner.run().why, Stop::Why::system_call);
    EXPECT_EQ(runner.state().general[3], 1000u);
    EXPECT_EQ(runner.state().general[6], 5000u);
    EXPECT_LT(runner.translator().counters().misses, 8u);
}

} // namespace
} // namespace x86::translate
