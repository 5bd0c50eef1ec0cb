// SPDX-License-Identifier: Apache-2.0
// Traps of the guest's kernel: code that has to be scanned before it runs, and instructions that
// are carried out for it.
#include "vmm/engine/trap/trap_engine.hpp"

#include <algorithm>

namespace vmm::trap {
namespace {

using x86::Access;

constexpr u64 trap_flag = 1 << 8;

} // namespace

// ---- code -------------------------------------------------------------------------------------

void TrapEngine::code_written(GuestPhys at, u64 bytes) {
    if (code_.written(at, bytes)) shadow_.forget_page(at.value / page_size);
}

shadow::AccessResult TrapEngine::make_accessible(u64 linear, Access access) {
    if (access != Access::execute || cpl_ == 3)
        return DeprivilegedEngine::make_accessible(linear, access);
    fetch_code(linear);
    auto const result = DeprivilegedEngine::make_accessible(linear, access);
    code_.set_fetched({});
    return result;
}

// A write to a page of code.
TrapEngine::Next TrapEngine::write_guarded(user::Trap32 const& trap, GuestPhys at) {
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
    return emulate_one();
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
    auto const scan = code_.fetch(page, offset, code, changed_);
    if (scan.looked) counters_.count(InternalExit::code_scan);
    counters_.patches += scan.patches;
    for (u64 each : changed_) shadow_.forget_page(each);
}

// ---- instructions -----------------------------------------------------------------------------

TrapEngine::Next TrapEngine::fault_of_instruction(user::Trap32 const& trap) {
    u64 const from = linear_eip();
    if (auto const next = DeprivilegedEngine::fault_of_instruction(trap)) return next;
    return emulate_on(from);
}

TrapEngine::Next TrapEngine::carry_out(std::span<u8 const> code, user::Trap32 const* trap) {
    if (cpl_ == 0 && carry_out_flag_instruction(code)) return {};
    return DeprivilegedEngine::carry_out(code, trap);
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

} // namespace vmm::trap
