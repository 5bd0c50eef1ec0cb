// SPDX-License-Identifier: Apache-2.0
// Why the guest's thread stopped, and what becomes of it.
#include "vmm/engine/trap/trap_engine.hpp"

#include <algorithm>

#include "x86/registers.hpp"

namespace vmm::trap {
namespace {

namespace vector = x86::vector;
using x86::Access;

constexpr u64 alignment_flag = 1 << 18, trap_flag = 1 << 8;
constexpr u64 single_step = 1 << 14; // of DR6
using Write = Bits<1>;               // of a page fault's error code
using Fetch = Bits<4>;

// What the instruction is to the counters.
InternalExit kind_of(std::span<u8 const> code) {
    std::size_t const at = !code.empty() && code[0] == 0x66 ? 1 : 0;
    if (code.size() < at + 3) return InternalExit::other;
    switch (code[at]) {
    case 0x9c: // PUSHF POPF
    case 0x9d:
    case 0xfa: // CLI STI
    case 0xfb: return InternalExit::interrupt_flag;
    case 0xcf: return InternalExit::interrupt_return;
    case 0xcc:
    case 0xcd:
    case 0xce: return InternalExit::software_interrupt;
    case 0x0f: break;
    default: return InternalExit::segment; // PUSH, POP and MOV of segment registers, far transfers
    }
    constexpr u8 load_machine_status = 6, invlpg = 7;
    u8 const reg = code[at + 2] >> 3 & 7;
    switch (code[at + 1]) {
    case 0x06:
    case 0x20:
    case 0x22: return InternalExit::control_register;
    case 0x01:
        return reg == invlpg                            ? InternalExit::invalidate_page
               : reg == load_machine_status || reg == 4 ? InternalExit::control_register
                                                        : InternalExit::segment;
    case 0x00:
    case 0x02:
    case 0x03:
    case 0xa0:
    case 0xa1:
    case 0xa8:
    case 0xa9:
    case 0xb2:
    case 0xb4:
    case 0xb5: return InternalExit::segment;
    default: return InternalExit::other;
    }
}

bool is_port_access(std::span<u8 const> code) {
    auto const opcode = std::ranges::find_if_not(
        code, [](u8 byte) { return byte == 0x66 || byte == 0x67 || byte == 0xf2 || byte == 0xf3; });
    if (opcode == code.end()) return false;
    return (*opcode & 0xf4) == 0xe4 || (*opcode & 0xfc) == 0x6c; // IN OUT, INS OUTS
}

// How far emulation goes on behind an instruction that trapped, to find the next trap: an exit
// costs as much as dozens of emulated instructions. What was found is believed so many times.
constexpr u8 most_steps = 12, retry_after = 64;
constexpr unsigned most_steps_in_all = 400;

} // namespace

shadow::AccessRequest TrapEngine::request(u64 linear, Access access, bool supervisor) const {
    return {.linear = linear,
            .access = access,
            .supervisor = supervisor,
            .alignment_check = cpl_ != 3 && (core_.rflags & alignment_flag) != 0,
            .view = cpl_ == 3 ? shadow::View::user : shadow::View::kernel};
}

x86::OrException<GuestPhys> TrapEngine::translate(u64 linear, Access access, bool supervisor) {
    auto const at = translate_cached(linear, access, supervisor);
    if (at && at->value >= memory_.size()) touched_device_ = true;
    return at;
}

x86::OrException<GuestPhys> TrapEngine::translate_cached(u64 linear, Access access,
                                                         bool supervisor) {
    u64 const page = linear / page_size;
    u64 const key = (page << 4 | static_cast<u64>(access) << 1 | u64{supervisor}) + 1;
    Translation& entry =
        translations_[(page ^ static_cast<u64>(access) << 2) % translations_.size()];
    if (entry.key == key) return GuestPhys{entry.page * page_size + linear % page_size};
    auto const at = shadow_.translate(request(linear, access, supervisor));
    if (at) entry = {.key = key, .page = at->value / page_size};
    return at;
}

void TrapEngine::written(GuestPhys at, u64 bytes) {
    shadow_.written(at, bytes);
    for (u64 done = 0; done < bytes;) {
        u64 const page = (at.value + done) / page_size;
        u64 const size = std::min(bytes - done, (page + 1) * page_size - at.value - done);
        if (code_.written(at + done, size)) shadow_.forget_page(page);
        done += size;
    }
}

x86::Exception TrapEngine::exception_of(user::Trap32 const& trap) const {
    x86::Exception event{.vector = trap.vector()};
    bool const has_code =
        trap.vector() == vector::double_fault || trap.vector() == vector::alignment ||
        (trap.vector() >= vector::invalid_tss && trap.vector() <= vector::page_fault);
    if (has_code) event.error_code = trap.error_code;
    return event;
}

TrapEngine::Next TrapEngine::handle(user::Trap32 const& trap) {
    if (trap.syscall()) { // hidden by CPUID
        constexpr u64 length = 2;
        core_.rip = static_cast<u32>(core_.rip - length);
        return raise({.vector = vector::invalid_opcode});
    }
    if (trap.software()) {
        counters_.count(InternalExit::software_interrupt);
        return deliver(x86::EventKind::software_interrupt, {.vector = trap.vector()});
    }
    switch (trap.vector()) {
    case vector::page_fault: return page_fault(trap);
    case vector::invalid_opcode:
    case vector::invalid_tss:
    case vector::segment_not_present:
    case vector::stack_fault:
    case vector::general_protection: return fault_of_instruction(trap);
    case vector::debug:
        if (core_.rflags & trap_flag) debug_[6] |= single_step;
        return raise(exception_of(trap));
    default: return raise(exception_of(trap));
    }
}

TrapEngine::Next TrapEngine::page_fault(user::Trap32 const& trap) {
    Access const access = Fetch::get(trap.error_code)   ? Access::execute
                          : Write::get(trap.error_code) ? Access::write
                                                        : Access::read;
    bool const supervisor = cpl_ != 3;
    bool const kernel_code = access == Access::execute && supervisor;
    if (kernel_code) fetch_code(trap.address);
    auto const result = shadow_.access(request(trap.address, access, supervisor));
    if (kernel_code) code_.set_fetched({});
    using Kind = shadow::AccessResult::Kind;
    switch (result.kind) {
    case Kind::mapped: counters_.count(InternalExit::shadow_fill); return {};
    case Kind::guest_fault:
        counters_.count(InternalExit::guest_page_fault);
        return raise(result.exception);
    case Kind::watched_write: {
        touched_device_ = false;
        auto const emulated = x86::emulate(*processor_);
        if (emulated.outcome != x86::Outcome::unsupported) return after(emulated, {});
        shadow_.stop_watching(
            result.address); // FXSAVE or a vector instruction: the guest does it itself
        return {};
    }
    case Kind::no_ram:
        exit_length_ = 0;
        return exits::Memory{result.address, access == Access::write, access == Access::execute};
    case Kind::guarded:
        return access == Access::write ? guarded(trap, result.address) : emulate_one({});
    case Kind::exhausted: break;
    }
    return exits::Unsupported{shadow::out_of_memory};
}

// A write to a page of code.
TrapEngine::Next TrapEngine::guarded(user::Trap32 const& trap, GuestPhys at) {
    u64 const page = at.value / page_size;
    // An instruction that writes to the page that it stands in would fault for ever.
    bool const own_page = in_page_of_instruction(page);
    if (own_page || !code_.drops_at_write(page)) {
        touched_device_ = false;
        auto const result = x86::emulate(*processor_);
        if (own_page || result.outcome != x86::Outcome::unsupported) return after(result, {});
    }
    code_.drop(page);
    shadow_.forget_page(page);
    bool const supervisor = cpl_ != 3;
    auto const result = shadow_.access(request(trap.address, Access::write, supervisor));
    if (result.kind == shadow::AccessResult::Kind::mapped) return {};
    return emulate_one({});
}

bool TrapEngine::in_page_of_instruction(u64 page) {
    constexpr u64 longest = 15;
    for (u64 linear : {linear_eip(), linear_eip() + longest - 1}) {
        auto const at =
            shadow_.translate(request(static_cast<u32>(linear), Access::execute, cpl_ != 3));
        if (at && at->value / page_size == page) return true;
    }
    return false;
}

// Before the kernel executes at `linear`: scans its page, or follows the new way into it. Behind
// eip it is where an instruction reaches into the next page.
void TrapEngine::fetch_code(u64 linear) {
    auto const at = shadow_.translate(request(linear, Access::execute, true));
    if (!at || at->value >= memory_.size()) return;
    u64 const page = at->value / page_size;
    u64 entry = at->value % page_size;
    if (linear != linear_eip())
        entry += instruction_length(instruction_bytes()).value_or(0) + linear_eip() - linear;
    if (entry >= page_size) return;
    u16 const offset = static_cast<u16>(entry);
    code_.set_fetched(page);
    if (code_.is_code(page) && code_.knows(page, offset)) return;
    // The page between its neighbours, as they stand in the linear address space.
    std::array<u8, wanted_before + page_size + wanted_after> bytes;
    u64 const start = linear & ~u64{page_size - 1};
    auto const copy = [&](u64 from, std::span<u8> to) {
        auto const where =
            shadow_.translate(request(static_cast<u32>(from), Access::execute, true));
        auto const source = where ? memory_.bytes(*where, to.size()) : std::span<u8>{};
        std::ranges::copy(source, to.begin());
        return !source.empty();
    };
    std::span<u8> const all(bytes);
    bool const before = copy(start - wanted_before, all.first(wanted_before));
    bool const inside = copy(start, all.subspan(wanted_before, page_size));
    bool const after = copy(start + page_size, all.last(wanted_after));
    if (!inside) return;
    CodeBytes const code{
        all.subspan(before ? 0 : wanted_before,
                    (before ? wanted_before : 0) + page_size + (after ? wanted_after : 0)),
        before ? wanted_before : 0};
    changed_.clear();
    code_.fetch(page, offset, code, changed_);
    for (u64 each : changed_) shadow_.forget_page(each);
}

// ---- instructions -----------------------------------------------------------------------------

std::span<u8 const> TrapEngine::instruction_bytes() {
    std::size_t known = 0;
    while (known < bytes_.size()) {
        u64 const linear = static_cast<u32>(linear_eip() + known);
        auto const at = translate_cached(linear, Access::execute, cpl_ != 3);
        if (!at) break;
        std::size_t const size =
            std::min<std::size_t>(bytes_.size() - known, page_size - at->value % page_size);
        auto const from = memory_.bytes(*at, size);
        if (from.empty()) break;
        std::ranges::copy(from, bytes_.begin() + static_cast<std::ptrdiff_t>(known));
        known += size;
    }
    return std::span(bytes_).first(known);
}

// #GP, #UD and their like: an instruction that has to be emulated, or one that is just wrong.
TrapEngine::Next TrapEngine::fault_of_instruction(user::Trap32 const& trap) {
    u64 const from = linear_eip();
    auto const code = instruction_bytes();
    counters_.count(kind_of(code));
    if (auto const next = carry_out(code, &trap)) return next;
    return go_on(from);
}

// The instruction at eip. trap: what the processor said about it; null if it was not asked.
TrapEngine::Next TrapEngine::carry_out(std::span<u8 const> code, user::Trap32 const* trap) {
    if (cpl_ == 0) {
        if (carry_out_flag_instruction(code)) return {};
        if (auto const exit = exit_of_instruction(code)) return exit;
    }
    touched_device_ = is_port_access(code); // of a user program with IOPL 3, or a string
    auto const result = x86::emulate(*processor_);
    bool const wrong = trap && result.outcome == x86::Outcome::unsupported && !is_for_us(code);
    return after(result, wrong ? std::optional(exception_of(*trap)) : std::nullopt);
}

// Goes on behind the trap at `from`: always where it held interrupts off for the next instruction
// (nobody could tell later whether the thread got past that), and for as long as the next trap is
// known to come soon.
TrapEngine::Next TrapEngine::go_on(u64 from) {
    unsigned since = 0; // the last trap
    for (unsigned steps = 0; steps < most_steps_in_all; ++steps) {
        bool const held_off = shadow_at_ == core_.rip;
        NextTrap& expected = next_traps_[from % next_traps_.size()];
        if (expected.from != from || expected.trust == 0)
            expected = {.from = static_cast<u32>(from), .steps = most_steps, .trust = retry_after};
        if (since == 0) --expected.trust;
        if (!held_off) {
            if (cpl_ != 0 || (window_wanted_ && can_interrupt())) return {};
            if (since >= expected.steps) {
                if (since == most_steps) expected.steps = 0; // nothing there
                return {};
            }
        }
        auto const code = instruction_bytes();
        if (code.size() < bytes_.size())
            return {}; // near the end of what can be fetched: the processor knows better
        if (needs_privilege(code)) {
            expected.steps = static_cast<u8>(
                std::max<unsigned>(expected.steps == most_steps ? 0 : expected.steps, since + 1));
            from = linear_eip();
            since = 0;
            shadow_at_ = held_off ? no_shadow : shadow_at_;
            if (auto const next = carry_out(code, nullptr)) return next;
            continue;
        }
        touched_device_ = false;
        auto const result = x86::emulate(*processor_);
        if (held_off) shadow_at_ = no_shadow;
        if (result.outcome == x86::Outcome::unsupported) { // the guest can do it itself
            if (!held_off) expected.steps = 0;
            return {};
        }
        if (auto const next = after(result, {})) return next;
        if (result.outcome != x86::Outcome::done) return {};
        ++since;
    }
    return {};
}

// Whether the kernel's instruction faulted because of this engine, and not because it is wrong.
bool TrapEngine::is_for_us(std::span<u8 const> code) {
    if (cpl_ != 0) return false;
    if (needs_privilege(code)) return true;
    auto const at = shadow_.translate(request(linear_eip(), Access::execute, true));
    return at && code_.is_trap(at->value / page_size, static_cast<u16>(at->value % page_size));
}

// CLI, STI, PUSHF and POPF of the kernel, most of all instructions that trap. False: not done,
// because it is none of them or would fault.
bool TrapEngine::carry_out_flag_instruction(std::span<u8 const> code) {
    constexpr u64 resume = 1 << 16, interrupt = 1 << 9, virtual8086 = 1 << 17;
    constexpr u64 writable = 0x247fd5; // by POPF at CPL 0: all but RF, VM, VIF and VIP
    constexpr unsigned esp = 4, bytes = 4;
    if (code.empty() || (core_.rflags & trap_flag) != 0) return false;
    u64& stack = core_.registers.value[esp];
    switch (code[0]) {
    case 0xfa: core_.rflags &= ~interrupt; break;
    case 0xfb:
        if ((core_.rflags & interrupt) == 0) shadow_at_ = static_cast<u32>(core_.rip + 1);
        core_.rflags |= interrupt;
        break;
    case 0x9c: {
        u32 const to = static_cast<u32>(stack - bytes);
        u32 const flags = static_cast<u32>(core_.rflags & ~(resume | virtual8086));
        if (to % page_size > page_size - bytes) return false;
        auto const at = translate_cached(to, Access::write, true);
        if (!at || !memory_.write(*at, flags)) return false;
        written(*at, bytes);
        stack = to;
        break;
    }
    case 0x9d: {
        if (stack % page_size > page_size - bytes) return false;
        auto const at = translate_cached(stack, Access::read, true);
        auto const flags = at ? memory_.read<u32>(*at) : std::nullopt;
        if (!flags || (*flags & trap_flag) != 0) return false;
        core_.rflags = (core_.rflags & ~(writable | trap_flag)) | (*flags & writable) | 2;
        stack = static_cast<u32>(stack + bytes);
        break;
    }
    default: return false;
    }
    core_.rflags &= ~resume;
    core_.rip = static_cast<u32>(core_.rip + 1);
    return true;
}

// What the monitor does for every engine, so that it is counted alike.
TrapEngine::Next TrapEngine::exit_of_instruction(std::span<u8 const> code) {
    if (code.empty()) return {};
    bool const word = code[0] == 0x66;
    if (word) code = code.subspan(1);
    if (code.size() < 2) return {};
    u8 const prefix = word ? 1 : 0;
    exit_length_ = static_cast<u8>(prefix + 2);
    if (code[0] == 0x0f) {
        if (word) return {};
        switch (code[1]) {
        case 0xa2: return exits::Cpuid{};
        case 0x30: return exits::WriteMsr{};
        case 0x32: return exits::ReadMsr{};
        default: return {};
        }
    }
    if (code[0] == 0xf4 && !word) {
        exit_length_ = 1;
        return exits::Halt{};
    }
    constexpr u8 by_register = 8, out = 2, wide = 1;
    if ((code[0] & 0xf4) != 0xe4) return {};
    u8 const size = (code[0] & wide) == 0 ? 1 : word ? 2 : 4;
    constexpr unsigned edx = 2;
    u16 const port = code[0] & by_register ? static_cast<u16>(core_.registers.value[edx]) : code[1];
    if (code[0] & by_register) exit_length_ = static_cast<u8>(prefix + 1);
    return exits::Port{.port = port, .size = size, .in = (code[0] & out) == 0, .string = false};
}

TrapEngine::Next TrapEngine::emulate_one(std::optional<x86::Exception> const& instead) {
    touched_device_ = false;
    return after(x86::emulate(*processor_), instead);
}

// instead: the exception that the processor raised, for instructions that the emulator does not
// know.
TrapEngine::Next TrapEngine::after(x86::Result const& result,
                                   std::optional<x86::Exception> const& instead) {
    switch (result.outcome) {
    case x86::Outcome::done:
    case x86::Outcome::repeat:
        if (touched_device_) return exits::InterruptWindow{}; // the monitor looks at its devices
        return {};
    case x86::Outcome::halt: exit_length_ = 0; return exits::Halt{};
    case x86::Outcome::raised:
        if (result.exception.vector == vector::page_fault)
            counters_.count(InternalExit::guest_page_fault);
        return raise(result.exception);
    case x86::Outcome::hypercall: exit_length_ = 3; return exits::Hypercall{};
    case x86::Outcome::triple_fault: return exits::TripleFault{};
    case x86::Outcome::unsupported: break;
    }
    if (instead) return raise(*instead);
    return exits::Unsupported{std::string(result.why) + " needs the engine `shadow` or `nested`"};
}

TrapEngine::Next TrapEngine::deliver(x86::EventKind kind, x86::Exception const& event) {
    if (kind == x86::EventKind::exception) {
        ++counters_.injected_exceptions;
        if (event.vector != vector::page_fault) counters_.count(InternalExit::guest_exception);
    }
    entered_ = true;
    auto const result = x86::deliver(*processor_, kind, event);
    if (result.outcome == x86::Outcome::done) return {};
    if (result.outcome == x86::Outcome::triple_fault) return exits::TripleFault{};
    return exits::Unsupported{std::string(result.why) + " needs the engine `shadow` or `nested`"};
}

} // namespace vmm::trap
