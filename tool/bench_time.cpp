// SPDX-License-Identifier: Apache-2.0
// `tessera bench time`: what the kernel's fast paths are worth in time, beside the same kernel without them. Not instructions:
// the emulator's time on this host. No run is like the other, so that each figure is the least of several runs by turns.
#include <algorithm>
#include <cmath>

#include "tool/bench.hpp"
#include "tool/tree.hpp"

namespace {

constexpr unsigned runs = 6; // of both together

} // namespace

Checked<std::vector<BenchRow>> bench_time() {
    auto options = machine_of_original;
    options.instruction_count = false;
    auto image = TRY(image_of_root_task(Tree::of_this_program().program("bench/time/bench_time"), options));
    auto rows = TRY(bench_counted(image));
    for (auto& row : rows) {
        row.peer = "fastpath=off";
        row.peer_value = HUGE_VAL;
    }
    for (unsigned run = 1; run < runs; ++run) {
        image.machine.fast_paths = run % 2 == 0;
        auto const more = TRY(bench_counted(image));
        for (std::size_t i = 0; i < rows.size(); ++i) {
            double& least = image.machine.fast_paths ? rows[i].value : rows[i].peer_value;
            least = std::min(least, more.at(i).value);
        }
    }
    return rows;
}
