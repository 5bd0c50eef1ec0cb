// SPDX-License-Identifier: Apache-2.0
// Random instructions, run by the emulator and by the processor of this machine: registers, defined
// flags, memory and exceptions must agree. TESSERA_DIFFERENTIAL_CASES and TESSERA_DIFFERENTIAL_SEED
// choose how many and which.
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

#include "base/gtest.hpp"
#include "x86/emulate/arithmetic.hpp"
#include "x86/emulate/differential/generator.hpp"
#include "x86/emulate/differential/native.hpp"
#include "x86/emulate/test_processor.hpp"

namespace x86 {
namespace {

constexpr u64 memory_bytes = arena::end - arena::at;

u64 from_environment(char const* name, u64 otherwise) {
    char const* const text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

// The same arena twice: as memory of this process, and as the emulated processor's.
class Arena {
public:
    explicit Arena(u64 seed) : processor_(memory_bytes, arena::at) {
        void* const wanted = reinterpret_cast<void*>(arena::at);
        void* const got = mmap(wanted, memory_bytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        EXPECT_EQ(got, wanted);
        std::mt19937_64 random(seed);
        for (u64 at = arena::writable; at < arena::guard; at += 8) put(at, random());
        protect(arena::at, PROT_NONE, TestProcessor::Rights::none);
        protect(arena::read_only, PROT_READ, TestProcessor::Rights::read_only);
        protect(arena::guard, PROT_NONE, TestProcessor::Rights::none);
        protect(arena::guard + arena::page, PROT_NONE, TestProcessor::Rights::none);
        processor_.use_long_mode();
        for (auto const name : {SegmentName::es, SegmentName::cs, SegmentName::ss, SegmentName::ds,
                                SegmentName::fs, SegmentName::gs})
            processor_.segments[TestProcessor::index(name)].selector = native::selector(name);
        processor_.segments[TestProcessor::index(SegmentName::fs)].base = native::fs_base();
        map_code();
    }
    ~Arena() {
        munmap(reinterpret_cast<void*>(arena::at), memory_bytes);
        munmap(code_, arena::page);
    }
    Arena(Arena const&) = delete;
    Arena& operator=(Arena const&) = delete;

    TestProcessor& processor() { return processor_; }
    void put(u64 at, u64 value) {
        processor_.put(at, value);
        std::memcpy(reinterpret_cast<void*>(at), &value, sizeof value);
    }
    // The code, with a way out behind it and at the branch target. Neither touches registers or
    // flags.
    void put_code(std::vector<u8> const& code) {
        std::memcpy(code_, code.data(), code.size());
        jump_out(code_ + code.size());
        jump_out(code_ + code.size() + branch_distance);
        std::memcpy(&processor_.ram[arena::code - arena::at], code_, 128);
    }
    bool same_memory() const {
        u64 const offset = arena::writable - arena::at;
        return std::memcmp(&processor_.ram[offset], reinterpret_cast<void*>(arena::writable),
                           2 * arena::page) == 0;
    }
    void copy_memory_to_emulator() {
        std::memcpy(&processor_.ram[arena::writable - arena::at],
                    reinterpret_cast<void*>(arena::writable), 2 * arena::page);
    }

private:
    void protect(u64 at, int native, TestProcessor::Rights rights) {
        mprotect(reinterpret_cast<void*>(at), arena::page, native);
        processor_.pages[at / arena::page] = rights;
    }
    // Twice, so that the tested instruction finds no way to write it: here writable, there not.
    void map_code() {
        int const file = memfd_create("code", 0);
        EXPECT_EQ(ftruncate(file, arena::page), 0);
        void* const writable =
            mmap(nullptr, arena::page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        void* const wanted = reinterpret_cast<void*>(arena::code);
        EXPECT_EQ(mmap(wanted, arena::page, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0),
                  wanted);
        close(file);
        code_ = static_cast<u8*>(writable);
        processor_.pages[arena::code / arena::page] = TestProcessor::Rights::read_only;
    }
    void jump_out(u8* to) { // jmp *0(%rip), with the address behind it
        u8 const jump[] = {0xff, 0x25, 0, 0, 0, 0};
        std::memcpy(to, jump, sizeof jump);
        std::memcpy(to + sizeof jump, &exit_, sizeof exit_);
    }
    TestProcessor processor_;
    u8* code_{};
    u64 exit_{native::exit_address()};
};

std::string hex(u64 value) {
    char text[20];
    std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(value));
    return text;
}

std::string describe(std::optional<Exception> const& e) {
    if (!e) return "none";
    return std::to_string(e->vector) + " code " + (e->error_code ? hex(*e->error_code) : "-") +
           " at " + hex(e->address);
}

bool same(std::optional<Exception> const& emulated, std::optional<Exception> const& native) {
    if (emulated.has_value() != native.has_value()) return false;
    if (!emulated) return true;
    // Whether a page of the system is present is none of our business.
    bool const system = native->vector == vector::page_fault && native->address >> 63 != 0;
    auto const code = [&](Exception const& e) {
        return system ? e.error_code.value_or(0) | 1 : e.error_code.value_or(0);
    };
    return emulated->vector == native->vector && emulated->address == native->address &&
           code(*emulated) == code(*native);
}

std::string report(RandomCase const& test, CoreState const& emulated,
                   std::optional<Exception> const& raised, native::Outcome const& native) {
    static constexpr char const* names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                            "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    std::string text = "code";
    for (u8 const byte : test.code) text += " " + hex(byte);
    text += "\nregister: before, emulated, native\n";
    for (unsigned i = 0; i < 16; ++i)
        text += std::string(names[i]) + " " + hex(test.core.registers.value[i]) + " " +
                hex(emulated.registers.value[i]) + " " + hex(native.core.registers.value[i]) +
                (emulated.registers.value[i] != native.core.registers.value[i] ? "  <--\n" : "\n");
    text += "rflags " + hex(test.core.rflags) + " " + hex(emulated.rflags) + " " +
            hex(native.core.rflags) + " undefined " + hex(test.undefined_flags) + "\n";
    return text + "exception: emulated " + describe(raised) + ", native " +
           describe(native.exception) + "\n";
}

// Empty: the two agree.
std::string compare(Arena& arena, RandomCase const& test) {
    arena.put_code(test.code);
    for (auto const& [at, value] : test.memory) arena.put(at, value);
    auto const native = native::run(test.core);
    auto& processor = arena.processor();
    processor.state = test.core;
    Result result;
    do result = emulate(processor);
    while (result.outcome == Outcome::repeat);
    std::optional<Exception> raised;
    if (result.outcome == Outcome::raised) raised = result.exception;
    CoreState const& emulated = processor.state;
    if (result.outcome != Outcome::done && !raised)
        return std::string("not done: ") + (result.why ? result.why : "?") + "\n" +
               report(test, emulated, raised, native);

    bool const same_registers =
        std::memcmp(&emulated.registers, &native.core.registers, sizeof emulated.registers) == 0;
    u64 const compared = ~(test.undefined_flags | flags::resume);
    bool const same_flags = ((emulated.rflags ^ native.core.rflags) & compared) == 0;
    u64 const behind = arena::code + test.code.size();
    bool const same_rip = raised ? emulated.rip == native.core.rip
                                 : emulated.rip == behind ||
                                       (test.branches && emulated.rip == behind + branch_distance);
    bool const same_memory = arena.same_memory();
    if (same_registers && same_flags && same_rip && same_memory && same(raised, native.exception))
        return {};
    if (!same_memory) arena.copy_memory_to_emulator();
    return report(test, emulated, raised, native) + (same_memory ? "" : "memory differs\n") +
           (same_rip ? "" : "rip differs\n");
}

TEST(Differential, EmulatorAndProcessorAgreeOnRandomInstructions) {
    u64 const cases = from_environment("TESSERA_DIFFERENTIAL_CASES", 100'000);
    u64 const seed = from_environment("TESSERA_DIFFERENTIAL_SEED", 1);
    native::prepare();
    Arena arena(seed);
    arena.processor().use_level(3);
    Generator generator(seed, native::fs_base());
    unsigned differences = 0;
    for (u64 i = 0; i < cases && differences < 20; ++i) {
        auto const text = compare(arena, generator.next());
        if (text.empty()) continue;
        ++differences;
        ADD_FAILURE() << "case " << i << " of seed " << seed << "\n" << text;
    }
}

} // namespace
} // namespace x86
