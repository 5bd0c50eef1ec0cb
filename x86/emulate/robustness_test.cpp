// SPDX-License-Identifier: Apache-2.0
// A guest chooses instructions, registers and tables: whatever they are, the emulator stays inside
// its arrays (the sanitizers watch) and an exception leaves the processor as it was.
#include <random>

#include "base/gtest.hpp"
#include "x86/emulate/test_processor.hpp"

namespace x86 {
namespace {

class RandomProcessor : public TestProcessor {
public:
    explicit RandomProcessor(std::mt19937_64& random) : TestProcessor(ram_bytes), random_(random) {
        for (u64 at = 0; at < ram.size(); at += 8) put(at, number());
        for (u64 n = 0; n < ram_bytes / page; ++n)
            if (chance(10)) pages[n] = static_cast<Rights>(random_() % 4);
    }
    // Everything that an instruction could look at, new.
    void shuffle() {
        for (u64& value : state.registers.value) value = number();
        state.rip = random_() % (ram_bytes - 16);
        state.rflags = (random_() & 0x3f7fd5) | 2;
        if (chance(95)) state.rflags &= ~u64{1 << 17};
        efer_value = chance(50) ? 0x501 : 0;
        control[0] = chance(97) ? 0x80050031 : 0x10;
        control[4] = random_() & 0x3fffff;
        for (auto& segment : segments) segment = random_segment();
        if (chance(80))
            segments[1] = flat(static_cast<u16>(random_()), 0x809b | (random_() & 0x6060));
        gdt = {random_() % ram_bytes, static_cast<u16>(random_())};
        idt = {random_() % ram_bytes, static_cast<u16>(random_())};
        for (u32 const number : {0x174u, 0x175u, 0x176u}) msrs[number] = random_();
        for (unsigned i = 0; i < 24; ++i) put(state.rip / 8 * 8 + 8 * (i % 3), random_());
    }

private:
    static constexpr u64 ram_bytes = 0x10000;
    bool chance(unsigned percent) { return random_() % 100 < percent; }
    u64 number() {
        switch (random_() % 3) {
        case 0: return random_() % ram_bytes;
        case 1: return random_() >> random_() % 64;
        default: return random_();
        }
    }
    Segment random_segment() {
        Segment segment{static_cast<u16>(random_()), static_cast<u32>(random_() & 0x1f0ff),
                        static_cast<u32>(number()), 0};
        if (chance(70)) segment = flat(static_cast<u16>(random_()), 0xc093 | (random_() & 0x60));
        if (chance(20)) segment.base = number();
        return segment;
    }
    std::mt19937_64& random_;
};

bool same(Segment const& a, Segment const& b) {
    return a.selector == b.selector && a.access_rights == b.access_rights && a.limit == b.limit &&
           a.base == b.base;
}

bool same_segments(TestProcessor const& a, std::array<Segment, 8> const& b) {
    return std::equal(b.begin(), b.end(), a.segments.begin(), same);
}

constexpr u64 cases = 100'000;

TEST(Robustness, AnyBytesAndAnyState) {
    std::mt19937_64 random(3); // NOLINT: the same every time
    RandomProcessor processor(random);
    std::array<u64, 7> outcomes{};
    for (u64 i = 0; i < cases; ++i) {
        processor.shuffle();
        auto const core = processor.state;
        auto const segments = processor.segments;
        auto const result = emulate(processor);
        ++outcomes[static_cast<std::size_t>(result.outcome)];
        bool const changed =
            std::memcmp(&core.registers, &processor.state.registers, sizeof core.registers) != 0;
        if (result.outcome == Outcome::unsupported) {
            ASSERT_NE(result.why, nullptr);
            ASSERT_FALSE(changed);
        }
        if (result.outcome == Outcome::raised && result.exception.vector != vector::debug) {
            ASSERT_LT(result.exception.vector, 32);
            ASSERT_EQ(processor.state.rip, core.rip);
            ASSERT_TRUE(same_segments(processor, segments));
        }
    }
    EXPECT_GT(outcomes[static_cast<std::size_t>(Outcome::done)], cases / 10);
    EXPECT_GT(outcomes[static_cast<std::size_t>(Outcome::raised)], cases / 10);
    EXPECT_GT(outcomes[static_cast<std::size_t>(Outcome::unsupported)], cases / 100);
}

TEST(Robustness, AnyTablesForEvents) {
    std::mt19937_64 random(4); // NOLINT: the same every time
    RandomProcessor processor(random);
    u64 delivered = 0, shutdowns = 0;
    for (u64 i = 0; i < cases; ++i) {
        processor.shuffle();
        Exception event{.vector = static_cast<u8>(random()), .error_code = {}};
        if (random() % 2 == 0) event.error_code = static_cast<u32>(random());
        auto const kind = static_cast<EventKind>(random() % 3);
        auto const core = processor.state;
        auto const result = deliver(processor, kind, event);
        delivered += result.outcome == Outcome::done;
        shutdowns += result.outcome == Outcome::triple_fault;
        if (result.outcome != Outcome::done) {
            ASSERT_EQ(processor.state.rip, core.rip);
        }
    }
    EXPECT_GT(delivered, 0u);
    EXPECT_GT(shutdowns, 0u);
}

} // namespace
} // namespace x86
