// SPDX-License-Identifier: Apache-2.0
// Random instructions of real mode, run by the emulator and by Unicorn, which is QEMU's processor
// as a library: registers, segments, defined flags, memory and exceptions must agree. Unicorn looks
// at no limit of a segment, so a case ends where the emulator finds one violated.
// TESSERA_DIFFERENTIAL_CASES and TESSERA_DIFFERENTIAL_SEED choose how many and which.
#include <cstdlib>
#include <random>
#include <unicorn/unicorn.h>

#include "base/gtest.hpp"
#include "x86/emulate/arithmetic.hpp"
#include "x86/emulate/test_processor.hpp"

namespace x86 {
namespace {

constexpr u64 ram_bytes = 0x20000; // segments begin in the first half
constexpr unsigned general_count = 8, segment_count = 6;

u64 from_environment(char const* name, u64 otherwise) {
    char const* const text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

struct Opcodes {
    u8 first, last;
    bool second_map{};
    u64 undefined{}; // flags
};

constexpr u64 carry = flags::carry, adjust = flags::adjust, overflow = flags::overflow,
              zero = flags::zero, sign = flags::sign, parity = flags::parity,
              shifted = adjust | overflow | carry, scan = overflow | sign | adjust | parity;

// Nothing about ports, interrupts, HLT or the processor's own registers.
constexpr Opcodes opcodes[] = {
    {0x00, 0x07},
    {0x08, 0x0e, false, adjust},
    {0x10, 0x1f},
    {0x20, 0x25, false, adjust},
    {0x27, 0x27, false, overflow},
    {0x28, 0x2d},
    {0x2f, 0x2f, false, overflow},
    {0x30, 0x35, false, adjust},
    {0x37, 0x37, false, overflow | sign | zero | parity},
    {0x38, 0x3d},
    {0x3f, 0x3f, false, overflow | sign | zero | parity},
    {0x40, 0x61},
    {0x62, 0x63},
    {0x68, 0x68},
    {0x69, 0x69, false, sign | zero | adjust | parity},
    {0x6a, 0x6a},
    {0x6b, 0x6b, false, sign | zero | adjust | parity},
    {0x70, 0x7f},
    {0x80, 0x83, false, adjust},
    {0x84, 0x85, false, adjust},
    {0x86, 0x9a},
    {0x9c, 0xa7},
    {0xa8, 0xa9, false, adjust},
    {0xaa, 0xbf},
    {0xc0, 0xc1, false, shifted},
    {0xc2, 0xcb},
    {0xcf, 0xcf},
    {0xd0, 0xd1, false, adjust},
    {0xd2, 0xd3, false, shifted},
    {0xd4, 0xd4, false, overflow | adjust | carry},
    {0xd5, 0xd5, false, overflow | adjust | carry},
    {0xd7, 0xd7},
    {0xe0, 0xe3},
    {0xe8, 0xeb},
    {0xf5, 0xf5},
    {0xf6, 0xf7, false, flags::arithmetic},
    {0xf8, 0xfd},
    {0xfe, 0xff},
    {0x02, 0x03, true},
    {0x40, 0x4f, true},
    {0x80, 0xa1, true},
    {0xa3, 0xa3, true, scan},
    {0xa4, 0xa5, true, flags::arithmetic},
    {0xa8, 0xa9, true},
    {0xab, 0xab, true, scan},
    {0xac, 0xad, true, flags::arithmetic},
    {0xaf, 0xaf, true, sign | zero | adjust | parity},
    {0xb0, 0xb2, true},
    {0xb3, 0xb3, true, scan},
    {0xb4, 0xb7, true},
    {0xba, 0xbb, true, scan},
    {0xbc, 0xbd, true, scan | carry},
    {0xbe, 0xc1, true},
    {0xc8, 0xcf, true},
};

struct Case {
    std::vector<u8> code;
    CoreState core;
    u16 selectors[segment_count];
    u64 undefined{};
};

u64 code_at(Case const& c) { return u64{c.selectors[1]} * 16 + c.core.rip; }

class Generator {
public:
    explicit Generator(u64 seed) : random_(seed) {}

    u64 below(u64 limit) { return random_() % limit; }
    bool chance(unsigned percent) { return below(100) < percent; }

    Case next() {
        Case c;
        for (unsigned i = 0; i < general_count; ++i)
            c.core.registers.value[i] = static_cast<u32>(chance(60) ? below(0x10000) : random_());
        if (chance(50)) c.core.registers.value[1] = below(40); // counts
        c.core.rip = below(0xff00);
        c.core.rflags = flags::fixed | (random_() & (flags::arithmetic | flags::direction));
        for (u16& selector : c.selectors) selector = static_cast<u16>(below(0x1000));
        auto const& group = opcodes[below(std::size(opcodes))];
        c.undefined = group.undefined;
        constexpr u8 prefixes[] = {0x66, 0x66, 0x66, 0x67, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
        while (chance(35)) c.code.push_back(prefixes[below(std::size(prefixes))]);
        u8 const opcode = static_cast<u8>(group.first + below(group.last - group.first + 1u));
        bool const string = !group.second_map && ((opcode >= 0xa4 && opcode <= 0xa7) ||
                                                  (opcode >= 0xaa && opcode <= 0xaf));
        if (string) c.core.registers.value[1] = below(40);
        if (string && chance(60)) c.code.push_back(chance(50) ? 0xf2 : 0xf3);
        if (group.second_map) c.code.push_back(0x0f);
        c.code.push_back(opcode);
        while (c.code.size() < longest_instruction) c.code.push_back(static_cast<u8>(random_()));
        return c;
    }

private:
    std::mt19937_64 random_;
};

// Unicorn's processor, on memory of its own.
class Unicorn {
public:
    Unicorn() : ram_(static_cast<u8*>(std::aligned_alloc(4096, ram_bytes))) {
        EXPECT_EQ(uc_open(UC_ARCH_X86, UC_MODE_16, &engine_), UC_ERR_OK);
        EXPECT_EQ(uc_mem_map_ptr(engine_, 0, ram_bytes, UC_PROT_ALL, ram_), UC_ERR_OK);
        uc_hook hook;
        EXPECT_EQ(uc_hook_add(engine_, &hook, UC_HOOK_INTR, reinterpret_cast<void*>(on_exception),
                              this, u64{1}, u64{0}),
                  UC_ERR_OK);
        EXPECT_EQ(uc_context_alloc(engine_, &reset_), UC_ERR_OK);
        EXPECT_EQ(uc_context_save(engine_, reset_), UC_ERR_OK);
    }
    ~Unicorn() {
        uc_context_free(reset_);
        uc_close(engine_);
        std::free(ram_);
    }
    Unicorn(Unicorn const&) = delete;
    Unicorn& operator=(Unicorn const&) = delete;

    std::span<u8> ram() const { return {ram_, ram_bytes}; }

    struct Outcome {
        CoreState core;
        u16 selectors[segment_count];
        std::optional<u8> vector;
        bool broken; // Unicorn itself could not go on
    };
    // until: linear address; branches: one instruction is the whole way to it.
    Outcome run(Case const& c, u64 until, bool branches) {
        if (vector_) uc_context_restore(engine_, reset_); // else the next makes a double fault
        vector_.reset();
        for (unsigned i = 0; i < segment_count; ++i) write(segments[i], c.selectors[i]);
        for (unsigned i = 0; i < general_count; ++i)
            write(general[i], static_cast<u32>(c.core.registers.value[i]));
        write(UC_X86_REG_EFLAGS, static_cast<u32>(c.core.rflags));
        u64 const at = code_at(c);
        (void)uc_ctl_remove_cache(engine_, at, at + longest_instruction);
        auto const error = uc_emu_start(engine_, at, until, 0, branches ? 1 : 0);
        Outcome result{.core = {}, .selectors = {}, .vector = vector_, .broken = false};
        if (error == UC_ERR_INSN_INVALID)
            result.vector = vector::invalid_opcode;
        else
            result.broken = error != UC_ERR_OK && !vector_;
        for (unsigned i = 0; i < segment_count; ++i)
            result.selectors[i] = static_cast<u16>(read(segments[i]));
        for (unsigned i = 0; i < general_count; ++i)
            result.core.registers.value[i] = read(general[i]);
        result.core.rflags = read(UC_X86_REG_EFLAGS);
        result.core.rip = read(UC_X86_REG_EIP);
        return result;
    }

private:
    static constexpr int general[] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX,
                                      UC_X86_REG_EBX, UC_X86_REG_ESP, UC_X86_REG_EBP,
                                      UC_X86_REG_ESI, UC_X86_REG_EDI};
    static constexpr int segments[] = {UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS,
                                       UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS};
    void write(int number, u32 value) { uc_reg_write(engine_, number, &value); }
    u32 read(int number) {
        u64 value = 0;
        uc_reg_read(engine_, number, &value);
        return static_cast<u32>(value);
    }
    static void on_exception(uc_engine* engine, u32 number, void* self) {
        static_cast<Unicorn*>(self)->vector_ = static_cast<u8>(number);
        uc_emu_stop(engine);
    }

    uc_engine* engine_{};
    uc_context* reset_{};
    u8* ram_;
    std::optional<u8> vector_;
};

class Comparison {
public:
    explicit Comparison(u64 seed) : processor_(ram_bytes) {
        std::mt19937_64 random(seed);
        for (u64 at = 0; at < ram_bytes; at += 8) processor_.put(at, random());
        std::ranges::copy(processor_.ram, unicorn_.ram().begin());
        processor_.control[0] = cr0::ExtensionType::mask;
    }

    // Empty: the two agree, or cannot be compared.
    std::string run(Case const& c) {
        auto const decoded = decode(c.code, Mode::protected16);
        if (!decoded || differs(*decoded, c.core)) return {};
        prepare(c);
        Result result;
        do result = emulate(processor_);
        while (result.outcome == Outcome::repeat);
        bool const limit = result.outcome == Outcome::raised &&
                           (result.exception.vector == vector::general_protection ||
                            result.exception.vector == vector::stack_fault);
        bool const own_code = !std::equal(c.code.begin(), c.code.begin() + decoded->length,
                                          &processor_.ram.at(code_at(c)));
        if (result.outcome == Outcome::unsupported || limit || own_code) return forget();
        // It stops where the emulator went, so that it translates nothing that lies there.
        u64 const target = result.outcome == Outcome::done
                               ? processor_.state.rip + processor_.segments[1].base
                               : code_at(c) + decoded->length;
        bool const branches = target != code_at(c) + decoded->length;
        if (target == code_at(c)) return forget();
        auto const other = unicorn_.run(c, target, branches);
        if (other.broken) return forget();
        ++compared_;
        bool const raised = result.outcome == Outcome::raised;
        bool same = raised ? other.vector == result.exception.vector : !other.vector;
        if (!raised) same = same && same_state(c, other);
        if (same && same_memory()) return {};
        auto const text = report(c, *decoded, result, other);
        forget();
        return text;
    }
    u64 compared() const { return compared_; }

private:
    // What the manuals leave undefined, or Unicorn 2.0 does not know.
    static bool differs(Instruction const& i, CoreState const& core) {
        bool const double_shift = i.map == OpcodeMap::two_bytes && (i.opcode & 0xf6) == 0xa4;
        u64 const count = (i.opcode & 1) != 0 ? core.registers.value[1] : i.immediate;
        if (double_shift) return i.operand_size == 2 && (count & 0x1f) > 16;
        bool const swap_of_16_bits = i.map == OpcodeMap::two_bytes && i.opcode >= 0xc8 &&
                                     i.opcode <= 0xcf && i.operand_size == 2; // undefined
        bool const second_test =
            i.map == OpcodeMap::one_byte && (i.opcode & 0xfe) == 0xf6 && i.group() == 1;
        // How much of EBP changes: the manual says, the stack's size; processors, the operand's.
        bool const enter_of_32_bits =
            i.map == OpcodeMap::one_byte && i.opcode == 0xc8 && i.operand_size == 4;
        return swap_of_16_bits || second_test || enter_of_32_bits;
    }

    void prepare(Case const& c) {
        processor_.state = c.core;
        for (unsigned i = 0; i < segment_count; ++i)
            processor_.segments[i] = {c.selectors[i], 0x93, 0xffff, u64{c.selectors[i]} * 16};
        u64 const at = code_at(c);
        std::ranges::copy(c.code, &processor_.ram.at(at));
        std::ranges::copy(c.code, &unicorn_.ram()[at]);
    }

    // The emulator's memory counts.
    std::string forget() {
        std::ranges::copy(processor_.ram, unicorn_.ram().begin());
        return {};
    }

    bool same_memory() const {
        return std::memcmp(processor_.ram.data(), unicorn_.ram().data(), ram_bytes) == 0;
    }

    bool same_state(Case const& c, Unicorn::Outcome const& other) const {
        auto const& mine = processor_.state;
        for (unsigned i = 0; i < general_count; ++i)
            if (mine.registers.value[i] != other.core.registers.value[i]) return false;
        for (unsigned i = 0; i < segment_count; ++i)
            if (processor_.segments[i].selector != other.selectors[i]) return false;
        u64 const counts = ~(c.undefined | flags::resume);
        // Behind a branch it shows the linear address.
        u64 const linear = mine.rip + processor_.segments[1].base;
        return ((mine.rflags ^ other.core.rflags) & counts) == 0 &&
               (other.core.rip == mine.rip || other.core.rip == linear);
    }

    std::string report(Case const& c, Instruction const& instruction, Result const& result,
                       Unicorn::Outcome const& other) const {
        auto const hex = [](u64 value) {
            char text[20];
            std::snprintf(text, sizeof text, " %llx", static_cast<unsigned long long>(value));
            return std::string(text);
        };
        std::string text = name_of(instruction);
        text += ":";
        for (unsigned i = 0; i < instruction.length; ++i) text += hex(c.code[i]);
        text += "\nbefore, emulated, Unicorn\n";
        auto const line = [&](char const* name, u64 before, u64 mine, u64 theirs) {
            text +=
                name + hex(before) + hex(mine) + hex(theirs) + (mine != theirs ? "  <--\n" : "\n");
        };
        constexpr char const* names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
        constexpr char const* segments[] = {"es", "cs", "ss", "ds", "fs", "gs"};
        for (unsigned i = 0; i < general_count; ++i)
            line(names[i], c.core.registers.value[i], processor_.state.registers.value[i],
                 other.core.registers.value[i]);
        for (unsigned i = 0; i < segment_count; ++i)
            line(segments[i], c.selectors[i], processor_.segments[i].selector, other.selectors[i]);
        line("eip", c.core.rip, processor_.state.rip, other.core.rip);
        line("eflags", c.core.rflags, processor_.state.rflags, other.core.rflags);
        bool const raised = result.outcome == Outcome::raised;
        text += "exception" + (raised ? hex(result.exception.vector) : " none") +
                (other.vector ? hex(*other.vector) : " none") + "\n";
        return text + (same_memory() ? "" : "memory differs\n");
    }

    TestProcessor processor_;
    Unicorn unicorn_;
    u64 compared_{};
};

TEST(RealModeDifferential, EmulatorAndUnicornAgreeOnRandomInstructions) {
    u64 const cases = from_environment("TESSERA_DIFFERENTIAL_CASES", 5'000);
    u64 const seed = from_environment("TESSERA_DIFFERENTIAL_SEED", 1);
    Comparison comparison(seed);
    Generator generator(seed);
    unsigned differences = 0;
    for (u64 i = 0; i < cases && differences < 20; ++i) {
        auto const text = comparison.run(generator.next());
        if (text.empty()) continue;
        ++differences;
        ADD_FAILURE() << "case " << i << " of seed " << seed << "\n" << text;
    }
    EXPECT_GT(comparison.compared(), cases / 2);
    std::printf("%llu of %llu compared\n", static_cast<unsigned long long>(comparison.compared()),
                static_cast<unsigned long long>(cases));
}

} // namespace
} // namespace x86
