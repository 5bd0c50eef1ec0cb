// SPDX-License-Identifier: Apache-2.0
// Our figures beside those that were recorded on the original kernel (original.csv), and `tessera bench kernel`.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>

#include "tool/bench.hpp"
#include "tool/file.hpp"
#include "tool/tree.hpp"

Checked<RecordedFigures> read_recorded(std::filesystem::path const& path) {
    Place place{path.string(), 0, ""};
    auto const bytes = TRY(read_file(path, place));
    std::string_view text(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    RecordedFigures figures;
    while (!text.empty()) {
        ++place.line;
        auto const line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.empty() || line.starts_with('#')) continue;
        auto const comma = line.find(',');
        auto const number = comma == line.npos ? std::string_view() : line.substr(comma + 1);
        double value{};
        auto const [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
        if (error != std::errc{} || end != number.data() + number.size() || value <= 0)
            return fail(Problem(place, {fmt::format("\"{}\" is no figure", line), "write NAME,INSTRUCTIONS"}));
        figures.emplace_back(line.substr(0, comma), value);
    }
    return figures;
}

Checked<std::vector<BenchRow>> beside_recorded(std::vector<BenchRow> const& measured, RecordedFigures const& recorded) {
    std::vector<BenchRow> rows;
    for (auto const& [name, figure] : recorded) {
        auto const row = std::ranges::find(measured, name, &BenchRow::name);
        if (row == measured.end()) return fail(Problem({"bench", 0, name}, {"was recorded but not measured", "measure it too"}));
        rows.push_back({name, row->value, row->unit, "original", figure});
    }
    for (auto const& row : measured) {
        if (std::ranges::find(recorded, row.name, &RecordedFigures::value_type::first) == recorded.end())
            return fail(Problem({"bench", 0, row.name}, {"was measured but not recorded", "name it as in original.csv"}));
    }
    return rows;
}

std::vector<BenchRow> summary_of(std::vector<BenchRow> const& rows, std::string const& prefix) {
    double above = 0, logarithms = 0;
    for (auto const& row : rows) {
        above += row.value > row.peer_value ? 1 : 0;
        logarithms += std::log(row.value / row.peer_value);
    }
    return {{prefix + "lines_above_original", above, "lines", "", 0},
            {prefix + "geometric_mean", std::exp(logarithms / static_cast<double>(rows.size())), "ratio", "", 0}};
}

Checked<std::vector<BenchRow>> bench_kernel() {
    auto const tree = Tree::of_this_program();
    auto const recorded = TRY(read_recorded(tree.source / "bench/kernel/original.csv"));
    auto const measured = TRY(bench_counted(image_of_root_task(tree.program("bench/kernel/bench_kernel"), machine_of_original)));
    auto rows = TRY(beside_recorded(measured, recorded));
    auto const summary = summary_of(rows, "kernel.");
    rows.insert(rows.end(), summary.begin(), summary.end());
    return rows;
}
