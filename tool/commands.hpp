// SPDX-License-Identifier: Apache-2.0
// The subcommands. Each returns the exit status of the program, or the problem that main() prints (status 1).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tool/machine.hpp"
#include "tool/problem.hpp"
#include "tool/script.hpp"

struct RunOptions {
    std::optional<std::filesystem::path> system;    // otherwise system/linux.toml
    std::optional<std::filesystem::path> root_task; // boots this instead of service/root and a manifest
    std::optional<std::filesystem::path> kernel;    // boots this instead of the kernel built here
    MachineOptions machine;
    std::vector<ScriptStep> script; // empty: interactive
    double timeout = 300;           // seconds, for scripts
    std::optional<std::filesystem::path> log; // where a script's console goes as a whole
};

struct BuildOptions {
    std::filesystem::path system;
    std::filesystem::path output;
    MachineOptions machine;
};

struct CheckOptions {
    std::filesystem::path system;
    MachineOptions machine;
};

Checked<int> run(RunOptions const& options);
Checked<int> build(BuildOptions const& options);
Checked<int> check(CheckOptions const& options);
Checked<int> test(std::optional<std::string> const& name);
struct BenchOptions {
    bool json{};
    bool at_most_peer{}; // fail when a row is above its peer
    std::optional<std::filesystem::path> plots; // folder to draw growth in
};
struct LabOptions {
    std::optional<std::string> subject; // of translate: a file or an address
    bool json{};
    std::optional<std::filesystem::path> plots; // folder for pictures
};
Checked<int> lab(std::string const& name, LabOptions const& options);
Checked<int> bench(std::optional<std::string> const& name, BenchOptions const& options);
