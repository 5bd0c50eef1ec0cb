// SPDX-License-Identifier: Apache-2.0
#include "vmm/monitor.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/overload.hpp"
#include "x86/emulate/emulator.hpp"
#include "x86/registers.hpp"

namespace vmm {
namespace {

enum : unsigned { rax = 0, rcx = 1, rdx = 2, rbx = 3 };
constexpr u64 interrupt_flag = 1 << 9;
constexpr u64 no_such_hypercall = ~u64{0} - 999; // KVM's -1000

// While the guest computes, timer interrupts come at most this often; Linux catches up with the
// ticks it missed. When it is idle they are on time.
constexpr u64 tick_milliseconds = 20;
// A guest that executes the same invalid instruction so often, and nothing else that we see, will
// not stop by itself.
constexpr unsigned most_bad_instructions = 10000;

std::string hex(u64 value) {
    char text[20];
    std::snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(value));
    return text;
}

x86::Exception general_protection(Engine& engine) {
    bool const real_mode = !cr0::ProtectedMode::get(engine.control_register(0));
    if (real_mode) return {.vector = x86::vector::general_protection, .error_code = {}};
    return {x86::vector::general_protection, 0};
}

// Whether the guest got further than an invalid instruction.
bool is_progress(Exit const& exit) {
    return !std::holds_alternative<exits::InvalidOpcode>(exit) &&
           !std::holds_alternative<exits::Refused>(exit) &&
           !std::holds_alternative<exits::Notified>(exit) &&
           !std::holds_alternative<exits::InterruptWindow>(exit);
}

} // namespace

Monitor::Monitor(Guest guest, GuestMemory memory, Engine& engine, Host& host,
                 ClockBase const& clock, CpuidSource source)
    : guest_(std::move(guest)), engine_(engine), host_(host), output_(host, guest_.report_at),
      machine_(memory, output_, clock, source), processor_(engine, machine_, host),
      tsc_khz_(clock.tsc_khz) {
    engine_.attach(processor_);
}

int Monitor::run() {
    for (bool first = true;; first = false) {
        if (!first)
            std::memset(machine_.memory().bytes(GuestPhys{0}, machine_.memory().size()).data(), 0,
                        machine_.memory().size());
        if (auto const booted = boot(); !booted) {
            host_.say(guest_.name + ": cannot boot: " + booted.error().text);
            return 1;
        }
        auto const ended = run_until_power_changes();
        report();
        if (!ended) {
            host_.say(guest_.name + ": stopped: " + ended.error().reason);
            return 1;
        }
        if (machine_.power() == Machine::Power::off) {
            host_.say(guest_.name + ": powered off");
            return 0;
        }
        host_.say(guest_.name + ": reboots");
    }
}

std::expected<void, BootError> Monitor::boot() {
    started_ = host_.now();
    using Loaded = std::expected<GuestEntry, BootError>;
    GuestMemory const& memory = machine_.memory();
    auto const entry = std::visit(
        Overload{
            [&](BzImage const& kernel) -> Loaded {
                return load_linux(memory, kernel, guest_.initramfs, guest_.command_line);
            },
            [&](BootSector const& image) -> Loaded { return load_boot_sector(memory, image); },
        },
        guest_.image);
    if (!entry) return fail(entry.error());
    machine_.reset(entry->efer != 0);
    engine_.start(*entry);
    counts_ = {};
    last_tick_ = bad_count_ = 0;
    return {};
}

Monitor::Handled Monitor::run_until_power_changes() {
    while (machine_.power() == Machine::Power::on) {
        prepare_entry();
        Exit const exit = engine_.run();
        counts_.add(exit);
        TRY(handle(exit));
        update();
        if (output_.take_seen() || host_.asked_to_report()) report();
        if (auto const mark = machine_.take_mark()) report(mark);
        if (host_.asked_to_stop()) return fail(Stop{"by request"});
    }
    return {};
}

// Brings the devices up to date with what happened while the guest ran.
void Monitor::update() {
    u64 const now = host_.now();
    if (auto const timer = machine_.next_timer(); timer && *timer <= now) last_tick_ = now;
    if (machine_.uart().blocked()) machine_.uart().pump();
    for (;;) {
        if (!typed_) typed_ = host_.input();
        if (!typed_ || !machine_.uart().receive(*typed_)) break;
        typed_.reset();
    }
    machine_.after_run(now);
}

void Monitor::prepare_entry() {
    auto const vector = machine_.interrupt();
    if (vector && engine_.can_interrupt()) {
        engine_.inject(*vector);
        machine_.taken(*vector);
    }
    engine_.want_interrupt_window(machine_.interrupt().has_value());
    if (auto const timer = machine_.next_timer())
        host_.set_alarm(std::max(*timer, last_tick_ + tick_milliseconds * tsc_khz_));
    machine_.before_run();
}

Monitor::Handled Monitor::handle(Exit const& exit) {
    if (is_progress(exit)) bad_count_ = 0;
    return std::visit(
        Overload{
            [&](exits::Notified notified) -> Handled {
                host_.happened(notified.word);
                host_.flush();
                return {};
            },
            [&](exits::InterruptWindow) -> Handled { return {}; },
            [&](exits::Cpuid) -> Handled {
                cpuid();
                return {};
            },
            [&](exits::Halt) -> Handled {
                engine_.advance();
                return idle();
            },
            [&](exits::ReadMsr) -> Handled {
                read_msr();
                return {};
            },
            [&](exits::WriteMsr) -> Handled {
                write_msr();
                return {};
            },
            [&](exits::Port const& access) -> Handled { return port(access); },
            [&](exits::Memory const& access) -> Handled { return device_access(access); },
            [&](exits::Emulate) -> Handled { return emulate(); },
            [&](exits::InvalidOpcode) -> Handled { return invalid_opcode(); },
            [&](exits::Hypercall) -> Handled {
                hypercall();
                return {};
            },
            [&](exits::Ignored) -> Handled {
                engine_.advance();
                return {};
            },
            [&](exits::Refused) -> Handled { return invalid_opcode(); },
            [&](exits::TripleFault) -> Handled { return fail(stop("triple fault")); },
            [&](exits::EntryFailed) -> Handled {
                return fail(stop("the processor refuses the guest's state"));
            },
            [&](exits::Unexpected unexpected) -> Handled {
                return fail(stop("unexpected exit, reason " + std::to_string(unexpected.reason) +
                                 ", qualification " + hex(unexpected.qualification)));
            },
            [&](exits::Unsupported const& unsupported) -> Handled {
                return fail(stop(unsupported.why));
            },
        },
        exit);
}

// Behind HLT: sleeps until there is an interrupt for the guest.
Monitor::Handled Monitor::idle() {
    if ((engine_.core().rflags & interrupt_flag) == 0)
        return fail(stop("halted with interrupts off, nothing can wake it"));
    for (;;) {
        update();
        if (machine_.interrupt() || host_.asked_to_stop()) return {};
        if (auto const timer = machine_.next_timer()) host_.set_alarm(*timer);
        host_.flush();
        host_.wait();
    }
}

void Monitor::hypercall() {
    constexpr u64 length = 3; // of VMCALL and VMMCALL
    x86::CoreState core = engine_.core();
    core.registers.value[rax] = no_such_hypercall;
    core.rip += length;
    engine_.set_core(core);
}

void Monitor::set_register(unsigned number, u64 value) {
    x86::CoreState core = engine_.core();
    core.registers.value[number] = value;
    engine_.set_core(core);
}

void Monitor::cpuid() {
    x86::CoreState core = engine_.core();
    u64* const values = core.registers.value;
    u32 const leaf = static_cast<u32>(values[rax]), subleaf = static_cast<u32>(values[rcx]);
    auto result = machine_.cpuid(leaf, subleaf);
    engine_.mask_cpuid(leaf, subleaf, result);
    values[rax] = result.eax;
    values[rbx] = result.ebx;
    values[rcx] = result.ecx;
    values[rdx] = result.edx;
    engine_.set_core(core);
    engine_.advance();
}

void Monitor::read_msr() {
    x86::CoreState core = engine_.core();
    u32 const msr = static_cast<u32>(core.registers.value[rcx]);
    auto value = engine_.read_msr(msr);
    if (!value) value = machine_.read_msr(msr, host_.now());
    if (!value) return engine_.inject(general_protection(engine_));
    core.registers.value[rax] = *value & 0xffffffff;
    core.registers.value[rdx] = *value >> 32;
    engine_.set_core(core);
    engine_.advance();
}

void Monitor::write_msr() {
    auto const registers = engine_.core().registers;
    u32 const msr = static_cast<u32>(registers.value[rcx]);
    u64 const value = (registers.value[rdx] << 32) | (registers.value[rax] & 0xffffffff);
    if (engine_.write_msr(msr, value) || machine_.write_msr(msr, value, host_.now()))
        engine_.advance();
    else
        engine_.inject(general_protection(engine_));
}

Monitor::Handled Monitor::port(exits::Port const& access) {
    if (access.string) return emulate();
    u64 const old = engine_.core().registers.value[rax];
    u64 const bits = access.size == 4 ? 0xffffffff : (u64{1} << 8 * access.size) - 1;
    if (access.in) {
        u64 const value = machine_.read_port(access.port, access.size, host_.now());
        set_register(rax, access.size == 4 ? value : (old & ~bits) | (value & bits));
    } else {
        machine_.write_port(access.port, access.size, static_cast<u32>(old & bits), host_.now());
    }
    engine_.advance();
    return {};
}

Monitor::Handled Monitor::device_access(exits::Memory const& access) {
    char const* const verb = access.fetch ? "executes" : access.write ? "writes" : "reads";
    if (access.fetch || !machine_.has_device(access.address))
        return fail(stop(std::string(verb) + " guest-physical address " +
                         hex(access.address.value) +
                         ", where there is neither memory nor a device"));
    return emulate();
}

// The instruction at rip, as the guest's processor would carry it out.
Monitor::Handled Monitor::emulate() {
    auto const result = x86::emulate(processor_);
    switch (result.outcome) {
    case x86::Outcome::done:
    case x86::Outcome::repeat: break; // the guest's next run begins with the rest
    case x86::Outcome::halt: return idle();
    case x86::Outcome::raised: engine_.inject(result.exception); break;
    case x86::Outcome::hypercall: hypercall(); break;
    case x86::Outcome::triple_fault: return fail(stop("triple fault"));
    case x86::Outcome::unsupported:
        if (engine_.give_way()) break;
        return fail(stop(std::string("cannot emulate ") + result.why));
    }
    return {};
}

Monitor::Handled Monitor::invalid_opcode() {
    u64 const rip = engine_.core().rip;
    if (rip != bad_rip_) bad_count_ = 0;
    bad_rip_ = rip;
    if (++bad_count_ == most_bad_instructions)
        return fail(stop("executes the same invalid instruction again and again"));
    engine_.inject(x86::Exception{.vector = x86::vector::invalid_opcode});
    return {};
}

Monitor::Stop Monitor::stop(std::string reason) {
    return {reason + " (" + engine_.describe() + ")"};
}

void Monitor::report(std::optional<u32> mark) {
    Report const report{.milliseconds = (host_.now() - started_) / tsc_khz_,
                        .mark = mark,
                        .exits = counts_,
                        .engine = engine_.counters()};
    host_.say(guest_.name + ": " + (guest_.json ? report.json() : report.text()));
}

} // namespace vmm
