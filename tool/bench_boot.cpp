// SPDX-License-Identifier: Apache-2.0
// `tessera bench boot`: the guest of bench/boot.toml from its start to the marker of its init, on Tessera and, with the same
// kernel, initramfs and command line, on plain QEMU without nesting. Both by turns, so that a busy host is fair to both.
#include <algorithm>
#include <fmt/format.h>
#include <fstream>

#include "tool/bench.hpp"
#include "tool/boot_image.hpp"
#include "tool/guest_run.hpp"
#include "tool/memory_file.hpp"
#include "tool/tree.hpp"

namespace fs = std::filesystem;

namespace {

constexpr char const* marker = "tessera-guest-ready";
constexpr double time_limit = 300; // seconds
constexpr double mebibyte = 1 << 20;

bool is_kernel_source(fs::path const& path) {
    auto const name = path.filename().string();
    auto const extension = path.extension();
    bool const code = extension == ".cpp" || extension == ".hpp" || extension == ".S" || extension == ".h";
    auto const in = [whole = path.string()](char const* folder) { return whole.find(folder) != std::string::npos; };
    bool const host_only = name.ends_with("_test.cpp") || name.starts_with("fake_") || in("/machine/host/") || in("/kernel/testing/") || in("/kernel/fuzz/");
    return code && !host_only;
}

// Lines with code in them: not empty, not comment alone.
double kernel_lines(fs::path const& folder) {
    double lines = 0;
    for (auto const& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file() || !is_kernel_source(entry.path())) continue;
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) {
            auto const first = line.find_first_not_of(" \t");
            if (first != std::string::npos && line.compare(first, 2, "//") != 0) ++lines;
        }
    }
    return lines;
}

} // namespace

Checked<std::vector<BenchRow>> bench_boot(unsigned runs) {
    auto const tree = Tree::of_this_program();
    auto const system = tree.source / "bench/boot.toml";
    auto const manifest = TRY(manifest::Manifest::read(system));
    auto const& vm = manifest.vms.at(0);
    auto const& name = vm.name.value;
    auto const image = TRY(image_of_system(system, {}));
    MemoryFile const module(image.module);
    auto const ours = qemu_command(image.machine, image.kernel, module.path(), ConsoleTo::pipes);

    std::vector<double> tessera, whole, plain;
    GuestReport report;
    for (unsigned run = 1; run <= runs; ++run) {
        auto const nested = TRY(talk(ours, {expect_text(marker), expect_text("{\"seconds\""), expect_text("}\n")}, "Tessera", time_limit));
        auto const found = guest_reports(nested.console, name);
        if (found.empty()) return fail(Problem({"Tessera", 0, ""}, {"the monitor did not report its exits", "see what happens with ./tessera run bench/boot.toml"}));
        report = found.front();
        tessera.push_back(report.seconds);
        whole.push_back(nested.times[0]);
        auto const peer = TRY(talk(plain_command(vm, tree, false), {expect_text(marker)}, "plain QEMU", time_limit));
        plain.push_back(peer.times[0]);
        fmt::print(stderr, "run {} of {}: Tessera {:.2f} s, plain QEMU {:.2f} s\n", run, runs, tessera.back(), plain.back());
    }

    char const* const peer = "plain QEMU TCG, microvm";
    std::vector<BenchRow> rows = {{"boot.guest_start_to_marker", median(tessera), "s", peer, median(plain)},
                                  {"boot.power_on_to_marker", median(whole), "s", peer, median(plain)}};
    rows.push_back({"boot.exits", report.exits["total"], "exits", "", 0});
    for (auto const& [cause, count] : report.exits)
        if (cause != "total") rows.push_back({"boot.exits." + cause, count, "exits", "", 0});
    rows.push_back({"boot.monitor_memory", static_cast<double>(vm.monitor_memory.value) / mebibyte, "MiB", "", 0});
    rows.push_back({"boot.kernel_image", static_cast<double>(fs::file_size(tree.kernel())) / 1024, "KiB", "", 0});
    rows.push_back({"boot.kernel_code", kernel_lines(tree.source / "kernel"), "lines", "", 0});
    return rows;
}
