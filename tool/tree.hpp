// SPDX-License-Identifier: Apache-2.0
// Where the built parts of the system are, found from where this program is: TREE/.build/default/tool/tessera.
#pragma once

#include <filesystem>

struct Tree {
    std::filesystem::path source; // the project's root folder
    std::filesystem::path build;  // .build/default
    std::filesystem::path guest;  // .build/guest: the default guest's kernel and initramfs

    static Tree of_this_program();

    std::filesystem::path kernel() const { return build / "kernel/tessera-kernel"; }
    std::filesystem::path root_task() const { return program("service/root"); }
    // A program of the project by its name in manifests: "service/console" is at service/console or service/console/console.
    std::filesystem::path program(std::string_view name) const;
};
