// SPDX-License-Identifier: Apache-2.0
// A boot of 32-bit Linux under binary translation, over time: what was translated, what was found in the cache, linked, emulated.
#include <fmt/format.h>

#include "tool/file.hpp"
#include "tool/guest_run.hpp"
#include "tool/lab.hpp"
#include "tool/plot.hpp"

namespace {

constexpr double time_limit = 300; // seconds
constexpr std::size_t most_rows = 12;

struct Figure {
    char const* name; // of the report
    char const* text;
    bool apart{}; // not of the cache
};
constexpr Figure figures[] = {{"translated_blocks", "blocks translated"},
                              {"chained_jumps", "jumps chained"},
                              {"cache_misses", "stops between blocks"},
                              {"cache_hits", "of them, hits in the cache"},
                              {"emulated_instructions", "instructions emulated", true}};

double value(GuestReport const& report, char const* name) {
    auto const found = report.figures.find(name);
    return found == report.figures.end() ? 0 : found->second;
}

} // namespace

Checked<LabTable> lab_translated_boot(std::optional<std::filesystem::path> const& plots) {
    auto const said = TRY(talk(MeasuredGuest{.engine = "translate", .measurements = {}, .reports_lines = true}, {expect_text("tessera-guest-ready")}, time_limit));
    auto const reports = guest_reports(said.console, measured_vm);
    if (reports.empty()) return fail(Problem({"lab", 0, "translate"}, {"the monitor reported nothing", "see what happens with ./tessera run --cpu plain system/translate.toml"}));
    LabTable table{.title = "A boot of 32-bit Linux under binary translation", .columns = {"seconds"}, .rows = {}, .notes = {}};
    Plot plot{.title = table.title, .x_label = "seconds since the start", .y_label = "so far", .scale = Plot::Scale::linear, .lines = {}};
    unsigned color = 0;
    for (auto const& [name, text, apart] : figures) {
        table.columns.emplace_back(text);
        Plot::Line line{.name = text, .color = color++, .dashed = apart, .points = {}};
        for (auto const& report : reports) line.points.emplace_back(report.seconds, value(report, name));
        plot.lines.push_back(std::move(line));
    }
    table.columns.emplace_back("chained share");
    double const each = reports.back().seconds / most_rows; // between two rows
    double next = 0;
    for (auto const& report : reports) {
        if (report.seconds < next && &report != &reports.back()) continue;
        next = report.seconds + each;
        std::vector<LabTable::Cell> row = {report.seconds};
        for (auto const& figure : figures) row.emplace_back(value(report, figure.name));
        double const chained = value(report, "chained_jumps"), stops = value(report, "cache_misses");
        row.emplace_back(chained + stops > 0 ? chained / (chained + stops) : 0);
        table.rows.push_back(std::move(row));
    }
    table.notes = {"all numbers since the start; a jump that is chained never stops again, so the chained share is of the first times: chained / (chained + stops)"};
    if (plots) TRY(write_file(*plots / "translated-boot.svg", svg_of(plot)));
    return table;
}
