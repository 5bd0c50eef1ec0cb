// SPDX-License-Identifier: Apache-2.0
// What a boot loader needs: our kernel and one module, the root task.
#pragma once

#include "tool/file.hpp"
#include "tool/machine.hpp"
#include "tool/manifest.hpp"

struct BootImage {
    Machine machine;
    std::filesystem::path kernel; // as built
    Bytes module;
};

// Checks the manifest and makes the module of it.
Checked<BootImage> image_of_system(manifest::Manifest const& manifest, MachineOptions const& options);
Checked<BootImage> image_of_system(std::filesystem::path const& system, MachineOptions const& options);
// A root task that is not ours, as it is.
Checked<BootImage> image_of_root_task(std::filesystem::path const& root_task, MachineOptions const& options);
