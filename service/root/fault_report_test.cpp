// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/fault_report.hpp"

#include <initializer_list>
#include <string>

namespace {
std::string fault(u64 label, std::initializer_list<u64> words) {
    return std::string(view(describe_fault(label, {words.begin(), words.size()})));
}
std::string exception(std::initializer_list<u64> words) {
    return std::string(view(describe_exception({words.begin(), words.size()})));
}
} // namespace

TEST(FaultReport, SaysWhichAccessOfAPageFailed) {
    EXPECT_EQ(fault(5, {0x401136, 0, 0, 6}), "page fault: write to 0x0 at rip 0x401136");
    EXPECT_EQ(fault(5, {0x401136, 0x1000, 0, 4}), "page fault: read from 0x1000 at rip 0x401136");
    EXPECT_EQ(fault(5, {0x1000, 0x1000, 1, 0x14}), "page fault: execute at 0x1000 at rip 0x1000");
    EXPECT_EQ(fault(5, {0x1000, 0x1000, 0, 4}), "page fault: execute at 0x1000 at rip 0x1000");
}

TEST(FaultReport, NamesExceptionsAndSystemCalls) {
    EXPECT_EQ(fault(3, {0x400000, 0, 0, 6, 0}), "invalid instruction at rip 0x400000");
    EXPECT_EQ(fault(3, {0x400000, 0, 0, 13, 0x18}),
              "general protection: error code 0x18 at rip 0x400000");
    EXPECT_EQ(fault(3, {0x400000, 0, 0, 99, 0}), "exception 99 at rip 0x400000");
    EXPECT_EQ(fault(2, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x400010, 0, 0, 60}),
              "unknown system call 60 at rip 0x400010");
    EXPECT_EQ(fault(2, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x400010, 0, 0, ~u64{0}}),
              "unknown system call -1 at rip 0x400010");
    EXPECT_EQ(fault(1, {0x400000, 0x99, 1, 2, 51}), "capability fault: receive from 0x99 (the slot "
                                                    "is empty or of another kind) at rip 0x400000");
}

TEST(FaultReport, ReadsTheLibraryOsOwnReport) {
    EXPECT_EQ(exception({0, 14, 6, 0, 0x401136}), "page fault: write to 0x0 at rip 0x401136");
    EXPECT_EQ(exception({2, 0, 0, 0, 0x401136}), "divide error at rip 0x401136");
}

TEST(FaultReport, NeedsNoWordsAndNoKnownLabel) {
    EXPECT_EQ(fault(5, {}), "page fault: execute at 0x0 at rip 0x0");
    EXPECT_EQ(fault(99, {1, 2, 3}), "unknown fault 99 at rip 0x1");
    EXPECT_EQ(exception({}), "divide error at rip 0x0");
    EXPECT_EQ(fault(1, {1, 2, 0, 77}), "capability fault: send to 0x2 (unknown reason) at rip 0x1");
}
