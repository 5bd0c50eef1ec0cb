// SPDX-License-Identifier: Apache-2.0
// `tessera bench`: which measurements there are.
#include "tool/bench.hpp"

#include <fmt/format.h>

#include "tool/commands.hpp"
#include "tool/tree.hpp"

namespace {

constexpr MachineOptions counting{.cpu = CpuModel::amd, .memory = {}, .debug_calls = DebugCalls::all, .instruction_count = true, .debugger = false};

Checked<std::vector<BenchRow>> bench_upcall() {
    return bench_counted(image_of_system(Tree::of_this_program().source / "bench/upcall/upcall.toml", counting));
}
Checked<std::vector<BenchRow>> bench_boot() { return ::bench_boot(3); }

struct Bench {
    std::string_view name;
    Checked<std::vector<BenchRow>> (*measure)();
    Checked<void> (*draw)(std::vector<BenchRow> const& rows, std::filesystem::path const& folder) = nullptr;
};
constexpr Bench benches[] = {{"boot", bench_boot}, {"engines", bench_engines}, {"growth", bench_growth, draw_growth}, {"kernel", bench_kernel}, {"time", bench_time}, {"translate", bench_translate}, {"upcall", bench_upcall}};

} // namespace

Checked<int> bench(std::optional<std::string> const& name, BenchOptions const& options) {
    std::vector<BenchRow> rows;
    bool known = false;
    for (auto const& bench : benches) {
        if (name && *name != bench.name) continue;
        known = true;
        if (name && options.plots && bench.draw == nullptr)
            return fail(Problem({"bench", 0, *name}, {"has no picture", "leave --plot away, or draw growth"}));
        auto const more = TRY(bench.measure());
        rows.insert(rows.end(), more.begin(), more.end());
        if (options.plots && bench.draw != nullptr) TRY(bench.draw(more, *options.plots));
    }
    if (!known) {
        return fail(Problem({"bench", 0, ""}, {fmt::format("there is no measurement \"{}\"", *name), "choose one of: boot, engines, growth, kernel, time, translate, upcall"}));
    }
    fmt::print("{}", options.json ? rows_as_json(rows) : rows_as_text(rows));
    if (!options.at_most_peer) return 0;
    auto const above = above_peers(rows);
    if (above.empty()) return 0;
    return fail(Problem({"bench", 0, above.front()}, {fmt::format("is above its peer, and so are {} others", above.size() - 1), "see the ratios"}));
}
