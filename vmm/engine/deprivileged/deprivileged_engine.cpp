// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/deprivileged/deprivileged_engine.hpp"

#include <algorithm>
#include <cstdio>

#include "vmm/engine/deprivileged/registers.hpp"
#include "x86/registers.hpp"

namespace vmm {
namespace {

using x86::SegmentName;
namespace rights = x86::access_rights;

enum : unsigned { esp = 4 };
constexpr u64 interrupt_flag = 1 << 9;
constexpr u32 busy_task = 0x8b;
constexpr u32 whole = ~u32{0};

// DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT; TSD is kept, but RDTSC works all the same.
constexpr u64 cr4_known = 0x7fc;

} // namespace

DeprivilegedEngine::DeprivilegedEngine(GuestThread& thread, shadow::Backend& backend,
                                       GuestMemory memory, shadow::PageGuard const& guard)
    : thread_(thread), memory_(memory), tables_(memory),
      shadow_(backend, memory, shadow::Policy::sync, counters_, &guard),
      registers_(32, {.cr0 = ControlRegisters::all.cr0,
                      .cr4 = cr4_known,
                      .efer = efer::NoExecuteEnable::mask}) {}

bool DeprivilegedEngine::is_flat(x86::Segment const& segment) {
    return rights::Unusable::get(segment.access_rights) ||
           (segment.base == 0 && segment.limit == whole &&
            rights::Default32::get(segment.access_rights));
}

std::string DeprivilegedEngine::hex(u64 value) {
    char text[20];
    std::snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(value));
    return text;
}

void DeprivilegedEngine::start(GuestEntry const& entry) {
    if (where_ == Where::running) (void)thread_.stop();
    where_ = Where::stopped;
    counters_ = {};
    for (auto name :
         {SegmentName::es, SegmentName::ss, SegmentName::ds, SegmentName::fs, SegmentName::gs})
        segments_[std::to_underlying(name)] = entry.data;
    segments_[std::to_underlying(SegmentName::cs)] = entry.code;
    segments_[std::to_underlying(SegmentName::ldtr)] = {};
    segments_[std::to_underlying(SegmentName::tr)] = {0, busy_task, 0xffff, 0};
    gdtr_ = entry.gdtr;
    idtr_ = entry.idtr;
    core_ = entry.core;
    registers_.reset(entry.cr0, entry.cr3, entry.cr4, entry.efer);
    cr2_ = 0;
    debug_ = {};
    debug_[6] = 0xffff0ff0;
    debug_[7] = 0x400;
    constexpr u64 default_pat = 0x0007040600070406;
    pat_ = default_pat;
    std::ranges::fill(sysenter_, u64{0});
    cpl_ = 0;
    shadow_at_ = no_shadow;
    interrupt_.reset();
    exception_.reset();
    window_wanted_ = false;
    forget_translations();
    forget_code();
    shadow_.flush();
    shadow_.set_registers(paging());
    shadow_.load_cr3(paging());
    counters_.guest_page_table_switches = 0;
    entered_ = true;
    update_fpu();
}

// ---- registers --------------------------------------------------------------------------------

void DeprivilegedEngine::settle() {
    if (where_ == Where::stopped) return;
    take_registers(core_, thread_.stop());
    where_ = Where::stopped;
}

x86::CoreState DeprivilegedEngine::core() {
    settle();
    return core_;
}

void DeprivilegedEngine::set_core(x86::CoreState const& core) {
    settle();
    core_ = core;
    for (unsigned i = 0; i < 8; ++i) core_.registers.value[i] &= 0xffffffff;
    if (shadow_at_ == next_shadow) shadow_at_ = core_.rip;
}

void DeprivilegedEngine::set_segment(SegmentName name, x86::Segment const& segment) {
    settle();
    segments_[std::to_underlying(name)] = segment;
    if (name == SegmentName::cs) entered_ = true;
    if (name == SegmentName::ss) {
        unsigned const cpl = static_cast<unsigned>(rights::Dpl::get(segment.access_rights));
        if (cpl != cpl_) entered_ = true;
        cpl_ = cpl;
    }
}

bool DeprivilegedEngine::can_interrupt() {
    if (interrupt_ || exception_ || (core_.rflags & interrupt_flag) == 0) return false;
    if (shadow_at_ == no_shadow) return true;
    settle(); // it may be past the instruction by now
    return core_.rip != shadow_at_;
}

void DeprivilegedEngine::advance() {
    settle();
    core_.rip = static_cast<u32>(core_.rip + exit_length_);
    core_.rflags &= ~u64{1 << 16}; // RF
    exit_length_ = 0;
}

std::string DeprivilegedEngine::describe() {
    settle();
    auto const& cs = segments_[std::to_underlying(SegmentName::cs)];
    return "cs " + hex(cs.selector) + " eip " + hex(core_.rip) + " esp " +
           hex(core_.registers.value[esp]) + " eflags " + hex(core_.rflags) + " cpl " +
           std::to_string(cpl_) + " cr0 " + hex(paging().cr0) + " cr2 " + hex(cr2_) + " cr3 " +
           hex(paging().cr3) + " cr4 " + hex(paging().cr4);
}

// ---- the loop ---------------------------------------------------------------------------------

Exit DeprivilegedEngine::run() {
    if (auto const exit = deliver_pending()) return *exit;
    for (;;) {
        if (window_wanted_ && can_interrupt()) return exits::InterruptWindow{};
        forget_translations();
        if (auto const exit = go_on()) return *exit;
    }
}

DeprivilegedEngine::Next DeprivilegedEngine::deliver_pending() {
    if (!exception_ && !interrupt_) return {};
    settle();
    if (exception_) {
        auto const event = *exception_;
        exception_.reset();
        return raise(event);
    }
    u8 const vector = *interrupt_;
    interrupt_.reset();
    ++counters_.injected_interrupts;
    return deliver(x86::EventKind::external_interrupt, {.vector = vector});
}

void DeprivilegedEngine::use_root(shadow::View view) {
    shadow::RootId const root = shadow_.root(view);
    if (root == root_) return;
    thread_.use_root(root);
    root_ = root;
    ++counters_.real_page_table_switches;
}

ThreadStop DeprivilegedEngine::let_run() {
    ThreadStop stop;
    ++counters_.thread_stops;
    if (where_ == Where::running) {
        stop = thread_.wait();
    } else {
        bool const user = cpl_ == 3;
        use_root(user ? shadow::View::user : shadow::View::kernel);
        auto const base = [&](SegmentName name) {
            return segments_[std::to_underlying(name)].base;
        };
        stop = thread_.resume(
            registers_for_thread(core_, base(SegmentName::fs), base(SegmentName::gs)), !user);
    }
    where_ = stop.notified ? Where::running : Where::stopped;
    if (!stop.notified) {
        take_registers(core_, stop.trap.registers);
        shadow_at_ = no_shadow;
    }
    return stop;
}

} // namespace vmm
