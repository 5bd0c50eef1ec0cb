// SPDX-License-Identifier: Apache-2.0
// `tessera bench translate`: 32-bit programs of Linux on this machine's processor, under the binary translator (translate-run) and under qemu-i386.
// Processor time of whole processes, so that others on the machine count less; the three take turns.
#include <cerrno>
#include <cmath>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include "tool/bench.hpp"
#include "tool/tree.hpp"

namespace {

using Command = std::vector<std::string>;

constexpr unsigned turns = 5, step_turns = 3;
constexpr double goal_to_native = 1.3, goal_speed = 20; // times; MB of guest code per second
constexpr double part_of_qemu = 3;

// Rounds for the runs with a step left out: enough to measure, few enough to end.
struct Program {
    char const* name;
    unsigned rounds, rounds_without_cache; // 0: not without cache
};
constexpr Program programs[] = {{"interpreter", 20, 0}, {"loop", 300000, 10000}, {"matrix", 4, 0}, {"recursion", 10, 0},
                                {"sha256", 30, 1},      {"sieve", 2, 0},         {"sort", 4, 0}};
constexpr char const* steps[] = {"cache", "chaining", "registers", "lazy-flags", "return-stack"};

struct Run {
    double milliseconds{};
    std::string output;
};

std::string read_all(int file) {
    std::string text;
    char bytes[65536];
    for (ssize_t got; (got = read(file, bytes, sizeof bytes)) != 0;) {
        if (got < 0 && errno != EINTR) break;
        if (got > 0) text.append(bytes, static_cast<std::size_t>(got));
    }
    return text;
}

Problem problem(std::string const& field, std::string what, std::string cure) { return Problem({"bench", 0, field}, {std::move(what), std::move(cure)}); }

Checked<Run> time_of(Command const& command) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::vector<char*> words;
    for (auto const& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    pid_t child{};
    int const failed = posix_spawnp(&child, words[0], &actions, nullptr, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failed == ENOEXEC)
        return fail(problem(command[0], "this machine's kernel does not run 32-bit programs", "measure where CONFIG_IA32_EMULATION is on"));
    if (failed != 0) return fail(problem(command[0], "cannot be started", "run ./tessera setup and build"));
    Run run;
    run.output = read_all(ends[0]);
    close(ends[0]);
    int state{};
    rusage usage{};
    wait4(child, &state, 0, &usage);
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) return fail(problem(command[0], "did not end well", "run it by hand: " + fmt::format("{}", fmt::join(command, " "))));
    auto const milliseconds = [](timeval const& time) { return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3; };
    run.milliseconds = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
    return run;
}

Command with(Command front, Command const& program) {
    front.insert(front.end(), program.begin(), program.end());
    return front;
}

// The median of each command; they take turns and must print the same.
Checked<std::vector<double>> medians(std::vector<Command> const& commands, unsigned count) {
    std::vector<std::vector<double>> times(commands.size());
    std::string expected;
    for (unsigned turn = 0; turn < count; ++turn)
        for (std::size_t i = 0; i < commands.size(); ++i) {
            auto run = TRY(time_of(commands[i]));
            if (turn == 0 && i == 0) expected = std::move(run.output);
            else if (run.output != expected) return fail(problem(commands[i][0], "does not print what the program prints natively", "this is a bug of whoever ran it"));
            times[i].push_back(run.milliseconds);
        }
    std::vector<double> result;
    for (auto const& of_one : times) result.push_back(median(of_one));
    return result;
}

class Mean { // geometric
public:
    void add(double ratio) { logarithms_ += std::log(ratio), ++count_; }
    double value() const { return std::exp(logarithms_ / count_); }

private:
    double logarithms_{};
    unsigned count_{};
};

class TranslateBench {
public:
    TranslateBench()
        : runner_(tree_.build / "x86/translate/host/translate-run"), folder_(tree_.build / "bench/translate"), busybox_(tree_.guest / "busybox-i386") {}

    Checked<std::vector<BenchRow>> measure() {
        for (auto const& program : programs) TRY(compare(program.name, {folder_ / program.name}, true));
        for (std::string const name : {"bzip2", "gzip"}) TRY(compare(name, {busybox_, name, "-c", busybox_}, false));
        rows_.push_back({"translate.geometric-mean", translated_.value(), "times native", "goal", goal_to_native});
        rows_.push_back({"translate.geometric-mean.qemu-i386", qemu_.value(), "times native", "", 0});
        TRY(speed());
        for (std::string const step : steps)
            for (auto const& program : programs) TRY(leave_out(step, program));
        return std::move(rows_);
    }

private:
    Checked<void> compare(std::string const& name, Command const& program, bool computes) {
        fmt::print(stderr, "{}: natively, translated, qemu-i386\n", name);
        auto const times = TRY(medians({program, with({runner_}, program), with({"qemu-i386"}, program)}, turns));
        double const native = times[0], translated = times[1], qemu = times[2];
        rows_.push_back({"translate." + name, translated, "ms", "native", native});
        rows_.push_back({"translate." + name, translated, "ms", "a third of qemu-i386's time", qemu / part_of_qemu});
        rows_.push_back({fmt::format("translate.{}.qemu-i386", name), qemu, "ms", "native", native});
        if (computes) translated_.add(translated / native), qemu_.add(qemu / native);
        return {};
    }

    Checked<void> speed() {
        fmt::print(stderr, "translation alone\n");
        std::vector<double> speeds;
        for (unsigned turn = 0; turn < turns; ++turn) {
            auto const run = TRY(time_of({runner_, "--translate-only", busybox_}));
            double speed{};
            if (std::sscanf(run.output.c_str(), "translate %lf", &speed) != 1 || speed <= 0) return fail(problem("speed", "translate-run printed no speed", "run it by hand"));
            speeds.push_back(speed);
        }
        double const speed = median(speeds);
        rows_.push_back({"translate.speed", speed, "MB/s", "", 0});
        rows_.push_back({"translate.time-for-a-megabyte", 1e3 / speed, "ms", "goal", 1e3 / goal_speed});
        return {};
    }

    // Microseconds for a round, without what a process costs that does none.
    Checked<double> round(Command const& front, Program const& program, unsigned rounds) {
        Command const command = with(front, {folder_ / program.name});
        auto const all = TRY(medians({with(command, {std::to_string(rounds)})}, step_turns));
        auto const none = TRY(medians({with(command, {"0"})}, step_turns));
        return std::max(all[0] - none[0], 0.001) * 1e3 / rounds;
    }

    Checked<void> leave_out(std::string const& step, Program const& program) {
        bool const cache = step == "cache";
        if (cache && program.rounds_without_cache == 0) return {};
        fmt::print(stderr, "without {}: {}\n", step, program.name);
        double const without = TRY(round({runner_, "--without", step}, program, cache ? program.rounds_without_cache : program.rounds));
        constexpr unsigned more = 10; // with every step a round takes little
        double const usual = TRY(round({runner_}, program, program.rounds * more));
        rows_.push_back({fmt::format("translate.without-{}.{}", step, program.name), without, "us a round", "all steps", usual});
        return {};
    }

    Tree tree_ = Tree::of_this_program();
    std::string runner_;
    std::filesystem::path folder_;
    std::string busybox_;
    std::vector<BenchRow> rows_;
    Mean translated_, qemu_;
};

} // namespace

Checked<std::vector<BenchRow>> bench_translate() { return TranslateBench().measure(); }
