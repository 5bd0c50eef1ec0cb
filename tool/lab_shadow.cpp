// SPDX-License-Identifier: Apache-2.0
// Both policies of shadow page tables on a load that forks, one that switches between programs, and one that maps and unmaps memory.
#include <fmt/format.h>

#include "tool/file.hpp"
#include "tool/guest_run.hpp"
#include "tool/lab.hpp"
#include "tool/plot.hpp"

namespace {

constexpr double time_limit = 600; // seconds

struct Load {
    char const* measurement; // of bench/engines/guest.cpp
    char const* name;
    u32 number;     // in its table: its marks are 2 * number and 2 * number + 1
    double operations;
};
constexpr Load loads[] = {{"fork-wait", "fork and wait", 1, 60}, {"pipe-round-trip", "pipe round trip", 3, 500}, {"map-touch-unmap", "map, touch 16 pages, unmap", 8, 100}};

struct Outcome {
    std::map<std::string, double> ticks, exits; // for one operation, by measurement
};

Checked<Outcome> run_loads(std::string const& engine) {
    fmt::print(stderr, "{} ...\n", engine);
    std::string names;
    for (auto const& load : loads) names += (names.empty() ? "" : " ") + std::string(load.measurement);
    auto const said = TRY(talk(MeasuredGuest{.bits = 64, .engine = engine, .measurements = names}, {expect_text("bench done")}, time_limit));
    Outcome outcome{.ticks = ticks_by_measurement(said.console), .exits = {}};
    double before = 0;
    for (auto const& report : guest_reports(said.console, measured_vm))
        for (auto const& load : loads) {
            if (report.mark == 2 * load.number) before = report.exits.at("total");
            if (report.mark == 2 * load.number + 1) outcome.exits[load.measurement] = (report.exits.at("total") - before) / load.operations;
        }
    return outcome;
}

} // namespace

Checked<LabTable> lab_shadow(std::optional<std::filesystem::path> const& plots) {
    LabTable table{.title = "Shadow page tables, filled on demand or kept in step (64-bit Linux)",
                   .columns = {"load", "nested: exits", "fill: exits", "sync: exits", "fill: time to nested", "sync: time to nested"},
                   .rows = {},
                   .notes = {"exits for one operation; times are ratios within this run"}};
    auto const nested = TRY(run_loads("nested"));
    auto const fill = TRY(run_loads("shadow-fill"));
    auto const sync = TRY(run_loads("shadow-sync"));
    BarChart chart{.title = "Shadow page tables: exits for one operation", .y_label = "exits", .groups = {}, .series = {"nested", "fill", "sync"}};
    for (auto const& load : loads) {
        auto const at = [&](std::map<std::string, double> const& values) {
            auto const found = values.find(load.measurement);
            return found == values.end() ? 0 : found->second;
        };
        table.rows.push_back({std::string(load.name), at(nested.exits), at(fill.exits), at(sync.exits), at(fill.ticks) / at(nested.ticks), at(sync.ticks) / at(nested.ticks)});
        chart.groups.push_back({load.name, {at(nested.exits), at(fill.exits), at(sync.exits)}});
    }
    if (plots) TRY(write_file(*plots / "shadow-exits.svg", svg_of(chart)));
    return table;
}
