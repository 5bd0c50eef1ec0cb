// SPDX-License-Identifier: Apache-2.0
// Benches that count guest instructions: a system or root task boots with --icount and prints a line for each row,
//   bench NAME VALUE UNIT [PEER PEER_VALUE]
// and at the end "bench: done". The same numbers come out in every run, on any host.
#include <fmt/format.h>
#include <sstream>

#include "tool/bench.hpp"
#include "tool/boot_image.hpp"
#include "tool/console.hpp"
#include "tool/memory_file.hpp"

std::vector<BenchRow> parse_rows(std::string_view console) {
    std::vector<BenchRow> rows;
    std::istringstream lines{std::string(console)};
    for (std::string line; std::getline(lines, line);) {
        auto const bar = line.find("| "); // a component's line carries its name
        std::istringstream words(bar == std::string::npos ? line : line.substr(bar + 2));
        std::string keyword;
        BenchRow row;
        if (!(words >> keyword >> row.name >> row.value >> row.unit) || keyword != "bench") continue;
        if (!(words >> row.peer >> row.peer_value)) row.peer.clear();
        rows.push_back(std::move(row));
    }
    return rows;
}

Checked<std::vector<BenchRow>> bench_counted(Checked<BootImage> const& made) {
    auto const image = TRY(made);
    MemoryFile const module(image.module);
    ScriptedConsole console(qemu_command(image.machine, image.kernel, module.path(), ConsoleTo::pipes),
                            {{ScriptStep::Kind::expect, "bench: done"}}, 300);
    auto const outcome = console.talk([](std::string const&, double) {});
    if (!outcome.empty()) {
        auto const last = console.last_lines(1);
        auto const what = last.empty() ? outcome : fmt::format("{}, after \"{}\"", outcome, last[0]);
        return fail(Problem({"bench", 0, ""}, {what, "see what happens with ./tessera run"}));
    }
    return parse_rows(console.text());
}
