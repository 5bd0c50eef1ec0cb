// SPDX-License-Identifier: Apache-2.0
// Runs a static i386 program of Linux under the binary translator or the emulator, in this process:
//   translate-run [--emulator] [--without STEP]... [--verbose] [--counters] [--translate-only] PROGRAM [ARGUMENT...]
// --without: cache, chaining, registers, lazy-flags or return-stack. --counters: what the translator did, on standard error.
// --translate-only: the program does not run; all of its code is translated, again and again, and the speed is printed.
#include <cstdio>
#include <cstring>
#include <string>
#include <unistd.h>

#include "x86/translate/host/linux/speed.hpp"
#include "x86/translate/host/linux/system_calls.hpp"
#include "x86/translate/host/translated.hpp"

namespace {

using namespace x86::translate;
using namespace x86::translate::hosted;

struct Wishes {
    bool emulator{}, verbose{}, counters{}, translate_only{};
    Options options;
    std::vector<std::string> program;
};

std::optional<Wishes> wishes_of(int count, char** words) {
    Wishes wishes;
    struct Step {
        char const* name;
        bool Options::*member;
    };
    constexpr Step steps[] = {{"cache", &Options::cache},
                              {"chaining", &Options::chaining},
                              {"registers", &Options::registers},
                              {"lazy-flags", &Options::lazy_flags},
                              {"return-stack", &Options::return_stack}};
    int i = 1;
    for (; i < count && words[i][0] == '-'; ++i) {
        std::string const word = words[i];
        bool known = true;
        if (word == "--emulator") wishes.emulator = true;
        else if (word == "--verbose") wishes.verbose = true;
        else if (word == "--counters") wishes.counters = true;
        else if (word == "--translate-only") wishes.translate_only = true;
        else known = false;
        if (word == "--without" && i + 1 < count)
            for (++i; auto const& step : steps)
                if (std::strcmp(words[i], step.name) == 0) wishes.options.*step.member = false, known = true;
        if (!known) return std::nullopt;
    }
    wishes.program.assign(words + i, words + count);
    if (wishes.program.empty()) return std::nullopt;
    return wishes;
}

// The program's exit status; 128 and more: it ended with an exception.
int run(Runner& runner, LinuxProcess& process) {
    for (;;) {
        Stop const stop = runner.run();
        switch (stop.why) {
        case Stop::Why::system_call:
            if (auto const status = process.system_call()) return *status;
            break;
        case Stop::Why::event: break;
        case Stop::Why::exception:
            std::fprintf(stderr, "exception %u at %x, address %llx\n", stop.exception.vector, runner.state().eip,
                         static_cast<unsigned long long>(stop.exception.address));
            return 128 + stop.exception.vector;
        case Stop::Why::halted:
        case Stop::Why::unsupported:
            std::fprintf(stderr, "at %x: %s\n", runner.state().eip, stop.text != nullptr ? stop.text : "halted");
            return 127;
        }
    }
}

void print(Counters const& counters) {
    auto const line = [](char const* name, u64 value) { std::fprintf(stderr, "%-16s %llu\n", name, static_cast<unsigned long long>(value)); };
    line("blocks", counters.blocks);
    line("instructions", counters.instructions);
    line("guest bytes", counters.guest_bytes);
    line("code bytes", counters.code_bytes);
    line("chained", counters.chained);
    line("misses", counters.misses);
    line("emulated", counters.emulated);
    line("evictions", counters.evictions);
    line("invalidated", counters.invalidated);
}

} // namespace

int main(int count, char** words) {
    auto const wishes = wishes_of(count, words);
    if (!wishes) {
        std::fprintf(stderr, "translate-run [--emulator] [--without STEP]... [--verbose] [--counters] [--translate-only] PROGRAM [ARGUMENT...]\n"
                             "STEP: cache, chaining, registers, lazy-flags, return-stack\n");
        return 2;
    }
    if (!kernel_has_32_bit_calls()) {
        std::fprintf(stderr, "the kernel of this machine has no system calls for 32-bit programs (CONFIG_IA32_EMULATION), which the program's are passed to\n");
        return 2;
    }
    std::vector<std::string> environment;
    for (char** word = environ; *word != nullptr; ++word) environment.emplace_back(*word);
    Memory memory;
    auto const program = load_program(memory, wishes->program[0], wishes->program, environment);
    if (!program) {
        std::fprintf(stderr, "%s\n", program.error().c_str());
        return 2;
    }
    if (wishes->emulator) {
        EmulatorRunner runner(memory);
        LinuxProcess process(memory, runner, *program, wishes->verbose);
        return run(runner, process);
    }
    TranslatorRunner runner(memory, wishes->options);
    LinuxProcess process(memory, runner, *program, wishes->verbose);
    if (wishes->translate_only) {
        print_translation_speed(runner, *program);
        return 0;
    }
    int const status = run(runner, process);
    if (wishes->counters) print(runner.translator().counters());
    return status;
}
