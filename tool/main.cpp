// SPDX-License-Identifier: Apache-2.0
// The command line. Exit status: 0 done, 1 an error (one line on standard error), 2 wrong usage.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>

#include "tool/commands.hpp"
#include "tool/size.hpp"

namespace {

constexpr int usage_status = 2;

std::string check_size(std::string& text) {
    auto const bytes = parse_size(text);
    if (bytes && *bytes >= (u64{64} << 20) && *bytes <= (u64{3} << 30) && *bytes % (1 << 20) == 0) return "";
    return fmt::format("\"{}\" is no size of a machine; write 64M to 3G, in whole MiB", text);
}

// Options of the emulated machine, the same for every subcommand that has one.
class MachineFlags {
public:
    void add_to(CLI::App& command, bool running) {
        command.add_option("--cpu", cpu_, "processor: amd (SVM with nested paging), intel, plain (no virtualisation)")
            ->transform(CLI::CheckedTransformer(std::map<std::string, CpuModel>{
                {"amd", CpuModel::amd}, {"intel", CpuModel::intel}, {"plain", CpuModel::plain}}))
            ->option_text("amd|intel|plain [amd]");
        command.add_option("--memory", memory_, "RAM of the machine, for example 1G; otherwise as the manifest says, or 1G")
            ->check(CLI::Validator(check_size, "SIZE"));
        if (!running) return;
        command.add_flag("--icount", options_.instruction_count, "count instructions as time: the same run every time");
        command.add_flag("--gdb", options_.debugger, "wait for gdb on port 1234 before the first instruction");
    }
    MachineOptions options() const {
        auto result = options_;
        result.cpu = cpu_;
        if (!memory_.empty()) result.memory = parse_size(memory_);
        return result;
    }

private:
    MachineOptions options_;
    CpuModel cpu_ = CpuModel::amd;
    std::string memory_;
};

// --expect and --send keep the order in which they were written.
std::vector<ScriptStep> script_of(CLI::App const& command, CLI::Option const* expect, CLI::Option const* send) {
    std::vector<ScriptStep> steps;
    std::size_t expects = 0, sends = 0;
    for (auto const* option : command.parse_order()) {
        if (option == expect) steps.push_back({ScriptStep::Kind::expect, expect->results()[expects++]});
        if (option == send) steps.push_back({ScriptStep::Kind::send, send->results()[sends++]});
    }
    return steps;
}

int finish(Checked<int> const& result) {
    if (result) return *result;
    std::fflush(stdout);
    fmt::print(stderr, "{}\n", result.error().text());
    return 1;
}

int run_program(int count, char** arguments) {
    CLI::App app("Tessera: runs code you don't trust next to code you do, on a small capability kernel.", "./tessera");
    app.require_subcommand(1);
    app.footer("./tessera setup only installs what the machine lacks; every other call does so first when needed.");

    RunOptions run_options;
    MachineFlags run_machine;
    auto* run_command = app.add_subcommand("run", "Build a system and boot it in QEMU");
    auto* system = run_command->add_option("SYSTEM", run_options.system, "manifest; otherwise system/linux.toml")->option_text("[SYSTEM.toml]");
    run_command->add_option("--root-task", run_options.root_task, "boot this seL4 root task (ELF64) instead of a manifest")->option_text("FILE")->excludes(system);
    std::vector<std::string> expected, sent;
    auto* expect = run_command->add_option("--expect", expected, "wait for this text on the console (repeatable, in order)")
                       ->option_text("TEXT")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    auto* send = run_command->add_option("--send", sent, "type this line when the --expect before it was seen (repeatable)")
                     ->option_text("TEXT")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->needs(expect);
    run_command->add_option("--timeout", run_options.timeout, "limit for --expect, in seconds")
        ->option_text("SECONDS [300]")->check(CLI::PositiveNumber)->needs(expect);
    run_command->add_option("--log", run_options.log, "write the whole console of an --expect run to this file")->option_text("FILE")->needs(expect);
    run_machine.add_to(*run_command, true);

    BuildOptions build_options;
    MachineFlags build_machine;
    auto* build_command = app.add_subcommand("build", "Write kernel, boot module and the QEMU command that runs them");
    build_command->add_option("SYSTEM", build_options.system, "manifest")->required()->option_text("SYSTEM.toml");
    build_command->add_option("-o,--output", build_options.output, "folder for the files")->required()->option_text("DIR");
    build_machine.add_to(*build_command, true);

    CheckOptions check_options;
    MachineFlags check_machine;
    auto* check_command = app.add_subcommand("check", "Say what is wrong with a manifest, or what every component would get");
    check_command->add_option("SYSTEM", check_options.system, "manifest")->required()->option_text("SYSTEM.toml");
    check_machine.add_to(*check_command, false);

    std::optional<std::string> test_name, bench_name;
    bool json = false;
    auto* test_command = app.add_subcommand("test", "Run every test, or those whose name contains NAME");
    test_command->add_option("NAME", test_name, "part of a test's name")->option_text("[NAME]");
    auto* bench_command = app.add_subcommand("bench", "Measure ratios against peers, all in one run");
    bench_command->add_option("NAME", bench_name, "which one: boot")->option_text("[NAME]");
    bench_command->add_flag("--json", json, "a list of rows {name, value, unit, peer, peer_value, ratio}");

    try {
        app.parse(count, arguments);
    } catch (CLI::ParseError const& error) {
        return app.exit(error) == 0 ? 0 : usage_status;
    }
    if (*run_command) {
        run_options.script = script_of(*run_command, expect, send);
        run_options.machine = run_machine.options();
        if (!run_options.script.empty() && run_options.script.back().kind == ScriptStep::Kind::send) {
            fmt::print(stderr, "--send needs an --expect after it, which says when its effect was seen\n");
            return usage_status;
        }
        return finish(run(run_options));
    }
    if (*build_command) {
        build_options.machine = build_machine.options();
        return finish(build(build_options));
    }
    if (*check_command) {
        check_options.machine = check_machine.options();
        return finish(check(check_options));
    }
    if (*test_command) return finish(test(test_name));
    return finish(bench(bench_name, json));
}

} // namespace

int main(int count, char** arguments) {
    try {
        return run_program(count, arguments);
    } catch (std::exception const& error) {
        fmt::print(stderr, "tessera: {}\n", error.what());
        return 1;
    }
}
