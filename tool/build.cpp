// SPDX-License-Identifier: Apache-2.0
// `tessera build`: the files for a boot loader, and how QEMU starts them.
#include <fmt/format.h>

#include "tool/boot_image.hpp"
#include "tool/commands.hpp"
#include "tool/file.hpp"

namespace fs = std::filesystem;

Checked<int> build(BuildOptions const& options) {
    std::error_code error;
    fs::create_directories(options.output, error);
    if (error) {
        return fail(Problem({options.output.string(), 0, ""}, {fmt::format("cannot be made ({})", error.message()), "choose another folder"}));
    }
    auto const image = TRY(image_of_system(options.system, options.machine));
    auto const kernel = options.output / "tessera-kernel";
    auto const module = options.output / "boot-module";
    auto const script = options.output / "run-in-qemu";
    auto const kernel_bytes = TRY(read_file(image.kernel, {image.kernel.string(), 0, ""}));
    TRY(write_file(kernel, kernel_bytes));
    TRY(write_file(module, image.module));
    auto const command = shell_line(qemu_command(image.machine, kernel.filename(), module.filename(), ConsoleTo::terminal));
    TRY(write_file(script, fmt::format("#!/bin/sh\n# Ctrl-A X leaves.\ncd \"$(dirname \"$0\")\" || exit 1\nexec {}\n", command)));
    fs::permissions(script, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec, fs::perm_options::add, error);
    fmt::print("{}  the kernel, for any multiboot loader\n", kernel.string());
    fmt::print("{}  its first module\n", module.string());
    fmt::print("{}  starts both in QEMU:\n  {}\n", script.string(), command);
    return 0;
}
