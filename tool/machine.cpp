// SPDX-License-Identifier: Apache-2.0
#include "tool/machine.hpp"

#include <fmt/format.h>
#include <fstream>

#include "protocol/system.hpp"

namespace {

// Features that TCG lacks are switched off by name: it would drop them anyway, with a warning for each.
constexpr char const* tcg_amd = "EPYC,+umip,-rdseed,-sha-ni,-fxsr-opt,-misalignsse,-3dnowprefetch,-osvw,-topoext,-nrip-save,-xsavec";
constexpr char const* tcg_intel = "Skylake-Client-noTSX-IBRS,-pcid,-x2apic,-tsc-deadline,-invpcid,-rdseed,-spec-ctrl,"
                                  "-3dnowprefetch,-xsavec,+pdpe1gb";
constexpr char const* tcg_plain = "Haswell-noTSX,-pcid,-x2apic,-tsc-deadline,-invpcid,+pdpe1gb";

// /dev/kvm alone proves nothing: without real VMX or SVM below, it is slower than TCG.
bool host_has(std::string_view feature) {
    std::ifstream cpuinfo("/proc/cpuinfo");
    for (std::string line; std::getline(cpuinfo, line);) {
        if (line.starts_with("flags")) return (line + " ").find(fmt::format(" {} ", feature)) != std::string::npos;
    }
    return false;
}

// Real hardware can only play its own vendor's model.
bool use_kvm(Machine const& machine) {
    if (machine.instruction_count) return false;
    bool const svm = host_has("svm");
    bool const vmx = host_has("vmx");
    switch (machine.cpu) {
    case CpuModel::amd:
    case CpuModel::amd_no_npt: return svm;
    case CpuModel::intel: return vmx;
    case CpuModel::plain: return svm || vmx;
    }
    return false;
}

std::string cpu_option(CpuModel cpu, bool kvm) {
    switch (cpu) {
    case CpuModel::amd: return kvm ? "host" : tcg_amd;
    case CpuModel::amd_no_npt: return std::string(kvm ? "host" : tcg_amd) + ",-npt";
    case CpuModel::intel: return kvm ? "host" : tcg_intel;
    case CpuModel::plain: return kvm ? "host,-svm,-vmx" : tcg_plain;
    }
    return "";
}

} // namespace

std::string_view cpu_name(CpuModel cpu) {
    switch (cpu) {
    case CpuModel::amd: return "amd";
    case CpuModel::amd_no_npt: return "amd-no-npt";
    case CpuModel::intel: return "intel";
    case CpuModel::plain: return "plain";
    }
    return "?";
}

std::string_view word_of(DebugCalls calls) {
    switch (calls) {
    case DebugCalls::all: return "all";
    case DebugCalls::root_task: return "root";
    case DebugCalls::none: return "none";
    }
    return "?";
}

std::vector<std::string> qemu_command(Machine const& machine, std::filesystem::path const& kernel,
                                      std::filesystem::path const& boot_module, ConsoleTo console) {
    bool const kvm = use_kvm(machine);
    std::vector<std::string> command = {
        "qemu-system-x86_64", "-machine", "pc", "-accel", kvm ? "kvm" : "tcg", "-cpu", cpu_option(machine.cpu, kvm),
        "-m", fmt::format("{}M", machine.memory >> 20), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-serial", console == ConsoleTo::terminal ? "mon:stdio" : "stdio",
        "-device", fmt::format("isa-debug-exit,iobase={:#x},iosize=0x04", protocol::exit_port),
        "-kernel", kernel.string(), "-initrd", boot_module.string(),
        "-append", fmt::format("debug={}{}", word_of(machine.debug_calls), machine.fast_paths ? "" : " fastpath=off")};
    if (machine.instruction_count) {
        command.insert(command.end(), {"-icount", "shift=0,sleep=off", "-rtc", "clock=vm"});
    }
    if (machine.debugger) command.insert(command.end(), {"-s", "-S"});
    return command;
}

std::string shell_line(std::vector<std::string> const& command) {
    std::string line;
    for (auto const& word : command) {
        if (!line.empty()) line += ' ';
        bool const plain = word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                                  "-_./,:=+") == std::string::npos;
        if (plain && !word.empty()) {
            line += word;
            continue;
        }
        line += '\'';
        for (char const c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
        line += '\'';
    }
    return line;
}
