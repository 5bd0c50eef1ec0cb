// SPDX-License-Identifier: Apache-2.0
// `tessera run`: a system in QEMU, on the terminal or with a script.
#include <csignal>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include "tool/boot_image.hpp"
#include "tool/commands.hpp"
#include "tool/console.hpp"
#include "tool/memory_file.hpp"
#include "tool/process.hpp"
#include "tool/tree.hpp"

namespace {

// QEMU switches the terminal to raw mode; whatever happens to QEMU, it is as before afterwards.
class KeepTerminal {
public:
    KeepTerminal() : saved_(tcgetattr(STDIN_FILENO, &mode_) == 0) {}
    KeepTerminal(KeepTerminal const&) = delete;
    KeepTerminal& operator=(KeepTerminal const&) = delete;
    ~KeepTerminal() {
        if (saved_) tcsetattr(STDIN_FILENO, TCSADRAIN, &mode_);
    }

private:
    termios mode_{};
    bool saved_;
};

int run_interactive(std::vector<std::string> const& command, std::string_view what) {
    fmt::print("tessera: {} in QEMU. Ctrl-A X leaves; Ctrl-T Tab gives the keyboard to the next one on the console.\n", what);
    std::fflush(stdout);
    KeepTerminal const terminal;
    // The terminal sends these to us as well as to QEMU; QEMU decides.
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGQUIT, SIG_IGN);
    auto const end = Process(command, Process::Streams::inherited).wait();
    auto const outcome = end_of_qemu(end);
    fmt::print("tessera: {}\n", outcome.text);
    return outcome.failed ? 1 : 0;
}

} // namespace

Checked<int> run(RunOptions const& options) {
    auto const system = options.system.value_or(Tree::of_this_program().source / "system/linux.toml");
    auto image = TRY(options.root_task ? image_of_root_task(*options.root_task, options.machine)
                                             : image_of_system(system, options.machine));
    if (options.kernel) {
        image.kernel = *options.kernel;
        TRY(read_file(image.kernel, {image.kernel.string(), 0, ""})); // QEMU's own complaint would not name a cure
    }
    MemoryFile const module(image.module);
    bool const scripted = !options.script.empty();
    auto const command = qemu_command(image.machine, image.kernel, module.path(), scripted ? ConsoleTo::pipes : ConsoleTo::terminal);
    if (image.machine.debugger) fmt::print(stderr, "tessera: waiting for gdb (target remote :1234)\n");
    if (!scripted) return run_interactive(command, options.root_task ? options.root_task->string() : system.string());

    ScriptedConsole console(command, options.script, options.timeout);
    auto const outcome = console.talk([](std::string const& text, double seconds) {
        fmt::print("tessera: {:.1f} s: seen \"{}\"\n", seconds, text);
        std::fflush(stdout);
    });
    if (options.log) TRY(write_file(*options.log, console.text()));
    if (outcome.empty()) return 0;
    for (auto const& line : console.last_lines(20)) fmt::print(stderr, "{}\n", line);
    fmt::print(stderr, "tessera: {}\n", outcome);
    return 1;
}
