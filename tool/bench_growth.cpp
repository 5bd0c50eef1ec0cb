// SPDX-License-Identifier: Apache-2.0
// `tessera bench growth`: how costs grow with the number of things there are, as rows `growth.WHAT.OF.N`, and as plots.
#include <charconv>
#include <fmt/format.h>

#include "tool/bench.hpp"
#include "tool/file.hpp"
#include "tool/plot.hpp"
#include "tool/tree.hpp"

namespace {

struct GrowthLine {
    char const* rows; // all of their names but the number
    char const* name;
};
struct GrowthPlot {
    char const* file;
    char const* title;
    char const* x_label;
    Plot::Scale scale;
    std::vector<GrowthLine> lines;
};

std::vector<GrowthPlot> growth_plots() {
    using enum Plot::Scale;
    return {{"deleting.svg", "Revoke and delete", "capabilities deleted with it", logarithmic,
             {{"growth.revoke.children.", "Revoke"}, {"growth.delete_cnode.capabilities.", "Delete a CNode"}}},
            {"lookup-slots.svg", "Poll by the number of slots", "slots of the CNode", logarithmic, {{"growth.lookup.slots.", "Poll"}}},
            {"lookup-levels.svg", "Poll by the levels of the capability space", "CNodes on the way", linear, {{"growth.lookup.levels.", "Poll"}}},
            {"threads-ready.svg", "While other threads are ready", "other threads, at lower priorities", logarithmic,
             {{"growth.call.ready.", "Call and reply"}, {"growth.signal.ready.", "Signal to a waiter"}, {"growth.yield.ready.", "Yield"}}},
            {"threads-blocked.svg", "While other threads are blocked", "other threads, waiting at an endpoint", logarithmic,
             {{"growth.call.blocked.", "Call and reply"}, {"growth.signal.blocked.", "Signal to a waiter"}, {"growth.yield.blocked.", "Yield"}}}};
}

Plot plot_of(GrowthPlot const& wanted, std::vector<BenchRow> const& rows) {
    Plot plot{.title = wanted.title, .x_label = wanted.x_label, .y_label = "instructions", .scale = wanted.scale, .lines = {}};
    unsigned color = 0;
    for (auto const& line : wanted.lines) {
        Plot::Line ours{.name = line.name, .color = color, .dashed = false, .points = {}};
        Plot::Line original{.name = fmt::format("{}: original", line.name), .color = color, .dashed = true, .points = {}};
        for (auto const& row : rows) {
            if (!row.name.starts_with(line.rows)) continue;
            auto const number = std::string_view(row.name).substr(std::string_view(line.rows).size());
            double size{};
            std::from_chars(number.data(), number.data() + number.size(), size);
            ours.points.emplace_back(size, row.value);
            original.points.emplace_back(size, row.peer_value);
        }
        plot.lines.push_back(std::move(ours));
        plot.lines.push_back(std::move(original));
        ++color;
    }
    return plot;
}

} // namespace

Checked<std::vector<BenchRow>> bench_growth() {
    auto const tree = Tree::of_this_program();
    auto const recorded = TRY(read_recorded(tree.source / "bench/growth/original.csv"));
    auto const rows = TRY(bench_counted(image_of_root_task(tree.program("bench/growth/bench_growth"), machine_of_original)));
    return beside_recorded(rows, recorded);
}

Checked<void> draw_growth(std::vector<BenchRow> const& rows, std::filesystem::path const& folder) {
    for (auto const& wanted : growth_plots()) TRY(write_file(folder / wanted.file, svg_of(plot_of(wanted, rows))));
    return {};
}
