// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/trap/trap_engine.hpp"

#include <algorithm>
#include <cstdio>

#include "x86/registers.hpp"

namespace vmm::trap {
namespace {

using x86::SegmentName;
namespace rights = x86::access_rights;

enum : unsigned { esp = 4 };
constexpr u64 interrupt_flag = 1 << 9, virtual8086_flag = 1 << 17;
// The flags that mean the same in user mode: CF PF AF ZF SF TF DF OF NT RF AC ID.
constexpr u64 shared_flags = 0x254dd5;
constexpr u64 always_set = 2;

constexpr u32 flat_code = 0xc09b, flat_data = 0xc093, busy_task = 0x8b;
constexpr u32 whole = ~u32{0};

bool is_flat(x86::Segment const& segment) {
    return rights::Unusable::get(segment.access_rights) ||
           (segment.base == 0 && segment.limit == whole &&
            rights::Default32::get(segment.access_rights));
}

std::string hex(u64 value) {
    char text[20];
    std::snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(value));
    return text;
}

} // namespace

TrapEngine::TrapEngine(GuestThread& thread, shadow::Backend& backend, GuestMemory memory,
                       std::span<u8> copies, bool patch)
    : thread_(thread), memory_(memory), code_(memory, copies, patch, counters_),
      backend_(backend, code_, GuestPhys{memory.size()}),
      shadow_(backend_, memory, shadow::Policy::sync, counters_, &code_) {}

void TrapEngine::start(LinuxEntry const& entry) {
    if (where_ == Where::running) (void)thread_.stop();
    where_ = Where::stopped;
    counters_ = {};
    for (auto name :
         {SegmentName::es, SegmentName::ss, SegmentName::ds, SegmentName::fs, SegmentName::gs})
        segments_[std::to_underlying(name)] = {entry.data_selector, flat_data, whole, 0};
    segments_[std::to_underlying(SegmentName::cs)] = {entry.code_selector, flat_code, whole, 0};
    segments_[std::to_underlying(SegmentName::ldtr)] = {};
    segments_[std::to_underlying(SegmentName::tr)] = {0, busy_task, 0xffff, 0};
    gdtr_ = {entry.gdt_base, entry.gdt_limit};
    idtr_ = {};
    core_ = {.rip = entry.rip};
    core_.registers.value[6] = entry.rsi;
    constexpr u64 protected_mode =
        cr0::ProtectedMode::mask | cr0::ExtensionType::mask | cr0::NumericError::mask;
    paging_ = {.cr0 = protected_mode, .physical_bits = 32};
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
    code_.clear();
    shadow_.flush();
    shadow_.set_registers(paging_);
    shadow_.load_cr3(paging_);
    counters_.guest_page_table_switches = 0;
    entered_ = true;
    update_fpu();
}

// ---- registers --------------------------------------------------------------------------------

void TrapEngine::take_registers(user::Registers32 const& from) {
    core_.registers.value[0] = from.eax;
    core_.registers.value[1] = from.ecx;
    core_.registers.value[2] = from.edx;
    core_.registers.value[3] = from.ebx;
    core_.registers.value[4] = from.esp;
    core_.registers.value[5] = from.ebp;
    core_.registers.value[6] = from.esi;
    core_.registers.value[7] = from.edi;
    core_.rip = from.eip;
    core_.rflags = (core_.rflags & ~shared_flags) | (from.eflags & shared_flags) | always_set;
}

user::Registers32 TrapEngine::registers_for_thread() const {
    auto const general = [&](unsigned number) {
        return static_cast<u32>(core_.registers.value[number]);
    };
    auto const base = [&](SegmentName name) {
        return static_cast<u32>(segments_[std::to_underlying(name)].base);
    };
    return {.eip = static_cast<u32>(core_.rip),
            .esp = general(4),
            .eflags = static_cast<u32>((core_.rflags & shared_flags) | always_set),
            .eax = general(0),
            .ecx = general(1),
            .edx = general(2),
            .ebx = general(3),
            .ebp = general(5),
            .esi = general(6),
            .edi = general(7),
            .fs_base = base(SegmentName::fs),
            .gs_base = base(SegmentName::gs)};
}

void TrapEngine::settle() {
    if (where_ == Where::stopped) return;
    take_registers(thread_.stop());
    where_ = Where::stopped;
}

x86::CoreState TrapEngine::core() {
    settle();
    return core_;
}

void TrapEngine::set_core(x86::CoreState const& core) {
    settle();
    core_ = core;
    for (unsigned i = 0; i < 8; ++i) core_.registers.value[i] &= 0xffffffff;
    if (shadow_at_ == next_shadow) shadow_at_ = core_.rip;
}

void TrapEngine::set_segment(SegmentName name, x86::Segment const& segment) {
    settle();
    segments_[std::to_underlying(name)] = segment;
    if (name == SegmentName::cs) entered_ = true;
    if (name == SegmentName::ss) {
        unsigned const cpl = static_cast<unsigned>(rights::Dpl::get(segment.access_rights));
        if (cpl != cpl_) entered_ = true;
        cpl_ = cpl;
    }
}

bool TrapEngine::can_interrupt() {
    if (interrupt_ || exception_ || (core_.rflags & interrupt_flag) == 0) return false;
    if (shadow_at_ == no_shadow) return true;
    settle(); // it may be past the instruction by now
    return core_.rip != shadow_at_;
}

void TrapEngine::advance() {
    settle();
    core_.rip = static_cast<u32>(core_.rip + exit_length_);
    core_.rflags &= ~u64{1 << 16}; // RF
    exit_length_ = 0;
}

std::string TrapEngine::describe() {
    settle();
    auto const& cs = segments_[std::to_underlying(SegmentName::cs)];
    return "cs " + hex(cs.selector) + " eip " + hex(core_.rip) + " esp " +
           hex(core_.registers.value[esp]) + " eflags " + hex(core_.rflags) + " cpl " +
           std::to_string(cpl_) + " cr0 " + hex(paging_.cr0) + " cr2 " + hex(cr2_) + " cr3 " +
           hex(paging_.cr3) + " cr4 " + hex(paging_.cr4);
}

// ---- the loop ---------------------------------------------------------------------------------

Exit TrapEngine::run() {
    if (auto const exit = deliver_pending()) return *exit;
    for (;;) {
        if (window_wanted_ && can_interrupt()) return exits::InterruptWindow{};
        if (auto const exit = check_supported()) return *exit;
        ThreadStop const stop = let_run();
        if (stop.notified) return exits::Notified{stop.word};
        if (auto const exit = handle(stop.trap)) return *exit;
    }
}

TrapEngine::Next TrapEngine::deliver_pending() {
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

TrapEngine::Next TrapEngine::check_supported() {
    if (where_ == Where::running) return {};
    if (!cr0::ProtectedMode::get(paging_.cr0))
        return exits::Unsupported{"real mode needs the engine `nested`"};
    if (core_.rflags & virtual8086_flag)
        return exits::Unsupported{"virtual-8086 mode needs the engine `shadow` or `nested`"};
    if (cpl_ == 1 || cpl_ == 2)
        return exits::Unsupported{"privilege level " + std::to_string(cpl_) +
                                  " needs the engine `shadow` or `nested`"};
    constexpr struct {
        SegmentName name;
        char const* text;
    } flat[] = {{SegmentName::cs, "CS"},
                {SegmentName::ss, "SS"},
                {SegmentName::ds, "DS"},
                {SegmentName::es, "ES"}};
    for (auto const& [name, text] : flat) {
        x86::Segment const& segment = segments_[std::to_underlying(name)];
        if (is_flat(segment)) continue;
        return exits::Unsupported{std::string(text) + " with selector " + hex(segment.selector) +
                                  ", base " + hex(segment.base) + ", limit " + hex(segment.limit) +
                                  " is not flat: it needs the engine `shadow` or `nested`"};
    }
    return {};
}

ThreadStop TrapEngine::let_run() {
    ThreadStop stop;
    forget_translations();
    if (where_ == Where::running) {
        stop = thread_.wait();
    } else {
        if (entered_) prepare_code();
        bool const user = cpl_ == 3;
        shadow::RootId const root = shadow_.root(user ? shadow::View::user : shadow::View::kernel);
        if (root != root_) {
            thread_.use_root(root);
            root_ = root;
            ++counters_.real_page_table_switches;
        }
        stop = thread_.resume(registers_for_thread(), !user);
    }
    where_ = stop.notified ? Where::running : Where::stopped;
    if (!stop.notified) {
        take_registers(stop.trap.registers);
        shadow_at_ = no_shadow;
    }
    return stop;
}

// The kernel was entered where control flow inside a page may not have led.
void TrapEngine::prepare_code() {
    entered_ = false;
    if (cpl_ == 3) return;
    auto const at = shadow_.translate(request(linear_eip(), x86::Access::execute, true));
    if (!at || code_.knows(at->value / page_size, static_cast<u16>(at->value % page_size))) return;
    fetch_code(linear_eip());
    code_.set_fetched({});
}

} // namespace vmm::trap
