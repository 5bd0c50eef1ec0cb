// SPDX-License-Identifier: Apache-2.0
// `tessera bench kernel`: our figures beside those that were recorded on the original kernel (bench/kernel/original.csv).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>

#include "tool/bench.hpp"
#include "tool/file.hpp"
#include "tool/tree.hpp"

namespace {

Checked<RecordedFigures> figures_in(std::filesystem::path const& path) {
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

} // namespace

Checked<std::vector<BenchRow>> beside_recorded(std::vector<BenchRow> const& measured, RecordedFigures const& recorded) {
    std::vector<BenchRow> rows;
    double above = 0, logarithms = 0;
    for (auto const& [name, figure] : recorded) {
        auto const row = std::ranges::find(measured, name, &BenchRow::name);
        if (row == measured.end()) return fail(Problem({"bench kernel", 0, name}, {"was not measured", "measure it in bench/kernel"}));
        rows.push_back({name, row->value, row->unit, "original", figure});
        above += row->value > figure ? 1 : 0;
        logarithms += std::log(row->value / figure);
    }
    for (auto const& row : measured) {
        if (std::ranges::find(recorded, row.name, &RecordedFigures::value_type::first) == recorded.end())
            return fail(Problem({"bench kernel", 0, row.name}, {"is not in bench/kernel/original.csv", "name it as there"}));
    }
    rows.push_back({"kernel.lines_above_original", above, "lines", "", 0});
    rows.push_back({"kernel.geometric_mean", std::exp(logarithms / static_cast<double>(recorded.size())), "ratio", "", 0});
    return rows;
}

Checked<std::vector<BenchRow>> bench_kernel() {
    auto const tree = Tree::of_this_program();
    auto const recorded = TRY(figures_in(tree.source / "bench/kernel/original.csv"));
    // The machine on which the original was measured, and its profile.
    constexpr MachineOptions same_machine{.cpu = CpuModel::plain, .memory = {}, .debug_calls = DebugCalls::none, .instruction_count = true, .debugger = false};
    auto const rows = TRY(bench_counted(image_of_root_task(tree.program("bench/kernel/bench_kernel"), same_machine)));
    return beside_recorded(rows, recorded);
}
