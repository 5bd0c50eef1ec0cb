// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/host/processor.hpp"

#include <cpuid.h>
#include <cstring>
#include <x86intrin.h>

#include "x86/emulate/arithmetic.hpp"
#include "x86/registers.hpp"

namespace x86::translate::hosted {
namespace {

constexpr u32 state_flags = flags::arithmetic | flags::direction;

constexpr u32 flat_limit = 0xffffffff;
constexpr u32 data_type = 3, code_type = 11; // accessed; writable, or readable
constexpr u32 type_writable = 2, type_expand_down = 4, type_code = 8;

u32 rights_of(u16 selector, u32 type) {
    return static_cast<u32>(access_rights::Type::make(type) | access_rights::CodeOrData::mask | access_rights::Dpl::make(selector & 3) |
                            access_rights::Present::mask | access_rights::Default32::mask | access_rights::Granularity::mask);
}

bool can_be_accessed(Segment const& segment) {
    auto const type = access_rights::Type::get(segment.access_rights);
    return !access_rights::Unusable::get(segment.access_rights) && (type & (type_code | type_expand_down)) == 0 && (type & type_writable) != 0;
}

} // namespace

Segment flat_code(u16 selector) { return {selector, rights_of(selector, code_type), flat_limit, 0}; }
Segment flat_data(u16 selector) { return {selector, rights_of(selector, data_type), flat_limit, 0}; }

HostProcessor::HostProcessor(State& state, Memory& memory) : state_(state), memory_(memory) {
    control_[0] = cr0::ProtectedMode::mask | cr0::MonitorCoprocessor::mask | cr0::ExtensionType::mask | cr0::NumericError::mask |
                  cr0::WriteProtect::mask | cr0::AlignmentMask::mask;
    control_[4] = cr4::FxSave::mask;
    state_.interrupt_flag = flags::interrupt;
    for (auto const name : {SegmentName::es, SegmentName::ss, SegmentName::ds}) set_segment(name, flat_data(linux_data_selector));
    set_segment(SegmentName::cs, flat_code(linux_code_selector));
    for (auto const name : {SegmentName::fs, SegmentName::gs, SegmentName::ldtr, SegmentName::tr}) set_segment(name, {});
}

GuestMode HostProcessor::guest_mode() {
    GuestMode mode;
    auto const size = [&](SegmentName name) -> u8 { return access_rights::Default32::get(segment(name).access_rights) ? 4 : 2; };
    mode.code_size = size(SegmentName::cs);
    mode.stack_size = size(SegmentName::ss);
    mode.flat = 0;
    for (unsigned i = 0; i < 6; ++i) {
        auto const bit = static_cast<u8>(1u << i);
        bool const unlimited = segments_[i].limit == flat_limit;
        if (SegmentName(i) != SegmentName::cs && !can_be_accessed(segments_[i])) mode.emulated |= bit;
        else if (unlimited && segments_[i].base == 0) mode.flat |= bit;
        else if (unlimited) mode.unlimited |= bit;
    }
    mode.cpl = static_cast<u8>(cpl());
    mode.fpu = (control_[0] & (cr0::Emulation::mask | cr0::TaskSwitched::mask)) == 0;
    return mode;
}

OrException<GuestPhys> HostProcessor::translate(u64 linear, Access access, bool supervisor) {
    static constexpr u8 wanted[] = {rights::read, rights::write, rights::execute}; // by Access
    auto const at = static_cast<u32>(linear);
    u8 const rights = memory_.rights(at);
    bool const visible = supervisor || (rights & rights::supervisor) == 0;
    if (visible && (rights & wanted[static_cast<std::size_t>(access)]) != 0) return GuestPhys{at};
    u32 const code = (rights != rights::none ? 1u : 0u) | (access == Access::write ? 2u : 0u) | (supervisor ? 0u : 4u) |
                     (access == Access::execute ? 16u : 0u);
    return fail(Exception{vector::page_fault, code, at});
}

bool HostProcessor::read(GuestPhys at, std::span<u8> to) {
    std::memcpy(to.data(), Memory::at(static_cast<u32>(at.value)), to.size());
    return true;
}

bool HostProcessor::write(GuestPhys at, std::span<u8 const> from) {
    memory_.release(static_cast<u32>(at.value / page_bytes));
    std::memcpy(Memory::at(static_cast<u32>(at.value)), from.data(), from.size());
    return true;
}

CoreState HostProcessor::core() {
    CoreState core;
    for (unsigned i = 0; i < 8; ++i) core.registers.value[i] = state_.general[i];
    core.rip = state_.eip;
    core.rflags = flags::fixed | state_.flags | state_.interrupt_flag | state_.system_flags;
    return core;
}

void HostProcessor::set_core(CoreState const& core) {
    for (unsigned i = 0; i < 8; ++i) state_.general[i] = static_cast<u32>(core.registers.value[i]);
    state_.eip = static_cast<u32>(core.rip);
    auto const word = static_cast<u32>(core.rflags);
    state_.flags = word & state_flags;
    state_.interrupt_flag = word & static_cast<u32>(flags::interrupt);
    state_.system_flags = word & ~(state_flags | static_cast<u32>(flags::interrupt | flags::fixed));
}

void HostProcessor::set_segment(SegmentName name, Segment const& segment) {
    auto const index = static_cast<std::size_t>(name);
    segments_[index] = segment;
    if (index >= std::size(state_.segments)) return;
    state_.segments[index] = {static_cast<u32>(segment.base), segment.limit};
    state_.selectors[index] = segment.selector;
}

unsigned HostProcessor::cpl() { return static_cast<unsigned>(access_rights::Dpl::get(segment(SegmentName::ss).access_rights)); }

void HostProcessor::set_protected_mode(bool on) {
    control_[0] &= ~cr0::ProtectedMode::mask;
    if (on) control_[0] |= cr0::ProtectedMode::mask;
}

OrException<> HostProcessor::set_control_register(unsigned number, u64 value) {
    constexpr u64 fixed = cr0::ProtectedMode::mask | cr0::ExtensionType::mask;
    bool const refused = (number == 0 && ((value & fixed) != fixed || cr0::Paging::get(value))) || (number != 0 && number != 2 && number != 4);
    if (refused) return fail(Exception{vector::general_protection, 0});
    control_[number] = value;
    return {};
}

OrException<> HostProcessor::set_debug_register(unsigned number, u64 value) {
    debug_[number % debug_.size()] = value;
    return {};
}

std::array<u32, 4> HostProcessor::cpuid(u32 leaf, u32 subleaf) {
    constexpr u32 basic_leaves = 1, extended_leaves = 0x80000008; // up to the sizes of caches and addresses
    std::array<u32, 4> result{};
    bool const known = leaf <= basic_leaves || (leaf >= 0x80000000 && leaf <= extended_leaves);
    if (!known) return result;
    __cpuid_count(leaf, subleaf, result[0], result[1], result[2], result[3]);
    if (leaf == 0) result[0] = basic_leaves;
    if (leaf == 0x80000000) result[0] = extended_leaves;
    if (leaf == 1) {
        constexpr u32 fpu = 1u << 0 | 1u << 23 | 1u << 24 | 1u << 25 | 1u << 26; // FPU MMX FXSR SSE SSE2
        constexpr u32 integer = 1u << 4 | 1u << 8 | 1u << 15;                    // TSC CX8 CMOV
        result[2] = 0;
        result[3] &= fpu_hidden_ ? integer : integer | fpu;
    }
    if (leaf == 0x80000001) result[2] = result[3] = 0;
    return result;
}

u64 HostProcessor::time_stamp() { return __rdtsc(); }

} // namespace x86::translate::hosted
