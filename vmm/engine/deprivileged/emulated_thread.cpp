// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/deprivileged/emulated_thread.hpp"

#include <algorithm>

#include "vmm/engine/deprivileged/registers.hpp"
#include "x86/emulate/emulator.hpp"
#include "x86/emulate/instruction.hpp"

namespace vmm {

ThreadStop EmulatedThread::resume(user::Registers32 const& registers, bool visible) {
    from_registers(registers);
    visible_ = visible;
    wide_ = false;
    return wait();
}

ThreadStop EmulatedThread::resume_wide(user::Registers64 const& registers, bool visible) {
    from_registers64(registers);
    visible_ = visible;
    wide_ = true;
    return wait();
}

ThreadStop EmulatedThread::wait() {
    for (;;) {
        if (++clock_ % period_ == 0) {
            ThreadStop stop;
            stop.notified = true;
            return stop;
        }
        if (wide_ && at_system_call()) return stop_for_system_call();
        auto const result = x86::emulate(*this);
        switch (result.outcome) {
        case x86::Outcome::done:
        case x86::Outcome::repeat: break;
        case x86::Outcome::raised: return stop_for(result.exception);
        case x86::Outcome::unsupported: // x87, which needs only be allowed here
            if (!fpu_) return stop_for({.vector = x86::vector::no_device});
            skip();
            break;
        default: ADD_FAILURE() << "user mode must not come here"; return {};
        }
    }
}

void EmulatedThread::skip() {
    auto const at = translate(core_.rip, x86::Access::execute, false);
    ASSERT_TRUE(at.has_value());
    auto const bytes = bytes_at(*at);
    auto const instruction =
        x86::decode(bytes.first(std::min<std::size_t>(bytes.size(), x86::longest_instruction)),
                    wide_ ? x86::Mode::long64 : x86::Mode::protected32);
    core_.rip += instruction ? instruction->length : 1;
}

bool EmulatedThread::at_system_call() {
    u8 bytes[2]{};
    auto const at = translate(core_.rip, x86::Access::execute, false);
    return at && read(*at, bytes) && bytes[0] == 0x0f && bytes[1] == 0x05;
}

ThreadStop EmulatedThread::stop_for_system_call() {
    core_.rip += 2;
    core_.registers.value[1] = core_.rip; // rcx and r11
    core_.registers.value[11] = core_.rflags;
    return wide_stop({.vector = 0, .error_code = 0}, 1 << 9);
}

ThreadStop EmulatedThread::wide_stop(x86::Exception const& event, u32 more) {
    ThreadStop stop;
    stop.wide = true;
    stop.wide_trap = {.event = event.vector | more,
                      .error_code = event.error_code.value_or(0),
                      .address = event.address,
                      .registers = registers64()};
    return stop;
}

ThreadStop EmulatedThread::stop_for(x86::Exception const& event) {
    if (wide_) return wide_stop(event, 0);
    user::Trap32 trap{.event = event.vector,
                      .error_code = event.error_code.value_or(0),
                      .address = static_cast<u32>(event.address),
                      .registers = registers()};
    // INT3 and INTO have gates that are open to user mode.
    for (u8 vector : {x86::vector::breakpoint, x86::vector::overflow})
        if (event.vector == x86::vector::general_protection &&
            trap.error_code == vector * 8u + 2) {
            trap.event = vector | 1u << 8;
            trap.error_code = 0;
            ++trap.registers.eip;
        }
    ThreadStop stop;
    stop.trap = trap;
    return stop;
}

void EmulatedThread::from_registers(user::Registers32 const& from) {
    constexpr u64 interrupts = 0x200;
    core_ = {.rflags = interrupts};
    take_registers(core_, from);
    for (auto& segment : segments_) segment = {data, 0xc0f3, ~u32{0}, 0};
    segments_[1] = {code, 0xc0fb, ~u32{0}, 0};
    segments_[4].base = from.fs_base;
    segments_[5].base = from.gs_base;
    segments_[6] = segments_[7] = {};
}

void EmulatedThread::from_registers64(user::Registers64 const& from) {
    core_ = {.registers = {{from.rax, from.rcx, from.rdx, from.rbx, from.rsp, from.rbp,
                            from.rsi, from.rdi, from.r8, from.r9, from.r10, from.r11, from.r12,
                            from.r13, from.r14, from.r15}},
             .rip = from.rip,
             .rflags = from.rflags};
    for (auto& segment : segments_) segment = {data, 0xc0f3, ~u32{0}, 0};
    segments_[1] = {wide_code, 0xa0fb, ~u32{0}, 0};
}

user::Registers64 EmulatedThread::registers64() const {
    u64 const* const r = core_.registers.value;
    return {.rip = core_.rip,
            .rsp = r[4],
            .rflags = core_.rflags,
            .rax = r[0],
            .rcx = r[1],
            .rdx = r[2],
            .rbx = r[3],
            .rbp = r[5],
            .rsi = r[6],
            .rdi = r[7],
            .r8 = r[8],
            .r9 = r[9],
            .r10 = r[10],
            .r11 = r[11],
            .r12 = r[12],
            .r13 = r[13],
            .r14 = r[14],
            .r15 = r[15]};
}

user::Registers32 EmulatedThread::registers() const {
    return registers_for_thread(core_, segments_[4].base, segments_[5].base);
}

x86::OrException<GuestPhys> EmulatedThread::translate(u64 linear, x86::Access access, bool supervisor) {
    EXPECT_FALSE(supervisor) << "no descriptor of this machine is ever read";
    EXPECT_TRUE(wide_ || linear < u64{1} << 32);
    if (linear >= u64{1} << 32) return translate_area(linear, access);
    bool const shared = linear >= split_;
    auto const entry =
        shared && !visible_ ? std::nullopt : backend_.find(shared ? 0 : root_, linear);
    bool const allowed = entry && (access != x86::Access::write || entry->rights.write) &&
                         (access != x86::Access::execute || entry->rights.execute);
    if (allowed)
        return GuestPhys{entry->page << shadow::page_shift |
                         (linear & (shadow::page_size - 1))};
    u32 const why = u32{entry.has_value()} | u32{access == x86::Access::write} << 1 | 4 |
                    u32{access == x86::Access::execute} << 4;
    return fail(x86::Exception{x86::vector::page_fault, why, linear});
}

EmulatedThread::Area const* EmulatedThread::area_of(u64 address) const {
    auto const at = std::ranges::find_if(
        areas_, [&](Area const& area) { return address - area.address < area.bytes.size(); });
    return at == areas_.end() ? nullptr : &*at;
}

x86::OrException<GuestPhys> EmulatedThread::translate_area(u64 linear, x86::Access access) const {
    Area const* const area = area_of(linear);
    bool const allowed = area && (access != x86::Access::write || area->write) &&
                         (access != x86::Access::execute || area->execute);
    if (allowed) return GuestPhys{linear};
    u32 const why = u32{area != nullptr} | u32{access == x86::Access::write} << 1 | 4 |
                    u32{access == x86::Access::execute} << 4;
    return fail(x86::Exception{x86::vector::page_fault, why, linear});
}

std::span<u8> EmulatedThread::bytes_at(GuestPhys at) const {
    if (at.value < first_area) return memory_.subspan(at.value);
    Area const* const area = area_of(at.value);
    return area->bytes.subspan(at.value - area->address);
}

bool EmulatedThread::read(GuestPhys at, std::span<u8> to) {
    std::ranges::copy(bytes_at(at).first(to.size()), to.begin());
    return true;
}

bool EmulatedThread::write(GuestPhys at, std::span<u8 const> from) {
    std::ranges::copy(from, bytes_at(at).begin());
    return true;
}

} // namespace vmm
