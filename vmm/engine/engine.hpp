// SPDX-License-Identifier: Apache-2.0
// How guest code runs: one class for every engine. The monitor calls run(), which returns when
// something needs it; between two runs it reads and changes the guest's processor through the
// engine.
#pragma once

#include <array>
#include <string>
#include <variant>

#include "vmm/engine/counters.hpp"
#include "vmm/pc/linux_boot.hpp"
#include "x86/emulate/memory_instruction.hpp"
#include "x86/emulate/processor.hpp"

namespace vmm {

// Why the guest stopped running. Whoever handles an instruction calls Engine::advance().
namespace exits {
struct Notified { // the events in `word` happened (protocol::event)
    u64 word;
};
struct InterruptWindow {}; // the guest can take an interrupt now; it was asked for
struct Cpuid {};
struct Halt {};
struct ReadMsr {};
struct WriteMsr {};
struct Port {
    u16 port;
    u8 size; // bytes
    bool in;
    bool string;
};
struct Memory { // an access to guest-physical memory that no RAM backs
    GuestPhys address;
    bool write;
    bool fetch;
};
struct InvalidOpcode {};
struct Hypercall {};
struct Ignored {}; // an instruction without effect here: WBINVD, INVD, PAUSE
struct Refused {   // an instruction that this processor has not got: it gets #UD
    u64 reason;
};
struct TripleFault {};
struct EntryFailed {};
struct Unexpected {
    u64 reason;
    u64 qualification;
};
} // namespace exits

using Exit = std::variant<exits::Notified, exits::InterruptWindow, exits::Cpuid, exits::Halt,
                          exits::ReadMsr, exits::WriteMsr, exits::Port, exits::Memory,
                          exits::InvalidOpcode, exits::Hypercall, exits::Ignored, exits::Refused,
                          exits::TripleFault, exits::EntryFailed, exits::Unexpected>;

// Names of the kinds, in the order of the variant.
inline constexpr std::array<char const*, std::variant_size_v<Exit>> exit_names = {
    "events",       "interrupt windows",
    "cpuid",        "hlt",
    "rdmsr",        "wrmsr",
    "ports",        "memory",
    "#UD",          "hypercalls",
    "cache",        "refused",
    "triple fault", "failed entry",
    "unexpected"};

enum class Fault : u8 { invalid_opcode = 6, general_protection = 13 };

class Engine {
public:
    virtual ~Engine() = default;

    // The processor as the kernel's entry wants it; whatever was pending is forgotten.
    virtual void start(LinuxEntry const& entry) = 0;
    virtual Exit run() = 0;

    virtual u64 rip() = 0;
    virtual u64 rflags() = 0;
    virtual void set_rflags(u64 value) = 0;
    // The general registers of the last exit; changes count from the next run on. rsp is not kept
    // up to date.
    virtual x86::GeneralRegisters const& registers() = 0;
    virtual void set_registers(x86::GeneralRegisters const& values) = 0;
    virtual x86::Mode mode() = 0;
    // Root of the guest's page tables.
    virtual u64 cr3() = 0;

    // Moves behind the instruction that caused the exit. length: 0 if only the engine knows.
    virtual void advance(u8 length = 0) = 0;

    // MSRs that are part of the processor's state. Empty or false: not one of them, or a value it
    // does not take.
    virtual std::optional<u64> read_msr(u32 msr) = 0;
    [[nodiscard]] virtual bool write_msr(u32 msr, u64 value) = 0;

    // Whether inject() may be called with an interrupt: the guest's flag is set, nothing else is on
    // its way.
    virtual bool can_interrupt() = 0;
    virtual void inject(u8 vector) = 0;
    virtual void inject(Fault fault) = 0; // at the instruction of the last exit
    // Makes run() return as soon as can_interrupt() holds.
    virtual void want_interrupt_window(bool wanted) = 0;

    // The processor's state in one line, for a report.
    virtual std::string describe() = 0;
};

} // namespace vmm
