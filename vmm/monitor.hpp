// SPDX-License-Identifier: Apache-2.0
// The virtual machine monitor: boots the guest, runs it on an engine, and does for it what its
// processor can't. One thread, one loop:
//
//   after_exit: devices, timer, input ──> inject an interrupt? ──> Engine::run() ──> handle the
//   exit ──┐
//        ^──────────────────────────────────────────────────────────────────────────────────────────────┘
#pragma once

#include <expected>
#include <string>
#include <variant>

#include "vmm/guest_processor.hpp"
#include "vmm/output_watch.hpp"
#include "vmm/pc/boot_sector.hpp"
#include "vmm/pc/linux_boot.hpp"
#include "vmm/report.hpp"

namespace vmm {

struct Guest {
    std::string name; // in front of every line about it
    std::string command_line;
    std::string report_at; // report when the guest's output contains this; may be empty
    bool json;             // reports are JSON
    std::variant<BzImage, BootSector> image;
    std::span<u8 const> initramfs; // of a bzImage; may be empty
};

class Monitor {
public:
    Monitor(Guest guest, GuestMemory memory, Engine& engine, Host& host, ClockBase const& clock,
            CpuidSource source);

    // Boots the guest and runs it until it is over; exit status of the component. A guest that
    // reboots starts again.
    int run();

private:
    // Why the guest can't go on, as the line that says so.
    struct Stop {
        std::string reason;
    };
    using Handled = std::expected<void, Stop>;

    std::expected<void, BootError> boot();
    Handled run_until_power_changes();
    void update();
    void prepare_entry();
    Handled handle(Exit const& exit);
    Handled idle();
    void cpuid();
    void read_msr();
    void write_msr();
    Handled port(exits::Port const& access);
    Handled device_access(exits::Memory const& access);
    Handled emulate();
    void hypercall();
    Handled invalid_opcode();
    Stop stop(std::string reason);
    void set_register(unsigned number, u64 value);
    void report(std::optional<u32> mark = {});

    Guest guest_;
    Engine& engine_;
    Host& host_;
    OutputWatch output_;
    Machine machine_;
    GuestProcessor processor_;
    ExitCounts counts_;
    u64 tsc_khz_;
    u64 started_{};
    u64 last_tick_{};
    u64 bad_rip_{};
    unsigned bad_count_{};      // times in a row that the instruction at bad_rip_ was invalid
    std::optional<char> typed_; // offered to the UART, which was full
};

} // namespace vmm
