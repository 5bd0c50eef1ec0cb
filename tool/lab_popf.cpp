// SPDX-License-Identifier: Apache-2.0
// POPF in user mode does not trap: it leaves the interrupt flag as it is and says nothing. A guest kernel that runs deprivileged loses
// its flag, unless the instruction was found and replaced.
#include <fmt/format.h>
#include <sstream>

#include "tool/boot_image.hpp"
#include "tool/guest_run.hpp"
#include "tool/lab.hpp"
#include "tool/memory_file.hpp"

namespace {

// Our test kernel that checks PUSHF and POPF (test/guests32), with and without the patch.
Checked<std::string> console_of(bool patch) {
    auto const tree = Tree::of_this_program();
    auto const text = fmt::format("[system]\nname = \"popf\"\ninclude = [\"../../system/services.toml\"]\n\n[[vm]]\nname = \"guest\"\nkernel = \"{}\"\n"
                                  "command_line = \"flags\"\nengine = \"trap\"\npatch = {}\nmemory = \"64M\"\n",
                                  (tree.build / "test/guests32/test-guest32.bzimage").string(), patch);
    auto const manifest = TRY(manifest::Manifest::parse(text, tree.source / "test/guests32/popf.toml"));
    MachineOptions const options{.cpu = CpuModel::plain, .memory = {}, .debug_calls = DebugCalls::root_task, .instruction_count = false, .debugger = false};
    auto const image = TRY(image_of_system(manifest, options));
    MemoryFile const module(image.module);
    auto const said = TRY(talk(qemu_command(image.machine, image.kernel, module.path(), ConsoleTo::pipes), {expect_text("system: stopped")}, "the guest", 120));
    return said.console;
}

} // namespace

Checked<LabTable> lab_popf() {
    LabTable table{.title = "PUSHF and POPF in a guest kernel that runs in user mode (engine trap)", .columns = {"patch", "what the guest says"}, .rows = {}, .notes = {}};
    for (bool const patch : {true, false}) {
        std::istringstream lines(TRY(console_of(patch)));
        for (std::string line; std::getline(lines, line);)
            if (line.find("flags: ") != std::string::npos) table.rows.push_back({patch ? "on" : "off", line.substr(line.find("flags: "))});
    }
    table.notes = {"without the patch PUSHF shows the real flag, which is always set, and POPF changes nothing: the guest believes that it has",
                   "switched interrupts off when it has not"};
    return table;
}
