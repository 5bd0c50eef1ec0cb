// SPDX-License-Identifier: Apache-2.0
// The guest's registers in State, and back; what code is made for.
#include "vmm/engine/translate/translate_engine.hpp"

#include <algorithm>

#include "x86/registers.hpp"

namespace vmm::translate {
namespace {

using x86::SegmentName;
namespace rights = x86::access_rights;

constexpr u64 interrupt_flag = 1 << 9;
constexpr u32 arithmetic_flags = 0xcd5; // CF PF AF ZF SF DF OF
// TF IOPL NT VM AC VIF VIP ID. RF ends with the next instruction, which no breakpoint waits for.
constexpr u32 system_flags = 0x3e7100;

} // namespace

// What neither the translator nor the emulator can do.
void TranslateEngine::mask_cpuid(u32 leaf, u32 subleaf, CpuidResult& result) {
    DeprivilegedEngine::mask_cpuid(leaf, subleaf, result);
    constexpr u32 sse4_1 = 1 << 19, sse4_2 = 1 << 20, movbe = 1 << 22;
    constexpr u32 bmi1 = 1 << 3, bmi2 = 1 << 8, adx = 1 << 19, clflushopt = 1 << 23;
    if (leaf == 1) result.ecx &= ~(sse4_1 | sse4_2 | movbe);
    if (leaf == 7) result.ebx &= ~(bmi1 | bmi2 | adx | clflushopt);
}

void TranslateEngine::to_state() {
    for (unsigned i = 0; i < 8; ++i) state_.general[i] = static_cast<u32>(core_.registers.value[i]);
    state_.eip = static_cast<u32>(core_.rip);
    state_.flags = static_cast<u32>(core_.rflags) & arithmetic_flags;
    state_.interrupt_flag = static_cast<u32>(core_.rflags & interrupt_flag);
    state_.system_flags = static_cast<u32>(core_.rflags) & system_flags;
    state_.event = 0;
    state_.waiting = window_wanted_;
    if (!entered_) return;
    entered_ = false;
    for (unsigned i = 0; i < std::size(state_.segments); ++i) {
        state_.segments[i] = {.base = static_cast<u32>(segments_[i].base),
                              .limit = segments_[i].limit};
        state_.selectors[i] = segments_[i].selector;
    }
    mode_ = mode();
    translator_.set_mode(mode_);
}

void TranslateEngine::from_state() {
    for (unsigned i = 0; i < 8; ++i) core_.registers.value[i] = state_.general[i];
    core_.rip = state_.eip;
    core_.rflags = (state_.flags & arithmetic_flags) | state_.interrupt_flag |
                   (state_.system_flags & system_flags) | 2;
    shadow_at_ = no_shadow;
}

x86::translate::GuestMode TranslateEngine::mode() const {
    bool const protected_mode = cr0::ProtectedMode::get(paging().cr0) != 0;
    auto const is_wide = [&](SegmentName name) {
        return protected_mode &&
               rights::Default32::get(segments_[std::to_underlying(name)].access_rights) != 0;
    };
    x86::translate::GuestMode mode{.code_size = is_wide(SegmentName::cs) ? u8{4} : u8{2},
                                   .stack_size = is_wide(SegmentName::ss) ? u8{4} : u8{2},
                                   .flat = 0,
                                   .unlimited = 0,
                                   .emulated = 0,
                                   .cpl = protected_mode ? static_cast<u8>(cpl_) : u8{0},
                                   .fpu = true}; // where it may not be used the thread gets #NM
    for (unsigned i = 0; i < std::size(state_.segments); ++i) {
        x86::Segment const& segment = segments_[i];
        u8 const bit = static_cast<u8>(1 << i);
        bool const is_code = i == std::to_underlying(SegmentName::cs);
        u64 const type = rights::Type::get(segment.access_rights);
        constexpr u64 executable = 8, expand_down = 4, writable = 2; // of code: readable
        bool const usable = !rights::Unusable::get(segment.access_rights) &&
                            (is_code ? (type & writable) != 0
                                     : (type & (executable | expand_down | writable)) == writable);
        bool const unlimited = segment.limit == ~u32{0};
        if (usable || !protected_mode) {
            if (unlimited && segment.base == 0) {
                mode.flat |= bit;
            } else if (unlimited) {
                mode.unlimited |= bit;
            }
        } else {
            mode.emulated |= bit;
        }
    }
    // Kernels come with whatever GS their user mode left, and use it no more than that.
    constexpr u8 gs = 1 << std::to_underlying(SegmentName::gs);
    if (cpl_ == 0 && protected_mode && !(mode.flat & gs)) {
        mode.unlimited = static_cast<u8>(mode.unlimited & ~gs);
        mode.emulated |= gs;
    }
    return mode;
}

} // namespace vmm::translate
