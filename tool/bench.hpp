// SPDX-License-Identifier: Apache-2.0
// Measurements as rows: each a value and, where there is something to compare with, a peer measured in the same run.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tool/boot_image.hpp"

struct BenchRow {
    std::string name;
    double value{};
    std::string unit;
    std::string peer; // empty: nothing to compare with
    double peer_value{};
};

double median(std::vector<double> values); // of at least one
std::vector<std::string> above_peers(std::vector<BenchRow> const& rows); // names
std::string rows_as_text(std::vector<BenchRow> const& rows);
std::string rows_as_json(std::vector<BenchRow> const& rows); // [{name, value, unit, peer, peer_value, ratio}], null where there is no peer

// Booting a guest on Tessera and on plain QEMU, `runs` times each.
Checked<std::vector<BenchRow>> bench_boot(unsigned runs);

// A boot image that prints rows (bench_counted.cpp), and those rows.
Checked<std::vector<BenchRow>> bench_counted(Checked<BootImage> const& made);
std::vector<BenchRow> parse_rows(std::string_view console);

// What was recorded on the original kernel, in its order: names and instructions.
using RecordedFigures = std::vector<std::pair<std::string, double>>;
// From a file with a line NAME,INSTRUCTIONS for each; lines with # in front are comments.
Checked<RecordedFigures> read_recorded(std::filesystem::path const& file);
// The machine it was recorded on, and its profile.
inline constexpr MachineOptions machine_of_original{
    .cpu = CpuModel::plain, .memory = {}, .debug_calls = DebugCalls::none, .instruction_count = true, .debugger = false};
// The measured rows in the recorded order, each with its recorded figure as its peer. Fails unless the same names were
// measured as recorded.
Checked<std::vector<BenchRow>> beside_recorded(std::vector<BenchRow> const& measured, RecordedFigures const& recorded);
// Of rows with peers: how many are above, and the geometric mean of the ratios.
std::vector<BenchRow> summary_of(std::vector<BenchRow> const& rows, std::string const& prefix);

Checked<std::vector<BenchRow>> bench_engines(); // a guest under every engine
Checked<std::vector<BenchRow>> bench_kernel(); // the kernel's operations beside the original's
Checked<std::vector<BenchRow>> bench_growth(); // the same over the number of things there are
Checked<std::vector<BenchRow>> bench_time();   // the kernel's fast paths beside the long way, in time
Checked<std::vector<BenchRow>> bench_translate(); // 32-bit programs under the binary translator, beside the processor and qemu-i386
// Draws bench_growth's rows, one SVG for each plot. The folder exists.
Checked<void> draw_growth(std::vector<BenchRow> const& rows, std::filesystem::path const& folder);
