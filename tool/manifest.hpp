// SPDX-License-Identifier: Apache-2.0
// A manifest as it was written: read and well-typed, but its parts not yet compared with each other, with the files they
// name or with a machine (plan.hpp does that). docs/manifest.md describes the format.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "protocol/system.hpp"
#include "tool/problem.hpp"

namespace manifest {

struct PortRange {
    u16 first{}, last{};
};

struct Irq {
    u32 pin{}; // of I/O APIC 0
    bool level{};
    bool active_low{};
};

struct Device {
    u64 address{}, size{}; // multiples of 4 KiB
};

// A file by the name the component knows it by.
struct NamedFile {
    std::string name;
    std::string path; // as written
};

struct Console {
    bool keyboard{};
};

enum class Service { console, timer };

struct Component {
    Located<std::string> name;
    Located<std::string> program;
    Located<u64> memory;
    u32 priority{};
    std::vector<Located<std::string>> arguments; // without argv[0]
    Place arguments_place;
    protocol::Restart restart{};
    protocol::Role role{};
    std::vector<Located<PortRange>> ports;
    std::vector<Located<Irq>> irqs;
    std::vector<Located<Device>> devices;
    std::vector<Located<NamedFile>> files;
    std::optional<Located<Console>> console;
    std::optional<Place> timer;
    std::optional<Located<Service>> provides;
};

enum class Engine { nested, shadow, trap, translate };
enum class ShadowPolicy { fill, sync };

struct Vm {
    Located<std::string> name;
    Located<std::string> kernel; // or
    std::optional<Located<std::string>> boot_sector;
    std::optional<Located<std::string>> initramfs;
    Located<std::string> command_line;
    Located<u64> memory;         // guest RAM
    Located<u64> monitor_memory; // everything else the VM's monitor is made of
    Located<Engine> engine;
    std::optional<Located<ShadowPolicy>> shadow; // engine shadow only; absent: the monitor's choice
    u64 shadow_memory{};                         // bytes for shadow page tables, all engines but nested; of monitor_memory
    u64 code_cache{};                            // bytes for translated code, engine translate; of monitor_memory
    std::optional<Located<bool>> patch;          // engine trap only
    std::string report_at; // empty: no report
    bool json{};           // reports are JSON
    Located<Console> console;
    u32 priority{};
    protocol::Restart restart{};
};

struct Manifest {
    std::filesystem::path path; // as the user gave it
    Located<std::string> name;
    std::optional<Located<u64>> memory; // RAM of the machine
    std::vector<Component> components;
    std::vector<Vm> vms;

    // Reads the file and those it includes.
    static Checked<Manifest> read(std::filesystem::path const& path);
    // The same from text; `path` is where messages and relative paths refer to.
    static Checked<Manifest> parse(std::string_view text, std::filesystem::path const& path);
};

std::string_view engine_name(Engine engine);
// Whether the engine keeps shadow page tables.
constexpr bool has_shadow(Engine engine) { return engine != Engine::nested; }
// Whether the guest's kernel runs without the processor's guest mode; such guests have 32 bits.
constexpr bool is_deprivileged(Engine engine) { return engine == Engine::trap || engine == Engine::translate; }
// Capability slots for pages that shadow tables of so many bytes map: they are rarely full.
constexpr u64 shadow_slots(u64 shadow_memory) { return shadow_memory / 4096 * 16; }

} // namespace manifest
