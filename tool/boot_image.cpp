// SPDX-License-Identifier: Apache-2.0
#include "tool/boot_image.hpp"

#include "tool/archive.hpp"
#include "tool/elf.hpp"

namespace fs = std::filesystem;

Checked<BootImage> image_of_system(fs::path const& system, MachineOptions const& options) {
    return image_of_system(TRY(manifest::Manifest::read(system)), options);
}

Checked<BootImage> image_of_system(manifest::Manifest const& manifest, MachineOptions const& options) {
    auto const tree = Tree::of_this_program();
    auto const plan = TRY(ValidManifest::check(manifest, options, tree));
    Place const root{tree.root_task().string(), 0, ""};
    auto const root_task = TRY(read_file(root.file, root));
    return BootImage{plan.machine(), tree.kernel(), TRY(make_boot_module(root_task, plan, root))};
}

Checked<BootImage> image_of_root_task(fs::path const& root_task, MachineOptions const& options) {
    Place const place{root_task.string(), 0, ""};
    auto bytes = TRY(read_file(root_task, place));
    auto const program = CheckedElf::check(bytes);
    if (!program) return fail(Problem(place, program.error()));
    Machine const machine{.cpu = options.cpu,
                          .debug_calls = options.debug_calls,
                          .memory = options.memory.value_or(default_memory),
                          .instruction_count = options.instruction_count,
                          .debugger = options.debugger};
    return BootImage{machine, Tree::of_this_program().kernel(), std::move(bytes)};
}
