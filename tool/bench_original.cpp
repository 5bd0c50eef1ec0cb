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

constexpr char const* original = "original";

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

std::vector<BenchRow> beside_recorded(std::vector<BenchRow> rows, RecordedFigures const& recorded) {
    double above = 0, compared = 0, logarithms = 0;
    for (auto& row : rows) {
        auto const figure = std::ranges::find(recorded, row.name, &RecordedFigures::value_type::first);
        if (figure == recorded.end()) continue;
        row.peer = original;
        row.peer_value = figure->second;
        ++compared;
        above += row.value > row.peer_value ? 1 : 0;
        logarithms += std::log(row.value / row.peer_value);
    }
    rows.push_back({"kernel.compared", compared, "lines", "recorded", static_cast<double>(recorded.size())});
    rows.push_back({"kernel.above_original", above, "lines", "", 0});
    if (compared > 0) rows.push_back({"kernel.geometric_mean", std::exp(logarithms / compared), "ratio", "", 0});
    return rows;
}

Checked<std::vector<BenchRow>> bench_kernel() {
    auto const tree = Tree::of_this_program();
    auto const recorded = TRY(figures_in(tree.source / "bench/kernel/original.csv"));
    // The machine on which the original was measured, and its profile.
    constexpr MachineOptions same_machine{.cpu = CpuModel::plain, .memory = {}, .debug_calls = DebugCalls::none, .instruction_count = true, .debugger = false};
    auto rows = TRY(bench_counted(image_of_root_task(tree.program("bench/kernel/bench_kernel"), same_machine)));
    return beside_recorded(std::move(rows), recorded);
}
