// SPDX-License-Identifier: Apache-2.0
// The command line. Exit status: 0 done, 1 an error (one line on standard error), 2 wrong usage.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <initializer_list>

#include "tool/commands.hpp"
#include "tool/size.hpp"

namespace {

constexpr int usage_status = 2;

int finish(Checked<int> const& result) {
    if (result) return *result;
    std::fflush(stdout);
    fmt::print(stderr, "{}\n", result.error().text());
    return 1;
}

// Options of the emulated machine, the same for every subcommand that has one.
class MachineFlags {
public:
    enum class Use { checks, runs };
    MachineFlags(CLI::App& command, Use use) {
        command.add_option("--cpu", cpu_, "processor: amd (SVM with nested paging), amd-no-npt (SVM without), intel, plain (no virtualisation)")
            ->check(CLI::Validator(check_cpu, ""))->option_text("amd|amd-no-npt|intel|plain [amd]");
        command.add_option("--memory", memory_, "RAM of the machine, for example 1G; otherwise as the manifest says, or 1G")
            ->check(CLI::Validator(check_size, ""))->option_text("SIZE");
        if (use == Use::checks) return;
        command.add_flag("--icount", options_.instruction_count, "count instructions as time: the same run every time");
        command.add_flag("--gdb", options_.debugger, "wait for gdb on port 1234 before the first instruction");
    }
    MachineOptions options() const {
        auto result = options_;
        result.cpu = *cpu_of(cpu_);
        if (!memory_.empty()) result.memory = parse_size(memory_);
        return result;
    }

private:
    static std::optional<CpuModel> cpu_of(std::string_view text) {
        for (auto const cpu : {CpuModel::amd, CpuModel::amd_no_npt, CpuModel::intel, CpuModel::plain}) {
            if (text == cpu_name(cpu)) return cpu;
        }
        return {};
    }
    static std::string check_cpu(std::string& text) {
        return cpu_of(text) ? "" : fmt::format("\"{}\" is no processor; write amd, amd-no-npt, intel or plain", text);
    }
    static std::string check_size(std::string& text) {
        auto const bytes = parse_size(text);
        if (bytes && *bytes >= (u64{64} << 20) && *bytes <= (u64{3} << 30) && *bytes % (1 << 20) == 0) return "";
        return fmt::format("\"{}\" is no size of a machine; write 64M to 3G, in whole MiB", text);
    }

    MachineOptions options_;
    std::string cpu_ = "amd";
    std::string memory_;
};

// One subcommand: its options, and what it does when it was chosen.
class Command {
public:
    virtual ~Command() = default;
    bool chosen() const { return command_->parsed(); }
    virtual int run() = 0;

protected:
    Command(CLI::App& app, std::string const& name, std::string const& what) : command_(app.add_subcommand(name, what)) {}
    CLI::App* command_;
};

class RunCommand : public Command {
public:
    explicit RunCommand(CLI::App& app) : Command(app, "run", "Build a system and boot it in QEMU"), machine_(*command_, MachineFlags::Use::runs) {
        auto* const system = command_->add_option("SYSTEM", options_.system, "manifest; otherwise system/linux.toml")->option_text("[SYSTEM.toml]");
        auto* const root_task = command_->add_option("--root-task", options_.root_task, "boot this seL4 root task (ELF64) instead of a manifest")
            ->option_text("FILE")->excludes(system);
        command_->add_option("--debug-calls", debug_calls_, "who may make debug system calls: all (seL4's debug build), root (the root task), none (its release build)")
            ->check(CLI::Validator(check_debug_calls, ""))->option_text("all|root|none [all]")->needs(root_task);
        command_->add_option("--kernel", options_.kernel, "boot this kernel instead of the one built here: one for another ABI profile, or seL4 itself")
            ->option_text("FILE");
        expect_ = text_option("--expect", expected_, "wait for this text on the console (repeatable, in order)");
        send_ = text_option("--send", sent_, "type this line when the --expect before it was seen (repeatable)")->needs(expect_);
        command_->add_option("--timeout", options_.timeout, "limit for --expect, in seconds")
            ->option_text("SECONDS [300]")->check(CLI::PositiveNumber)->needs(expect_);
        command_->add_option("--log", options_.log, "write the whole console of an --expect run to this file")
            ->option_text("FILE")->needs(expect_);
    }

    int run() override {
        options_.script = script();
        options_.machine = machine_.options();
        options_.machine.debug_calls = *debug_calls_of(debug_calls_);
        if (!options_.script.empty() && options_.script.back().kind == ScriptStep::Kind::send) {
            fmt::print(stderr, "--send needs an --expect after it, which says when its effect was seen\n");
            return usage_status;
        }
        return finish(::run(options_));
    }

private:
    CLI::Option* text_option(std::string const& name, std::vector<std::string>& texts, std::string const& what) {
        return command_->add_option(name, texts, what)->option_text("TEXT")->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
            ->allow_extra_args(false); // otherwise "[a, b]" would be taken apart
    }

    static std::optional<DebugCalls> debug_calls_of(std::string_view text) {
        for (auto const calls : {DebugCalls::all, DebugCalls::root_task, DebugCalls::none}) {
            if (text == word_of(calls)) return calls;
        }
        return {};
    }
    static std::string check_debug_calls(std::string& text) {
        return debug_calls_of(text) ? "" : fmt::format("\"{}\" names nobody who makes debug calls; write all, root or none", text);
    }

    // In the order in which they were written.
    std::vector<ScriptStep> script() const {
        std::vector<ScriptStep> steps;
        std::size_t expects = 0, sends = 0;
        for (auto const* option : command_->parse_order()) {
            if (option == expect_) steps.push_back({ScriptStep::Kind::expect, expect_->results()[expects++]});
            if (option == send_) steps.push_back({ScriptStep::Kind::send, send_->results()[sends++]});
        }
        return steps;
    }

    RunOptions options_;
    MachineFlags machine_;
    std::string debug_calls_ = "all";
    std::vector<std::string> expected_, sent_;
    CLI::Option* expect_{};
    CLI::Option* send_{};
};

class BuildCommand : public Command {
public:
    explicit BuildCommand(CLI::App& app)
        : Command(app, "build", "Write kernel, boot module and the QEMU command that runs them"), machine_(*command_, MachineFlags::Use::runs) {
        command_->add_option("SYSTEM", options_.system, "manifest")->required()->option_text("SYSTEM.toml");
        command_->add_option("-o,--output", options_.output, "folder for the files")->required()->option_text("DIR");
    }
    int run() override {
        options_.machine = machine_.options();
        return finish(build(options_));
    }

private:
    BuildOptions options_;
    MachineFlags machine_;
};

class CheckCommand : public Command {
public:
    explicit CheckCommand(CLI::App& app)
        : Command(app, "check", "Say what is wrong with a manifest, or what every component would get"), machine_(*command_, MachineFlags::Use::checks) {
        command_->add_option("SYSTEM", options_.system, "manifest")->required()->option_text("SYSTEM.toml");
    }
    int run() override {
        options_.machine = machine_.options();
        return finish(check(options_));
    }

private:
    CheckOptions options_;
    MachineFlags machine_;
};

class TestCommand : public Command {
public:
    explicit TestCommand(CLI::App& app) : Command(app, "test", "Run every test, or those whose name contains NAME") {
        command_->add_option("NAME", name_, "part of a test's name")->option_text("[NAME]");
    }
    int run() override { return finish(test(name_)); }

private:
    std::optional<std::string> name_;
};

class BenchCommand : public Command {
public:
    explicit BenchCommand(CLI::App& app) : Command(app, "bench", "Measure ratios against peers, all in one run") {
        command_->add_option("NAME", name_, "which one: boot, engines, growth, kernel, time, upcall; otherwise all")->option_text("[NAME]");
        command_->add_flag("--json", options_.json, "a list of rows {name, value, unit, peer, peer_value, ratio}");
        command_->add_flag("--at-most-peer", options_.at_most_peer, "fail when a row is above its peer");
        command_->add_option("--plot", options_.plots, "draw growth as SVG files in this folder")->option_text("DIR")->check(CLI::ExistingDirectory);
    }
    int run() override { return finish(bench(name_, options_)); }

private:
    std::optional<std::string> name_;
    BenchOptions options_;
};

class LabCommand : public Command {
public:
    explicit LabCommand(CLI::App& app) : Command(app, "lab", "Make an experiment and print what it shows") {
        command_->add_option("NAME", name_, "which one: overhead, popf, shadow, translate, walk")->required()->option_text("NAME");
        command_->add_option("SUBJECT", options_.subject, "translate: a 32-bit program, an address in Debian's i386 busybox, or both as FILE@ADDRESS; otherwise a boot")
            ->option_text("[FILE|ADDRESS]");
        command_->add_flag("--json", options_.json, "an object {title, rows, notes}");
        command_->add_option("--plot", options_.plots, "draw the picture of shadow or translate as an SVG file in this folder")->option_text("DIR")->check(CLI::ExistingDirectory);
    }
    int run() override { return finish(lab(name_, options_)); }

private:
    std::string name_;
    LabOptions options_;
};

int run_program(int count, char** arguments) {
    CLI::App app("Tessera: runs code you don't trust next to code you do, on a small capability kernel.", "./tessera");
    app.require_subcommand(1);
    app.footer("./tessera setup only installs what the machine lacks; every other call does so first when needed.");
    RunCommand run(app);
    BuildCommand build(app);
    CheckCommand check(app);
    TestCommand test(app);
    BenchCommand bench(app);
    LabCommand lab(app);
    try {
        app.parse(count, arguments);
    } catch (CLI::ParseError const& error) {
        return app.exit(error) == 0 ? 0 : usage_status;
    }
    for (Command* const command : std::initializer_list<Command*>{&run, &build, &check, &test, &bench, &lab}) {
        if (command->chosen()) return command->run();
    }
    return usage_status;
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
