// SPDX-License-Identifier: Apache-2.0
// The program's memory against a naive model. The kernel is a fake, but memory is real: frames are
// pages of one file that is mapped at the library OS's own addresses, so contents, zeroes and moves
// are seen as a program would see them.
#include "base/gtest.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <optional>
#include <random>

#include "linux/address_space.hpp"
#include "user/fake_kernel.hpp"

namespace libos {
namespace {

class MappedFrames : public user::test::FakeKernel::FrameListener {
public:
    MappedFrames() : file_(memfd_create("frames", 0)) {
        ftruncate(file_, 1 << 28) == 0 ? void() : std::abort();
    }
    ~MappedFrames() override {
        for (auto const& [address, rights] : mapped_)
            munmap(reinterpret_cast<void*>(address), layout::page_size);
        close(file_);
    }
    void made(user::CPtr frame) override {
        char const zeroes[layout::page_size]{};
        if (pwrite(file_, zeroes, sizeof zeroes, offset(frame)) != sizeof zeroes) std::abort();
    }
    void mapped(user::CPtr frame, u64 address, u64 rights) override {
        int const protection = (rights & 2 ? PROT_READ : 0) | (rights & 1 ? PROT_WRITE : 0);
        void* const at = mmap(reinterpret_cast<void*>(address), layout::page_size, protection,
                              MAP_SHARED | MAP_FIXED, file_, offset(frame));
        ASSERT_NE(at, MAP_FAILED);
        mapped_[address] = rights;
    }
    void unmapped(user::CPtr, u64 address) override {
        munmap(reinterpret_cast<void*>(address), layout::page_size);
        mapped_.erase(address);
    }
    // The rights that a page is mapped with; empty when it is not.
    std::optional<u64> rights(u64 address) const {
        auto const found = mapped_.find(address);
        return found == mapped_.end() ? std::nullopt : std::optional(found->second);
    }

private:
    static off_t offset(user::CPtr frame) { return static_cast<off_t>(frame * layout::page_size); }
    int file_;
    std::map<u64, u64> mapped_;
};

constexpr u64 base = layout::anonymous.start, page = layout::page_size;

class AddressSpaceTest : public testing::Test {
protected:
    static constexpr u8 read_write = protection::read | protection::write;

    AddressSpaceTest() {
        kernel.listen(real);
        info.first_free_slot = 64;
        info.end_slot = 8192;
        info.memory_count = 2;
        for (u64 i = 0; i < 2; ++i) {
            info.memory_size_bits[i] = static_cast<u8>(20 - i); // 1.5 MiB
            kernel.add_untyped(protocol::slot::memory + i, 20 - static_cast<unsigned>(i));
        }
        memory = std::make_unique<KernelMemory>(info);
        frames = std::make_unique<FramePool>(*memory);
        space = std::make_unique<AddressSpace>(*memory, *frames);
    }
    static Region region(u64 first_page, u64 pages, u8 protection, bool uncounted = false) {
        return {.start = base + first_page * page,
                .end = base + (first_page + pages) * page,
                .file = 0,
                .file_end = 0,
                .protection = protection,
                .uncounted = uncounted,
                .padding = {}};
    }
    u64& word(u64 number) { return *reinterpret_cast<u64*>(base + number * page + 16); }
    AddressSpace::Touch touch(u64 number, bool write) {
        return space->touch(base + number * page + 16, write);
    }

    MappedFrames real;
    user::test::FakeKernel kernel;
    protocol::ComponentInfo info{};
    std::unique_ptr<KernelMemory> memory;
    std::unique_ptr<FramePool> frames;
    std::unique_ptr<AddressSpace> space;
};

TEST_F(AddressSpaceTest, PagesAppearAtTheFirstTouchAndAreZero) {
    ASSERT_TRUE(space->map(region(0, 10, read_write)));
    EXPECT_FALSE(real.rights(base));
    ASSERT_EQ(touch(0, true), AddressSpace::Touch::ok);
    EXPECT_EQ(word(0), 0u);
    word(0) = 5;
    ASSERT_EQ(touch(0, false), AddressSpace::Touch::ok);
    EXPECT_EQ(word(0), 5u);
    EXPECT_FALSE(real.rights(base + page));
    EXPECT_EQ(touch(10, false), AddressSpace::Touch::forbidden);
}

TEST_F(AddressSpaceTest, MemoryThatWasUsedBeforeIsZeroAgain) {
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(space->map(region(0, 40, read_write)));
        for (u64 i = 0; i < 40; ++i) {
            ASSERT_EQ(touch(i, true), AddressSpace::Touch::ok);
            ASSERT_EQ(word(i), 0u);
            word(i) = i + 1;
        }
        ASSERT_TRUE(space->unmap(base, base + 40 * page));
    }
}

TEST_F(AddressSpaceTest, WritableMemoryIsPromisedUntilThereIsNoMore) {
    u64 mapped = 0;
    while (space->map(region(mapped, 1, read_write))) ++mapped;
    EXPECT_GT(mapped, 250u);
    for (u64 i = 0; i < mapped; ++i) ASSERT_EQ(touch(i, true), AddressSpace::Touch::ok) << i;
    EXPECT_TRUE(space->map(region(10000, 100000, 0))); // addresses alone cost nothing
    EXPECT_FALSE(space->protect(base + 10000 * page, base + 10400 * page, read_write));
    EXPECT_TRUE(space->map(region(200000, 2000, read_write, true))); // a stack is not counted
    ASSERT_TRUE(space->unmap(base, base + mapped * page));
    EXPECT_TRUE(space->protect(base + 10000 * page, base + 10200 * page, read_write));
}

TEST_F(AddressSpaceTest, FileContentsEndInZeroes) {
    std::vector<char> file(page + 100, 'x');
    Region mapped = region(3, 3, protection::read);
    mapped.file = reinterpret_cast<u64>(file.data());
    mapped.file_end = mapped.file + file.size();
    ASSERT_TRUE(space->map(mapped));
    ASSERT_TRUE(space->protect(base + 4 * page, base + 5 * page,
                               protection::execute)); // splits it in three
    for (u64 i = 3; i < 6; ++i) ASSERT_EQ(touch(i, false), AddressSpace::Touch::ok);
    auto const* const bytes = reinterpret_cast<char const*>(base + 3 * page);
    EXPECT_EQ(bytes[page - 1], 'x');
    EXPECT_EQ(bytes[page + 99], 'x');
    EXPECT_EQ(bytes[page + 100], 0);
    EXPECT_EQ(bytes[3 * page - 1], 0);
    EXPECT_EQ(real.rights(base + 3 * page), abi::right::read);
}

TEST_F(AddressSpaceTest, PlacesAreFoundBetweenRegions) {
    EXPECT_EQ(space->find_place(page).value(), base);
    ASSERT_TRUE(space->map(region(0, 4, read_write)));
    ASSERT_TRUE(space->map(region(6, 4, read_write)));
    EXPECT_EQ(space->find_place(2 * page).value(), base + 4 * page);
    EXPECT_EQ(space->find_place(3 * page).value(), base + 10 * page);
    EXPECT_EQ(space->find_place(u64{1} << 40).error().number, ENOMEM);
    EXPECT_FALSE(space->map({.start = 0x200000000000,
                             .end = 0x200000001000,
                             .file = 0,
                             .file_end = 0,
                             .protection = read_write,
                             .uncounted = false,
                             .padding = {}}));
}

// The model: what each page should be.
struct Page {
    u8 protection;
    u64 value;
};

class Model : public AddressSpaceTest {
protected:
    static constexpr u64 pages = 48;
    std::map<u64, Page> model;
    std::mt19937_64 random;

    std::pair<u64, u64> range(u64 below = pages) {
        u64 const start = random() % below;
        return {start, start + 1 + random() % std::min<u64>(below - start, 9)};
    }
    u8 any_protection() {
        return std::array<u8, 4>{0, protection::read, read_write, read_write}[random() % 4];
    }
    bool all_mapped(u64 start, u64 end) const {
        for (u64 i = start; i < end; ++i)
            if (!model.contains(i)) return false;
        return true;
    }

    void map_something() {
        auto const [start, end] = range();
        u8 const protection = any_protection();
        ASSERT_TRUE(space->map(region(start, end - start, protection)));
        for (u64 i = start; i < end; ++i) model[i] = {protection, 0};
    }
    void unmap_something() {
        auto const [start, end] = range();
        ASSERT_TRUE(space->unmap(base + start * page, base + end * page));
        for (u64 i = start; i < end; ++i) model.erase(i);
    }
    void protect_something() {
        auto const [start, end] = range();
        u8 const protection = any_protection();
        ASSERT_EQ(space->protect(base + start * page, base + end * page, protection).has_value(),
                  all_mapped(start, end));
        for (u64 i = start; i < end && all_mapped(start, end); ++i)
            model[i].protection = protection;
    }
    void discard_something() {
        auto const [start, end] = range();
        space->discard(base + start * page, base + end * page);
        for (u64 i = start; i < end; ++i)
            if (model.contains(i)) model[i].value = 0;
    }
    void move_something() { // a part of one region, as mremap does
        auto const [start, end] = range(pages / 2);
        u64 const to = pages / 2 + random() % (pages / 2);
        if (!all_mapped(start, end) ||
            !space->is_free(base + to * page, base + (to + end - start) * page))
            return;
        if (space->find(base + start * page)->end < base + end * page) return;
        ASSERT_TRUE(space->move(base + start * page, base + end * page, base + to * page));
        for (u64 i = start; i < end; ++i) {
            model[to + i - start] = model[i];
            model.erase(i);
        }
    }
    void touch_something() {
        u64 const number = random() % pages;
        bool const write = random() % 2 == 0;
        bool const allowed =
            model.contains(number) && (write ? (model[number].protection & protection::write) != 0
                                             : model[number].protection != 0);
        ASSERT_EQ(touch(number, write),
                  allowed ? AddressSpace::Touch::ok : AddressSpace::Touch::forbidden);
        if (!allowed) return;
        ASSERT_EQ(word(number), model[number].value);
        if (write) word(number) = model[number].value = random();
    }
    void compare() {
        for (u64 i = 0; i < 2 * pages; ++i) {
            Region const* const found = space->find(base + i * page);
            ASSERT_EQ(found != nullptr, model.contains(i)) << i;
            auto const rights = real.rights(base + i * page);
            if (!found) {
                ASSERT_FALSE(rights) << i;
                continue;
            }
            Page const& wanted = model[i];
            ASSERT_EQ(found->protection, wanted.protection) << i;
            // Only memory that was never written has no frame.
            ASSERT_TRUE(rights || wanted.value == 0) << i;
            ASSERT_TRUE(!rights || (*rights & 1) == (wanted.protection & protection::write) >> 1)
                << i;
        }
    }
};

TEST_F(Model, RandomOperationsAgree) {
    for (u64 seed = 1; seed <= 40; ++seed) {
        random.seed(seed);
        for (int step = 0; step < 250; ++step) {
            SCOPED_TRACE(testing::Message() << "seed " << seed << " step " << step);
            switch (random() % 8) {
            case 0: map_something(); break;
            case 1: unmap_something(); break;
            case 2: protect_something(); break;
            case 3: discard_something(); break;
            case 4: move_something(); break;
            default: touch_something();
            }
            if (step % 10 == 0) compare();
            if (HasFatalFailure()) return;
        }
        ASSERT_TRUE(space->unmap(base, base + 2 * pages * page));
        model.clear();
    }
    // Nothing was lost on the way: as much can be promised as at the start, but for the tables that
    // stay.
    u64 mapped = 0;
    while (space->map(region(mapped, 1, read_write))) ++mapped;
    EXPECT_GT(mapped, 250u);
}

} // namespace
} // namespace libos
