// SPDX-License-Identifier: Apache-2.0
// The machine of a test: an arena is its physical memory, what the kernel asks of the hardware is written down, and what the
// hardware would say is set by hand. The functions of machine.hpp act on the newest HostMachine.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernel/machine/guest.hpp"
#include "kernel/machine/machine.hpp"

// What the kernel asked of the machine, and what the hardware holds or says. A value: tests keep it and put it back.
struct HostMachineState {
    struct Invalidation {
        Asid asid;
        std::optional<VirtAddr> address; // empty: all of the ASID
        bool operator==(Invalidation const&) const = default;
    };
    struct AddressSpace {
        PhysAddr root;
        Asid asid;
        bool operator==(AddressSpace const&) const = default;
    };
    struct PortAccess {
        u16 port;
        unsigned bytes;
        std::optional<u32> written; // empty: it was read
        bool operator==(PortAccess const&) const = default;
    };
    struct Line { // one pin of an I/O APIC that was routed
        bool level, active_low, masked;
        u8 vector;
        bool operator==(Line const&) const = default;
    };

    // What the kernel asked for.
    std::vector<Invalidation> invalidations;
    std::vector<AddressSpace> loads;
    std::vector<PortAccess> port_accesses;
    std::map<std::pair<unsigned, unsigned>, Line> lines; // by I/O APIC and pin
    std::string console;
    unsigned ends_of_interrupt{};
    bool tick_runs{true};
    u64 fs_base{}, gs_base{};
    std::array<u64, 4> space_32{}; // as composed last
    unsigned compositions{};
    u64 upper_32{};                // as loaded last
    bool in_32_bit{}, wide{};
    bool fpu_enabled{};

    // What the hardware holds or says.
    std::byte fpu[512]{};
    bool interrupt_pending{};
    bool execute_never{true};
    unsigned io_apics{1};
    GuestSupport guests{}; // none
    u32 port_value{}; // what reading a port gives
    Ticks clock{};

    bool operator==(HostMachineState const&) const = default;
};

class HostMachine : public HostMachineState {
public:
    // Physical addresses 0 to `memory` are the arena; it is clear, and costs only what is touched.
    static constexpr u64 memory = u64{4} << 30;
    static constexpr PhysAddr kernel_root{0x1000}; // of the address space for threads without one
    static constexpr PhysAddr root_32{0x3000}; // stands in loads for the address space of 32-bit threads
    static constexpr u64 kernel_entry = 0x2003;    // what add_kernel_part writes to entry 511

    HostMachine();
    ~HostMachine();
    HostMachine(HostMachine const&) = delete;
    HostMachine& operator=(HostMachine const&) = delete;
    static HostMachine& newest();

    std::byte* arena() const { return arena_; }
    HostMachineState& state() { return *this; }

    struct Halted {}; // thrown by machine::halt()

private:
    std::byte* arena_;
    HostMachine* older_;
};
