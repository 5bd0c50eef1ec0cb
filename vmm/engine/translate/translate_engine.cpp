// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/translate/translate_engine.hpp"

#include <algorithm>
#include <cstring>

#include "x86/registers.hpp"

namespace vmm::translate {
namespace {

using shadow::page_size;
using x86::Access;
using x86::SegmentName;
using x86::translate::CodeMemory;
using x86::translate::State;
namespace vector = x86::vector;

constexpr u64 trap_flag = 1 << 8, virtual8086_flag = 1 << 17;
constexpr u8 leave_code[] = {0x0f, 0x05, 0x0f, 0x0b}; // SYSCALL, and nothing behind it
constexpr unsigned emulated_at_once = 2000;

CodeMemory without_own(CodeMemory memory, u64 own_bytes) {
    std::memcpy(memory.bytes.data(), leave_code, sizeof leave_code);
    memory.bytes = memory.bytes.subspan(own_bytes);
    memory.code += own_bytes;
    return memory;
}

u32 page_of_linear(u64 linear) { return static_cast<u32>(linear) >> shadow::page_shift; }

} // namespace

TranslateEngine::TranslateEngine(GuestThread& thread, shadow::Backend& backend, GuestMemory memory,
                                 CodeMemory const& code)
    : Guard{ProtectedPages(memory.size() / page_size)},
      DeprivilegedEngine(thread, backend, memory, protected_), state_(*code.state),
      state_address_(code.state_address), leave_(code.code),
      translator_(without_own(code, own_bytes), {}, *this), places_(tables_, [this](u32 page) {
          u32 const first = page << shadow::page_shift;
          translator_.invalidate_linear(first, first + (page_size - 1));
      }) {
    state_.leave = leave_;
}

void TranslateEngine::forget_code() {
    translator_.flush();
    protected_.clear();
    places_.clear();
    stale_ = Stale::nothing;
    wide_ = false;
    inside_.reset();
    broken_.reset();
    missed_ = 0;
    before_ = translator_.counters();
}

Exit TranslateEngine::run() {
    Exit exit = DeprivilegedEngine::run();
    count_translations();
    return exit;
}

void TranslateEngine::count_translations() {
    auto const& now = translator_.counters();
    counters_.translated_blocks = now.blocks - before_.blocks;
    counters_.translated_bytes = now.guest_bytes - before_.guest_bytes;
    counters_.chained_jumps = now.chained - before_.chained;
    counters_.cache_misses = now.misses - before_.misses;
    counters_.cache_hits = now.hits - before_.hits;
    counters_.emulated_instructions = now.emulated - before_.emulated;
    counters_.cache_evictions = now.evictions - before_.evictions;
    counters_.invalidated_blocks = now.invalidated - before_.invalidated;
}

void TranslateEngine::set_segment(SegmentName name, x86::Segment const& segment) {
    DeprivilegedEngine::set_segment(name, segment);
    entered_ = true; // for State
}

// ---- what the guest does to its mappings ------------------------------------------------------

x86::OrException<> TranslateEngine::set_control_register(unsigned number, u64 value) {
    u64 const cr0_before = paging().cr0;
    TRY(DeprivilegedEngine::set_control_register(number, value));
    if (number == 3)
        stale_ = std::max(stale_, Stale::local);
    else if (number == 4 || cr0::Paging::get(paging().cr0 ^ cr0_before))
        stale_ = Stale::all;
    return {};
}

bool TranslateEngine::write_msr(u32 msr, u64 value) {
    if (!DeprivilegedEngine::write_msr(msr, value)) return false;
    if (msr == msr::efer) stale_ = Stale::all;
    return true;
}

void TranslateEngine::invalidate_page(u64 linear) {
    DeprivilegedEngine::invalidate_page(linear);
    places_.invalidate(paging(), static_cast<u32>(linear));
}

void TranslateEngine::check_places() {
    if (stale_ == Stale::local) places_.reload(paging());
    if (stale_ == Stale::all) places_.check_all(paging());
    stale_ = Stale::nothing;
    if (!places_.is_full()) return;
    translator_.flush();
    places_.clear();
}

x86::OrException<x86::translate::Code::Page> TranslateEngine::fetch(u32 linear) {
    bool const user = cpl_ == 3;
    GuestPhys const at = TRY(translate_cached(linear, Access::execute, !user));
    u64 const rest = page_size - at.value % page_size;
    u64 const number = at.value / page_size;
    places_.add(paging(), page_of_linear(linear), number, user);
    return Page{.bytes = memory_.bytes(at, rest), .number = number};
}

void TranslateEngine::protect(u64 page) {
    if (protected_.protects(page)) return;
    protected_.protect(page);
    shadow_.protect_page(page);
}

void TranslateEngine::code_written(GuestPhys at, u64) {
    u64 const page = at.value / page_size;
    if (protected_.protects(page)) translator_.invalidate(page);
}

// A write to a page of code: it is carried out, and the page is data until code is fetched from it
// again. Whatever was translated from it is left for good, also by the instruction's own block.
DeprivilegedEngine::Next TranslateEngine::write_guarded(user::Trap32 const& trap, GuestPhys at) {
    u64 const page = at.value / page_size;
    translator_.invalidate(page);
    touched_device_ = false;
    auto const result = x86::emulate(*processor_);
    protected_.release(page);
    // No mapping that can be written is there: the rest of the guest's writes fills one.
    [[maybe_unused]] auto const mapped =
        shadow_.access(request(trap.address, Access::write, cpl_ != 3));
    if (result.outcome != x86::Outcome::unsupported) return after(result, {});
    // The guest does it itself, in the block where it is: entered anew, this may be code of the
    // page.
    inside_ = faulting_;
    return {};
}

// ---- the guest's thread -----------------------------------------------------------------------

// Generated code leaves at its next check; shadow fills on the way are served, so that an
// instruction behind STI is not the last one.
void TranslateEngine::settle() {
    if (!is_inside()) return DeprivilegedEngine::settle();
    state_.event = State::stop;
    for (bool left = false; !left;) {
        ThreadStop const stop = inside_ ? resume_inside() : thread_.wait();
        where_ = stop.notified ? Where::running : Where::stopped;
        if (stop.notified)
            missed_ |= stop.word;
        else
            left = absorb(stop.wide_trap);
    }
    state_.event = 0;
}

bool TranslateEngine::can_interrupt() {
    if (is_inside()) {
        if (state_.interrupt_flag == 0) return false;
        settle();
    }
    return DeprivilegedEngine::can_interrupt();
}

void TranslateEngine::want_interrupt_window(bool wanted) {
    if (wanted && is_inside() && state_.waiting == 0) settle(); // to be told of STI and POPF
    DeprivilegedEngine::want_interrupt_window(wanted);
}

bool TranslateEngine::runs_directly() const {
    if (cpl_ != 3 || !cr0::ProtectedMode::get(paging().cr0) || (core_.rflags & virtual8086_flag))
        return false;
    return std::ranges::all_of(
        std::array{SegmentName::cs, SegmentName::ss, SegmentName::ds, SegmentName::es},
        [&](SegmentName name) { return is_flat(segments_[std::to_underlying(name)]); });
}

bool TranslateEngine::runs_emulated() const {
    bool const virtual8086 =
        cr0::ProtectedMode::get(paging().cr0) && (core_.rflags & virtual8086_flag) != 0;
    return virtual8086 || (core_.rflags & trap_flag) != 0;
}

DeprivilegedEngine::Next TranslateEngine::go_on() {
    if (broken_) return *broken_;
    if (missed_ != 0) return exits::Notified{std::exchange(missed_, 0)};
    if (inside_) return after_stop(resume_inside());
    if (where_ == Where::running && wide_) return after_stop(thread_.wait());
    if (where_ == Where::running || runs_directly()) return run_directly();
    if (runs_emulated()) return run_emulated();
    return run_translated();
}

DeprivilegedEngine::Next TranslateEngine::run_directly() {
    wide_ = false;
    ThreadStop const stop = let_run();
    if (stop.notified) return exits::Notified{stop.word};
    return handle(stop.trap);
}

// Virtual-8086 mode and single steps.
DeprivilegedEngine::Next TranslateEngine::run_emulated() {
    for (unsigned i = 0; i < emulated_at_once && runs_emulated() && !runs_directly(); ++i) {
        if (window_wanted_ && can_interrupt()) return {};
        auto const code = instruction_bytes();
        auto const refused = refusal_of(code);
        if (auto const next = carry_out(code, refused ? &*refused : nullptr)) return next;
    }
    if (u64 const word = thread_.poll()) return exits::Notified{word};
    return exits::InterruptWindow{}; // the monitor looks at its devices
}

DeprivilegedEngine::Next TranslateEngine::run_translated() {
    // A handler's first instructions load the kernel's segments: for the few in front of them no
    // other mode is worth its own translations.
    if (entered_ && !tried_ && mode() != mode_) {
        tried_ = true;
        u64 const from = core_.rip;
        if (auto const next = emulate_on(linear_eip())) return next;
        if (core_.rip != from) return {};
    }
    tried_ = false;
    check_places();
    to_state();
    auto const code = translator_.enter();
    if (!code) {
        if (code.error().vector == vector::page_fault)
            counters_.count(InternalExit::guest_page_fault);
        return raise(code.error());
    }
    wide_ = true;
    inside_ = user::Registers64{.rip = *code, .r15 = state_address_};
    return after_stop(resume_inside());
}

ThreadStop TranslateEngine::resume_inside() {
    bool const user = cpl_ == 3;
    use_root(user ? shadow::View::user : shadow::View::kernel);
    ++counters_.thread_stops;
    auto const registers = *std::exchange(inside_, std::nullopt);
    return thread_.resume_wide(registers, !user);
}

} // namespace vmm::translate
