// SPDX-License-Identifier: Apache-2.0
// The translator without running what it makes: whatever a guest's bytes are, the code stays inside
// its bounds, and links are as they should be.
#include <cstring>
#include <random>
#include <set>

#include "base/gtest.hpp"
#include "x86/translate/code_check.hpp"

namespace x86::translate {
namespace {

constexpr u64 code_address = 0x80'00000000, state_address = code_address - 0x10000,
              stack_address = code_address - 0x8000;
constexpr std::size_t page = 4096;

// Pages of guest memory, from address 0 on, one to one. No byte behind them.
struct Guest : Code {
    explicit Guest(std::size_t pages) : memory(pages * page) {}
    OrException<Page> fetch(u32 linear) override {
        ++fetched;
        if (linear >= memory.size())
            return fail(
                Exception{.vector = vector::page_fault, .error_code = 0x14, .address = linear});
        return Page{.bytes = std::span<u8 const>(memory).subspan(linear, page - linear % page),
                    .number = linear / page};
    }
    void protect(u64 number) override { protected_pages.push_back(number); }
    void put(u32 at, std::vector<u8> const& bytes) {
        std::copy(bytes.begin(), bytes.end(), memory.begin() + at);
    }
    std::vector<u8> memory;
    std::vector<u64> protected_pages;
    unsigned fetched{};
};

struct TranslatorTest : testing::Test {
    void make(Options options = {}, std::size_t bytes = 1 << 20) {
        code.assign(bytes, 0xcc);
        CodeMemory const memory{.bytes = code,
                                .code = code_address,
                                .state = &state,
                                .state_address = state_address,
                                .stack = stack,
                                .stack_address = stack_address};
        translator = std::make_unique<Translator>(memory, options, guest);
    }
    OrException<u64> enter(u32 eip) {
        state.eip = eip;
        state.reason = Reason::missing;
        return translator->enter();
    }
    void expect_sound() {
        auto const wrong = check_all_blocks(*translator);
        EXPECT_FALSE(wrong) << *wrong;
    }
    std::optional<BlockView> block(u32 eip) {
        std::optional<BlockView> found;
        translator->for_each_block([&](BlockView const& view) {
            if (view.eip == eip) found = view;
        });
        return found;
    }
    // Where the first jump or call of the block (opcode E9, E8 or 0F 8x) goes.
    u64 target_of_jump(BlockView const& view, std::size_t offset) {
        std::int32_t distance;
        std::memcpy(&distance, view.code.data() + offset, sizeof distance);
        return view.address + offset + 4 + static_cast<u64>(i64{distance});
    }

    Guest guest{16};
    State state{};
    std::vector<u8> code, stack = std::vector<u8>(page);
    std::unique_ptr<Translator> translator;
};

TEST_F(TranslatorTest, AnEmptyPageGivesTheFetchesException) {
    make();
    auto const entered = enter(0x20000);
    ASSERT_FALSE(entered);
    EXPECT_EQ(entered.error().address, 0x20000u);
    EXPECT_EQ(translator->counters().blocks, 0u);
}

TEST_F(TranslatorTest, AnInstructionAcrossPagesFetchesBoth) {
    make();
    guest.put(0x1ffe, {0xb8, 1, 2, 3, 4, 0xf4}); // mov eax, 04030201h; hlt
    ASSERT_TRUE(enter(0x1ffe));
    EXPECT_EQ(guest.protected_pages, (std::vector<u64>{1, 2}));
    EXPECT_EQ(block(0x1ffe)->guest_bytes, 6u);
    translator->invalidate(2);
    EXPECT_FALSE(block(0x1ffe));
    EXPECT_EQ(translator->counters().invalidated, 1u);
}

TEST_F(TranslatorTest, TheLastInstructionOfMemoryMayNotCross) {
    make();
    guest.put(0xfffe, {0xb8, 1});
    auto const entered = enter(0xfffe);
    ASSERT_FALSE(entered);
    EXPECT_EQ(entered.error().address, 0x10000u);
    EXPECT_FALSE(block(0xfffe));
}

TEST_F(TranslatorTest, TheSharedCodeFits) {
    for (std::size_t const bytes : {std::size_t{64} << 10, std::size_t{8} << 20}) {
        make({}, bytes);
        auto const layout = translator->layout();
        EXPECT_EQ(code[layout.shared - layout.code + layout.shared_bytes - 1], 0xcc); // as it was
        EXPECT_NE(code[layout.shared - layout.code], 0xcc);
    }
}

TEST_F(TranslatorTest, AJumpIsLinkedWhenItsTargetIsThereAndUnlinkedWhenItIsGone) {
    make();
    guest.put(0x1000, {0xe9, 0xfb, 0x0f, 0, 0}); // jmp 2000h
    guest.put(0x2000, {0xf4});
    ASSERT_TRUE(enter(0x1000));
    EXPECT_EQ(translator->counters().chained, 0u);
    auto const from = *block(0x1000);
    std::size_t const jump = from.plain - from.address + 1; // behind E9
    u64 const exit = target_of_jump(from, jump);
    EXPECT_EQ(exit, from.plain + 5); // its own exit
    ASSERT_TRUE(enter(0x2000));
    EXPECT_EQ(translator->counters().chained, 1u);
    EXPECT_EQ(target_of_jump(from, jump), block(0x2000)->plain); // forward: no check
    expect_sound();
    translator->invalidate(2);
    EXPECT_EQ(target_of_jump(from, jump), exit);
    expect_sound();
}

TEST_F(TranslatorTest, ABackwardJumpIsChecked) {
    make();
    guest.put(0x1000, {0x90, 0xeb, 0xfd}); // nop; jmp 1000h
    ASSERT_TRUE(enter(0x1000));
    auto const loop = *block(0x1000);
    EXPECT_EQ(target_of_jump(loop, loop.plain - loop.address + 1), loop.checked);
    expect_sound();
}

TEST_F(TranslatorTest, BlocksAreMadeForTheirMode) {
    make();
    guest.put(0x1000, {0xd9, 0xc0, 0xf4}); // fld st0; hlt
    ASSERT_TRUE(enter(0x1000));
    EXPECT_EQ(block(0x1000)->instructions, 2u);
    translator->set_mode({.fpu = false});
    ASSERT_TRUE(enter(0x1000));
    EXPECT_EQ(translator->counters().blocks, 2u);
    unsigned shortest = 2;
    translator->for_each_block(
        [&](BlockView const& view) { shortest = std::min(shortest, view.instructions); });
    EXPECT_EQ(shortest, 1u);
    translator->set_mode({});
    ASSERT_TRUE(enter(0x1000));
    EXPECT_EQ(translator->counters().blocks, 2u);
}

TEST_F(TranslatorTest, SuccessorsInThePageAreTranslatedAhead) {
    make();
    guest.put(0x1000, {0x74, 0x10, 0xeb, 0x20}); // jz 1012h; jmp 1024h
    guest.put(0x1012, {0xf4});
    guest.put(0x1024, {0xe9, 0xd7, 0x2f, 0, 0}); // jmp 4000h: another page
    ASSERT_TRUE(enter(0x1000));
    EXPECT_TRUE(block(0x1012));
    EXPECT_TRUE(block(0x1024));
    EXPECT_FALSE(block(0x4000));
    EXPECT_EQ(guest.protected_pages, std::vector<u64>{1});
}

TEST_F(TranslatorTest, LinearAddressesAreForgotten) {
    make();
    for (u32 const at : {0x1000u, 0x2000u, 0x5000u}) {
        guest.put(at, {0xf4});
        ASSERT_TRUE(enter(at));
    }
    translator->invalidate_linear(0x1fff, 0x2000);
    EXPECT_FALSE(block(0x1000));
    EXPECT_FALSE(block(0x2000));
    EXPECT_TRUE(block(0x5000));
    translator->invalidate_linear(0, 0xffffffff);
    EXPECT_FALSE(block(0x5000));
}

// All of its linear addresses show one page of RET.
struct OnePage : Code {
    OrException<Page> fetch(u32 linear) override {
        return Page{.bytes = std::span<u8 const>(bytes).subspan(linear % page), .number = 7};
    }
    void protect(u64) override {}
    std::vector<u8> bytes = std::vector<u8>(page, 0xc3);
};

TEST_F(TranslatorTest, SmallBlocksAndEmptyPagesTakeMemoryInProportionToTheCache) {
    constexpr std::size_t size = 1 << 20;
    OnePage aliases;
    code.resize(size);
    for (u32 const distance : {u32{page}, 64u}) {
        Translator all({.bytes = code,
                        .code = code_address,
                        .state = &state,
                        .state_address = state_address,
                        .stack = stack,
                        .stack_address = stack_address},
                       {}, aliases);
        std::size_t most_blocks = 0, most_pages = 0;
        for (u32 i = 0; i < 24'000; ++i) {
            state.eip = i * distance;
            ASSERT_TRUE(all.enter());
            if (i % 1000 != 0) continue;
            std::size_t blocks = 0;
            std::set<u32> pages;
            all.for_each_block([&](BlockView const& view) {
                ++blocks;
                pages.insert(view.linear / page);
            });
            most_blocks = std::max(most_blocks, blocks);
            most_pages = std::max(most_pages, pages.size());
        }
        EXPECT_LE(most_blocks, size / 96);
        EXPECT_LE(most_pages, size / 256 + 1);
        EXPECT_GE(std::max(most_blocks, 2 * most_pages), size / 200); // it was filled
        all.invalidate(7);
        all.for_each_block([](BlockView const& view) { ADD_FAILURE() << view.linear; });
    }
}

TEST_F(TranslatorTest, WhoIsInsideABlockCanStillBeRecoveredAfterAFlush) {
    make();
    guest.put(0x1000, {0x90, 0x8b, 0x03, 0xf4}); // nop; mov eax, [ebx]; hlt
    ASSERT_TRUE(enter(0x1000));
    HostRegisters registers{.general = {1, 2, 3, 4}, .rip = block(0x1000)->plain, .rflags = 0x247};
    u64 const bottom = state.return_stack;
    registers.general[4] = bottom - 8;
    translator->flush();
    EXPECT_FALSE(block(0x1000));
    EXPECT_EQ(translator->recover(registers), Translator::Recovery::guest);
    EXPECT_EQ(state.eip, 0x1001u); // NOP has no code
    EXPECT_EQ(state.general[3], 4u);
    EXPECT_EQ(state.flags, 0x45u);
    EXPECT_EQ(state.reason, Reason::fault);
    EXPECT_EQ(state.return_stack, bottom - 8);
    ASSERT_TRUE(enter(0x2000)); // its calls may not return into what is overwritten now
    EXPECT_EQ(state.return_stack, bottom);
    EXPECT_EQ(
        translator->recover(registers = {.general = {}, .rip = code_address - 1, .rflags = 2}),
        Translator::Recovery::stranger);
}

TEST_F(TranslatorTest, WithoutCacheOnlyTheLastBlockIsThere) {
    make({.cache = false});
    for (u32 const at : {0x1000u, 0x2000u}) {
        guest.put(at, {0xf4});
        ASSERT_TRUE(enter(at));
    }
    EXPECT_FALSE(block(0x1000));
    EXPECT_TRUE(block(0x2000));
}

struct Variant {
    char const* name;
    Options options;
    GuestMode mode;
};

class AnyBytes : public TranslatorTest, public testing::WithParamInterface<Variant> {};

// The smallest code memory, so that regions are emptied all the time.
TEST_P(AnyBytes, GiveCodeThatStaysInBounds) {
    std::mt19937 random(5); // NOLINT: the same every time
    make(GetParam().options, 64 << 10);
    for (auto& segment : state.segments) segment = {0, 0xffff};
    translator->set_mode(GetParam().mode);
    constexpr u8 common[] = {0x89, 0x8b, 0x0f, 0xb6, 0x50, 0x5d, 0xc1, 0x01, 0x85, 0x8d, 0x66,
                             0x64, 0x2e, 0x04, 0x24, 0x44, 0x75, 0xe8, 0xff, 0x9c, 0x88, 0xa4};
    for (unsigned round = 0; round < 8; ++round) {
        for (auto& byte : guest.memory)
            byte = random() % 4 == 0 ? static_cast<u8>(random()) : common[random() % sizeof common];
        translator->flush();
        for (unsigned i = 0; i < 400; ++i) {
            auto const entered = enter(static_cast<u32>(random() % (guest.memory.size() + 8)));
            if (random() % 8 == 0) translator->invalidate(random() % 16);
            if (entered) {
                ASSERT_GE(*entered, code_address);
            }
        }
        expect_sound();
    }
    if (GetParam().options.cache) {
        EXPECT_GT(translator->counters().evictions, 0u);
    }
}

constexpr Variant variants[] = {
    {"Flat", {}, {}},
    {"Level3WithoutFpu", {}, {.cpl = 3, .fpu = false}},
    {"Segments", {}, {.flat = 0}},
    {"OnlyBases", {}, {.flat = 0x0f, .unlimited = 0x30}},
    {"HalfEmulated", {}, {.flat = 0x02, .emulated = 0x31}},
    {"SixteenBits", {}, {.code_size = 2, .stack_size = 2, .flat = 0}},
    {"SixteenBitStack", {}, {.stack_size = 2}},
    {"WithoutChaining", {.chaining = false}, {}},
    {"WithoutRegisters", {.registers = false}, {}},
    {"WithoutLazyFlags", {.lazy_flags = false}, {}},
    {"WithoutReturnStack", {.return_stack = false}, {}},
    {"WithNothing", {false, false, false, false, false}, {.flat = 0}},
};
INSTANTIATE_TEST_SUITE_P(All, AnyBytes, testing::ValuesIn(variants),
                         [](auto const& variant) { return variant.param.name; });

} // namespace
} // namespace x86::translate
