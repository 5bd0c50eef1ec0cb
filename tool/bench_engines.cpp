// SPDX-License-Identifier: Apache-2.0
// `tessera bench engines`: one guest under every engine, in one run. What it costs beside plain QEMU, in host instructions; how
// long it boots; and, for the engines that KVM has a counterpart of, the times beside KVM's, recorded in an emulated machine of
// the same kind (KVM and QEMU in it, on a quiet host), where a time means little but its order does.
#include <chrono>
#include <fmt/format.h>
#include <thread>
#include <x86intrin.h>

#include "tool/bench.hpp"
#include "tool/guest_run.hpp"

namespace {

constexpr double time_limit = 600; // seconds for a guest; under some engines it takes its time

constexpr char const* engines[] = {"nested", "shadow-fill", "shadow-sync", "trap", "translate"}; // for the 32-bit guest
constexpr char const* engines_like_kvm[] = {"nested", "shadow-fill", "shadow-sync"}; // for the 64-bit guest

struct RecordedKvm {
    char const* measurement;
    double nested, shadow; // npt=1, npt=0: microseconds, boot: seconds
};
constexpr RecordedKvm recorded_kvm[] = {
    {"boot", 5.8, 9.1},           {"boot-exits", 4300, 35400}, {"null-system-call", 2.0, 1.3}, {"fork-wait", 3100, 11300},
    {"pipe-round-trip", 371, 615}, {"page-fault", 29, 245},     {"cpuid", 75, 73},
};
constexpr char const* measurements = "null-system-call fork-wait fork-exec-wait pipe-round-trip page-fault port-write cpuid";

RecordedKvm const* find_recorded(std::string_view measurement) {
    for (auto const& row : recorded_kvm)
        if (measurement == row.measurement) return &row;
    return nullptr;
}

// Of the host's time-stamp counter, which QEMU shows to its guests when it does not count instructions.
double ticks_per_microsecond() {
    auto const time = std::chrono::steady_clock::now();
    u64 const ticks = __rdtsc();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    std::chrono::duration<double, std::micro> const passed = std::chrono::steady_clock::now() - time;
    return static_cast<double>(__rdtsc() - ticks) / passed.count();
}

struct Boot {
    double seconds{}, exits{};
};

// From the VM's start (plain QEMU: its own) to the shell.
Checked<Boot> boot(unsigned bits, std::string const& engine) {
    constexpr char const* marker = "tessera-guest-ready";
    MeasuredGuest const guest{.bits = bits, .engine = engine, .measurements = ""};
    fmt::print(stderr, "{}-bit guest, {}: boot", bits, engine);
    std::vector<ScriptStep> steps = {expect_text(marker)};
    if (engine != "plain") steps.insert(steps.end(), {expect_text("{\"seconds\""), expect_text("}\n")});
    auto const said = TRY(talk(guest, steps, time_limit));
    Boot result{.seconds = said.times.at(0)};
    if (engine != "plain") {
        auto const reports = guest_reports(said.console, measured_vm);
        if (reports.empty()) return fail(Problem({"bench", 0, engine}, {"the monitor did not report", "see what happens with ./tessera run"}));
        result = {.seconds = reports.front().seconds, .exits = reports.front().exits.at("total")};
    }
    fmt::print(stderr, " {:.2f} s\n", result.seconds);
    return result;
}

Checked<std::map<std::string, double>> measure(unsigned bits, std::string const& engine, bool instruction_count) {
    fmt::print(stderr, "{}-bit guest, {}: measures itself{}\n", bits, engine, instruction_count ? ", counting instructions" : "");
    auto const said = TRY(talk(MeasuredGuest{bits, engine, measurements, instruction_count}, {expect_text("bench done")}, time_limit));
    return ticks_by_measurement(said.console);
}

void add_rows(std::vector<BenchRow>& rows, std::string const& engine, std::map<std::string, double> const& values, std::map<std::string, double> const& plain,
              double scale, std::string const& unit) {
    for (auto const& [name, value] : values)
        if (auto const peer = plain.find(name); peer != plain.end())
            rows.push_back({fmt::format("engines.{}.{}", engine, name), value / scale, unit, "plain QEMU", peer->second / scale});
}

// Rows for the guest that every engine runs.
Checked<void> compare_engines(std::vector<BenchRow>& rows) {
    auto const plain_boot = TRY(boot(32, "plain"));
    auto const plain_time = TRY(measure(32, "plain", false));
    auto const plain_count = TRY(measure(32, "plain", true));
    double const rate = ticks_per_microsecond();
    rows.push_back({"engines.plain.boot", plain_boot.seconds, "s", "", 0});
    double nested = 0;
    for (std::string const engine : engines) {
        auto const booted = TRY(boot(32, engine));
        if (engine == "nested") nested = booted.seconds;
        rows.push_back({fmt::format("engines.{}.boot", engine), booted.seconds, "s", "nested", nested});
        rows.push_back({fmt::format("engines.{}.boot", engine), booted.seconds, "s", "plain QEMU", plain_boot.seconds});
        rows.push_back({fmt::format("engines.{}.boot-exits", engine), booted.exits, "exits", "", 0});
        add_rows(rows, engine, TRY(measure(32, engine, false)), plain_time, rate, "us");
        add_rows(rows, engine, TRY(measure(32, engine, true)), plain_count, 1, "instructions");
    }
    return {};
}

// Rows beside KVM, with the 64-bit guest.
Checked<void> compare_with_kvm(std::vector<BenchRow>& rows) {
    double const rate = ticks_per_microsecond();
    for (std::string const engine : engines_like_kvm) {
        bool const nested = engine == "nested";
        auto const add = [&](std::string const& name, double value, std::string const& unit) {
            BenchRow row{fmt::format("engines64.{}.{}", engine, name), value, unit, "", 0};
            if (auto const* const kvm = find_recorded(name)) {
                row.peer = nested ? "KVM npt=1, recorded" : "KVM npt=0, recorded";
                row.peer_value = nested ? kvm->nested : kvm->shadow;
            }
            rows.push_back(std::move(row));
        };
        auto const booted = TRY(boot(64, engine));
        add("boot", booted.seconds, "s");
        add("boot-exits", booted.exits, "exits");
        for (auto const& [name, ticks] : TRY(measure(64, engine, false))) add(name, ticks / rate, "us");
    }
    return {};
}

} // namespace

Checked<std::vector<BenchRow>> bench_engines() {
    std::vector<BenchRow> rows;
    TRY(compare_engines(rows));
    TRY(compare_with_kvm(rows));
    return rows;
}
