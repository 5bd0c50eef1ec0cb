// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/host/memory.hpp"

#include <gtest/gtest.h>

#include "x86/translate/host/signals.hpp"

namespace x86::translate::hosted {
namespace {

// Writes a byte and says whether that faulted.
class Probe : private FaultCatcher {
public:
    bool write_faults(u64 at) {
        FaultScope const scope(*this);
        faulted_ = false;
        asm volatile("movb $1, (%0)" : : "a"(at) : "memory");
        return faulted_;
    }

private:
    bool caught(mcontext_t& registers) override {
        faulted_ = true;
        registers.gregs[REG_RIP] += 3; // over the MOV: C6 00 01
        return true;
    }
    bool faulted_{};
};

constexpr u32 somewhere = 0x00401000;

TEST(HostedMemory, RightsAreThePages) {
    Memory memory;
    EXPECT_FALSE(memory.allows(somewhere, 1, rights::read));
    memory.map(somewhere, 2 * page_bytes, rights::read | rights::write);
    EXPECT_TRUE(memory.allows(somewhere, 2 * page_bytes, rights::write));
    EXPECT_FALSE(memory.allows(somewhere, 2 * page_bytes + 1, rights::write));
    memory.protect(somewhere + page_bytes, page_bytes, rights::read);
    Probe probe;
    EXPECT_FALSE(probe.write_faults(somewhere));
    EXPECT_TRUE(probe.write_faults(somewhere + page_bytes));
    memory.unmap(somewhere, page_bytes);
    EXPECT_TRUE(probe.write_faults(somewhere));
}

TEST(HostedMemory, NothingLiesBehindTheFourGigabytes) {
    Memory memory;
    Probe probe;
    EXPECT_TRUE(probe.write_faults(guest_bytes));
    EXPECT_TRUE(probe.write_faults(2 * guest_bytes - 1));
}

TEST(HostedMemory, AWatchedPageFaultsUntilItIsReleasedAndTellsOfIt) {
    Memory memory;
    memory.map(somewhere, page_bytes, rights::read | rights::write);
    std::vector<u32> changed;
    memory.on_change = [&](u32 page) { changed.push_back(page); };
    memory.watch(somewhere / page_bytes);
    Probe probe;
    EXPECT_TRUE(probe.write_faults(somewhere));
    EXPECT_TRUE(changed.empty());
    memory.release(somewhere / page_bytes);
    EXPECT_FALSE(probe.write_faults(somewhere));
    EXPECT_EQ(changed, std::vector<u32>{somewhere / page_bytes});
    memory.watch(somewhere / page_bytes);
    memory.unmap(somewhere, page_bytes);
    EXPECT_EQ(changed.size(), 2U);
    memory.release_all();
    EXPECT_EQ(changed.size(), 2U);
}

} // namespace
} // namespace x86::translate::hosted
