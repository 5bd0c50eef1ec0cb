// SPDX-License-Identifier: Apache-2.0
#include "tool/tree.hpp"

namespace fs = std::filesystem;

Tree Tree::of_this_program() {
    auto const build = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
    auto const hidden = build.parent_path();
    return {.source = hidden.parent_path(), .build = build, .guest = hidden / "guest"};
}

fs::path Tree::program(std::string_view name) const {
    auto const plain = build / name;
    std::error_code error;
    return fs::is_directory(plain, error) ? plain / plain.filename() : plain;
}
