// SPDX-License-Identifier: Apache-2.0
// The machine that a system runs on, and the QEMU command that makes it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/types.hpp"

enum class CpuModel {
    amd,        // virtual CPUs by SVM with nested paging
    amd_no_npt, // by SVM without it: the monitor has to translate for its guests
    intel,      // an Intel model; QEMU's TCG has no VMX to offer
    plain,      // no virtualisation at all
};
std::string_view cpu_name(CpuModel cpu);
constexpr bool has_svm(CpuModel cpu) { return cpu == CpuModel::amd || cpu == CpuModel::amd_no_npt; }
constexpr bool has_nested_paging(CpuModel cpu) { return cpu == CpuModel::amd; }

// Who may make the kernel's debug system calls (write to the debug console, halt the machine): kernel/command_line.hpp.
enum class DebugCalls {
    all,       // seL4 programs built for the debug profile use them in every thread
    root_task, // in our own systems no component may
    none,      // what seL4's release build is
};
std::string_view word_of(DebugCalls calls); // as in the kernel's command line

// What the command line says about the machine.
struct MachineOptions {
    CpuModel cpu{};
    std::optional<u64> memory; // bytes; otherwise the manifest's, otherwise default_memory
    DebugCalls debug_calls = DebugCalls::all; // for root tasks that are not ours; a manifest's has root_task
    bool instruction_count{};  // deterministic: the time-stamp counter counts instructions
    bool debugger{};           // stop before the first instruction and wait for gdb on port 1234
};
inline constexpr u64 default_memory = u64{1} << 30;

struct Machine {
    CpuModel cpu{};
    DebugCalls debug_calls = DebugCalls::root_task;
    u64 memory = default_memory;
    bool fast_paths = true; // of the kernel; without them it does the same the long way
    bool instruction_count{};
    bool debugger{};
};

// Where the console (COM1) goes.
enum class ConsoleTo {
    terminal, // QEMU's standard input and output, with QEMU's own keys (Ctrl-A X leaves)
    pipes,    // standard input and output, every byte as it is
};

std::vector<std::string> qemu_command(Machine const& machine, std::filesystem::path const& kernel,
                                      std::filesystem::path const& boot_module, ConsoleTo console);

// The same as one line for a shell.
std::string shell_line(std::vector<std::string> const& command);
