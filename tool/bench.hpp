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

// The kernel's operations beside the original kernel's (bench_original.cpp).
Checked<std::vector<BenchRow>> bench_kernel();
// What was recorded, in its order: names and instructions.
using RecordedFigures = std::vector<std::pair<std::string, double>>;
// The measured rows in the recorded order, each with its recorded figure as its peer; at the end rows that sum up: how many
// are above the recorded figure, and the geometric mean of the ratios. Fails unless the same names were measured as recorded.
Checked<std::vector<BenchRow>> beside_recorded(std::vector<BenchRow> const& measured, RecordedFigures const& recorded);

// What a monitor reports when the guest is up: "NAME: 4.321 s: 1234 exits: ports 700, interrupt windows 400".
struct MonitorReport {
    double seconds{}; // since the VM's start
    double exits{};
    std::vector<std::pair<std::string, double>> by_kind;
};
// The first report of that VM on the console; empty when there is none.
std::optional<MonitorReport> parse_report(std::string_view console, std::string_view vm);
