// SPDX-License-Identifier: Apache-2.0
// How guest code runs: one class for every engine. The monitor calls run(), which returns when
// something needs it; between two runs it reads and changes the guest's processor through the
// engine.
#pragma once

#include <array>
#include <string>
#include <variant>

#include "vmm/engine/counters.hpp"
#include "vmm/pc/cpuid.hpp"
#include "vmm/pc/guest_entry.hpp"
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
// The emulator has to carry out the instruction at rip: a write to a guest page table that the
// engine watches, a privileged instruction of a deprivileged guest.
struct Emulate {};
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
struct Unsupported { // this engine cannot run what the guest does; the line says what can
    std::string why;
};
} // namespace exits

using Exit =
    std::variant<exits::Notified, exits::InterruptWindow, exits::Cpuid, exits::Halt, exits::ReadMsr,
                 exits::WriteMsr, exits::Port, exits::Memory, exits::Emulate, exits::InvalidOpcode,
                 exits::Hypercall, exits::Ignored, exits::Refused, exits::TripleFault,
                 exits::EntryFailed, exits::Unexpected, exits::Unsupported>;

// Names of the kinds, in the order of the variant.
inline constexpr std::array<char const*, std::variant_size_v<Exit>> exit_names = {
    "events",       "interrupt windows", "cpuid", "hlt",        "rdmsr", "wrmsr",   "ports",
    "memory",       "emulated",          "#UD",   "hypercalls", "cache", "refused", "triple fault",
    "failed entry", "unexpected",        "unsupported"};

class Engine {
public:
    virtual ~Engine() = default;

    // The processor as the guest's entry wants it; whatever was pending is forgotten.
    virtual void start(GuestEntry const& entry) = 0;
    virtual Exit run() = 0;

    // The whole processor, of which this engine is a part: for engines that deliver events by
    // software. It lives as long as the engine; given once, before the first run.
    virtual void attach(x86::Processor&) {}

    // The engine's part of x86::Processor: names and meanings are the same. Changes count from the
    // next run on.
    virtual x86::CoreState core() = 0;
    virtual void set_core(x86::CoreState const& core) = 0;
    virtual x86::Segment segment(x86::SegmentName name) = 0;
    virtual u32 code_rights() { return segment(x86::SegmentName::cs).access_rights; }
    virtual void set_segment(x86::SegmentName name, x86::Segment const& segment) = 0;
    virtual x86::TableRegister gdtr() = 0;
    virtual x86::TableRegister idtr() = 0;
    virtual void set_gdtr(x86::TableRegister const& value) = 0;
    virtual void set_idtr(x86::TableRegister const& value) = 0;
    virtual unsigned cpl() = 0;
    virtual x86::OrException<GuestPhys> translate(u64 linear, x86::Access access,
                                                  bool supervisor) = 0;
    // CR0, CR2, CR3 and CR4, as the guest believes them to be.
    virtual u64 control_register(unsigned number) = 0;
    virtual x86::OrException<> set_control_register(unsigned number, u64 value) = 0;
    virtual u64 debug_register(unsigned number) = 0;
    virtual x86::OrException<> set_debug_register(unsigned number, u64 value) = 0;
    virtual u64 efer() = 0;
    // MSRs that are part of the processor's state. Empty or false: not one of them, or a value it
    // does not take.
    virtual std::optional<u64> read_msr(u32 msr) = 0;
    [[nodiscard]] virtual bool write_msr(u32 msr, u64 value) = 0;
    virtual void invalidate_page(u64 linear) = 0;
    virtual void block_interrupts() = 0;

    // Features that this engine cannot give to its guest are taken out of the answer.
    virtual void mask_cpuid(u32 /*leaf*/, u32 /*subleaf*/, CpuidResult& /*result*/) {}

    // Somebody other than the running guest (emulator, device, paravirtual flag) wrote guest RAM.
    virtual void written(GuestPhys /*at*/, u64 /*bytes*/) {}

    // The emulator does not know the instruction of the last exits::Emulate. True: nothing is in its
    // way any more, and the guest executes it itself.
    virtual bool give_way() { return false; }

    // Moves behind the instruction that caused the exit.
    virtual void advance() = 0;

    // Whether inject() may be called with an interrupt: the guest's flag is set, nothing else is on
    // its way.
    virtual bool can_interrupt() = 0;
    virtual void inject(u8 vector) = 0;
    virtual void inject(x86::Exception const& exception) = 0; // at the instruction of the last exit
    // Makes run() return as soon as can_interrupt() holds.
    virtual void want_interrupt_window(bool wanted) = 0;

    EngineCounters const& counters() const { return counters_; }
    // The processor's state in one line, for a report.
    virtual std::string describe() = 0;

protected:
    EngineCounters counters_; // start() clears them
};

} // namespace vmm
