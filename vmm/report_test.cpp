// SPDX-License-Identifier: Apache-2.0
#include "vmm/report.hpp"

#include "base/gtest.hpp"

namespace vmm {
namespace {

TEST(Report, AGuestThatDidNothingHasNoCauses) {
    Report const report{.milliseconds = 7, .mark = {}, .exits = {}, .engine = {}};
    EXPECT_EQ(report.text(), "0.007 s: 0 exits");
    EXPECT_EQ(report.json(),
              "{\"seconds\": 0.007, \"mark\": null, \"exits\": {\"total\": 0}, \"guest_page_table_switches\": 0, "
              "\"real_page_table_switches\": 0, \"shadow_entries\": 0, \"emulated_writes\": 0, \"evictions\": 0, "
              "\"injected_interrupts\": 0, \"injected_exceptions\": 0, \"patches\": 0, \"thread_stops\": 0, "
              "\"translated_blocks\": 0, \"translated_bytes\": 0, \"chained_jumps\": 0, "
              "\"cache_misses\": 0, \"cache_hits\": 0, \"emulated_instructions\": 0, "
              "\"invalidated_blocks\": 0, "
              "\"cache_evictions\": 0}");
}

TEST(Report, NamesEachCauseOnceAndWhatTheEngineDid) {
    ExitCounts exits;
    exits.add(exits::Cpuid{});
    exits.add(exits::Halt{});
    exits.add(exits::Halt{});
    EngineCounters engine;
    engine.count(InternalExit::shadow_fill);
    engine.guest_page_table_switches = 4;
    engine.patches = 9;
    Report const report{.milliseconds = 12345, .mark = 3, .exits = exits, .engine = engine};
    EXPECT_EQ(report.total(), 4u);
    EXPECT_EQ(report.text(), "12.345 s: mark 3: 4 exits: cpuid 1, hlt 2, shadow fills 1; "
                             "4 guest page-table switches, 9 patches");
    EXPECT_NE(report.json().find("\"mark\": 3, \"exits\": {\"total\": 4, \"cpuid\": 1, \"hlt\": 2, "
                                 "\"shadow fills\": 1}"),
              std::string::npos);
}

} // namespace
} // namespace vmm
