// SPDX-License-Identifier: Apache-2.0
// Why the guest's thread stopped, and what becomes of it.
#include "vmm/engine/deprivileged/deprivileged_engine.hpp"

#include <algorithm>

#include "x86/registers.hpp"

namespace vmm {
namespace {

namespace vector = x86::vector;
using shadow::page_size;
using x86::Access;

constexpr u64 alignment_flag = 1 << 18, trap_flag = 1 << 8;
constexpr u64 single_step = 1 << 14; // of DR6
using Write = Bits<1>;               // of a page fault's error code
using Fetch = Bits<4>;

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

shadow::AccessRequest DeprivilegedEngine::request(u64 linear, Access access,
                                                  bool supervisor) const {
    return {.linear = linear,
            .access = access,
            .supervisor = supervisor,
            .alignment_check = cpl_ != 3 && (core_.rflags & alignment_flag) != 0,
            .view = cpl_ == 3 ? shadow::View::user : shadow::View::kernel};
}

x86::OrException<GuestPhys> DeprivilegedEngine::translate(u64 linear, Access access,
                                                          bool supervisor) {
    auto const at = translate_cached(linear, access, supervisor);
    if (at && at->value >= memory_.size()) touched_device_ = true;
    return at;
}

x86::OrException<GuestPhys> DeprivilegedEngine::translate_cached(u64 linear, Access access,
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

void DeprivilegedEngine::written(GuestPhys at, u64 bytes) {
    shadow_.written(at, bytes);
    for (u64 done = 0; done < bytes;) {
        u64 const page = (at.value + done) / page_size;
        u64 const size = std::min(bytes - done, (page + 1) * page_size - at.value - done);
        code_written(at + done, size);
        done += size;
    }
}

// ---- traps ------------------------------------------------------------------------------------

x86::Exception DeprivilegedEngine::exception_of(user::Trap32 const& trap) {
    x86::Exception event{.vector = trap.vector()};
    bool const has_code =
        trap.vector() == vector::double_fault || trap.vector() == vector::alignment ||
        (trap.vector() >= vector::invalid_tss && trap.vector() <= vector::page_fault);
    if (has_code) event.error_code = trap.error_code;
    return event;
}

Access DeprivilegedEngine::access_of(user::Trap32 const& trap) {
    return Fetch::get(trap.error_code)   ? Access::execute
           : Write::get(trap.error_code) ? Access::write
                                         : Access::read;
}

DeprivilegedEngine::Next DeprivilegedEngine::handle(user::Trap32 const& trap) {
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

shadow::AccessResult DeprivilegedEngine::make_accessible(u64 linear, Access access) {
    return shadow_.access(request(linear, access, cpl_ != 3));
}

DeprivilegedEngine::Next DeprivilegedEngine::page_fault(user::Trap32 const& trap) {
    return after_access(trap, make_accessible(trap.address, access_of(trap)));
}

DeprivilegedEngine::Next DeprivilegedEngine::after_access(user::Trap32 const& trap,
                                                          shadow::AccessResult const& result) {
    Access const access = access_of(trap);
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
        return access == Access::write ? write_guarded(trap, result.address) : emulate_one();
    case Kind::exhausted: break;
    }
    return exits::Unsupported{shadow::out_of_memory};
}

bool DeprivilegedEngine::in_page_of_instruction(u64 page) {
    constexpr u64 longest = 15;
    for (u64 linear : {linear_eip(), linear_eip() + longest - 1}) {
        auto const at =
            shadow_.translate(request(static_cast<u32>(linear), Access::execute, cpl_ != 3));
        if (at && at->value / page_size == page) return true;
    }
    return false;
}

// ---- instructions -----------------------------------------------------------------------------

std::span<u8 const> DeprivilegedEngine::instruction_bytes() {
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

InternalExit DeprivilegedEngine::kind_of(std::span<u8 const> code) {
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

DeprivilegedEngine::Next DeprivilegedEngine::fault_of_instruction(user::Trap32 const& trap) {
    auto const code = instruction_bytes();
    counters_.count(kind_of(code));
    return carry_out(code, &trap);
}

DeprivilegedEngine::Next DeprivilegedEngine::carry_out(std::span<u8 const> code,
                                                       user::Trap32 const* trap) {
    if (cpl_ == 0)
        if (auto const exit = exit_of_instruction(code)) return exit;
    touched_device_ = is_port_access(code); // of a user program with IOPL 3, or a string
    auto const result = x86::emulate(*processor_);
    bool const wrong = trap && result.outcome == x86::Outcome::unsupported && !is_for_us(code);
    return after(result, wrong ? std::optional(exception_of(*trap)) : std::nullopt);
}

DeprivilegedEngine::Next DeprivilegedEngine::exit_of_instruction(std::span<u8 const> code) {
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

DeprivilegedEngine::Next DeprivilegedEngine::emulate_one() {
    touched_device_ = false;
    return after(x86::emulate(*processor_), {});
}

DeprivilegedEngine::Next DeprivilegedEngine::emulate_on(u64 from) {
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
        if (traps(code)) {
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

// instead: the exception that the processor raised, for instructions that the emulator does not
// know.
DeprivilegedEngine::Next DeprivilegedEngine::after(x86::Result const& result,
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
    return unsupported(result.why);
}

DeprivilegedEngine::Next DeprivilegedEngine::deliver(x86::EventKind kind,
                                                     x86::Exception const& event) {
    if (kind == x86::EventKind::exception) {
        ++counters_.injected_exceptions;
        if (event.vector != vector::page_fault) counters_.count(InternalExit::guest_exception);
    }
    entered_ = true;
    auto const result = x86::deliver(*processor_, kind, event);
    if (result.outcome == x86::Outcome::done) return {};
    if (result.outcome == x86::Outcome::triple_fault) return exits::TripleFault{};
    return unsupported(result.why);
}

} // namespace vmm
