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
using x86::translate::Reason;
using x86::translate::State;
namespace rights = x86::access_rights;
namespace vector = x86::vector;

constexpr u64 interrupt_flag = 1 << 9, trap_flag = 1 << 8, virtual8086_flag = 1 << 17;
constexpr u32 arithmetic_flags = 0xcd5;               // CF PF AF ZF SF DF OF
constexpr u32 system_flags = 0x3f7100;                // TF IOPL NT RF VM AC VIF VIP ID
constexpr u8 leave_code[] = {0x0f, 0x05, 0x0f, 0x0b}; // SYSCALL, and nothing behind it
constexpr u64 syscall_length = 2;
constexpr u64 beyond_guest = u64{1} << 32;
constexpr u32 write_fault = 2, fetch_fault = 16; // bits of a page fault's error code
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
}

x86::OrException<x86::translate::Code::Page> TranslateEngine::fetch(u32 linear) {
    bool const user = cpl_ == 3;
    GuestPhys const at = TRY(translate_cached(linear, Access::execute, !user));
    u64 const rest = page_size - at.value % page_size;
    if (!places_.knows(page_of_linear(linear))) places_.add(paging(), page_of_linear(linear), user);
    return Page{.bytes = memory_.bytes(at, rest), .number = at.value / page_size};
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
    bool const own_page = in_page_of_instruction(page);
    if (result.outcome == x86::Outcome::unsupported && own_page) return after(result, {});
    protected_.release(page);
    // No mapping that can be written is there: the rest of the guest's writes fills one.
    [[maybe_unused]] auto const mapped =
        shadow_.access(request(trap.address, Access::write, cpl_ != 3));
    if (result.outcome == x86::Outcome::unsupported) return {}; // the guest does it itself
    return after(result, {});
}

// ---- State ------------------------------------------------------------------------------------

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
        if (auto const next = carry_out(instruction_bytes(), nullptr)) return next;
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
    if (stale_ != Stale::nothing) check_places();
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

// ---- stops of generated code ------------------------------------------------------------------

DeprivilegedEngine::Next TranslateEngine::after_stop(ThreadStop const& stop) {
    where_ = stop.notified ? Where::running : Where::stopped;
    if (stop.notified) return exits::Notified{stop.word};
    return after_trap(stop.wide_trap);
}

DeprivilegedEngine::Next TranslateEngine::after_trap(user::Trap64 const& trap) {
    if (trap.syscall() && trap.registers.rip == leave_ + syscall_length) {
        from_state();
        return after_exit();
    }
    user::Trap32 const in_guest{.event = trap.event,
                                .error_code = trap.error_code,
                                .address = static_cast<u32>(trap.address),
                                .registers = {}};
    bool const page_fault = trap.vector() == vector::page_fault;
    if (page_fault && trap.address < beyond_guest && access_of(in_guest) != Access::execute) {
        auto const result = make_accessible(trap.address, access_of(in_guest));
        if (result.kind == shadow::AccessResult::Kind::mapped) {
            counters_.count(InternalExit::shadow_fill);
            inside_ = trap.registers;
            return {};
        }
        if (!recover(trap)) return {};
        return after_access(in_guest, result);
    }
    if (!recover(trap)) return {};
    if (state_.reason == Reason::event) return {};
    // An access over the end of the guest's 4 GiB goes on at 0.
    if (page_fault) return emulate_instruction();
    return raise(exception_of(in_guest));
}

DeprivilegedEngine::Next TranslateEngine::after_exit() {
    return state_.reason == Reason::emulate ? emulate_instruction() : Next{};
}

DeprivilegedEngine::Next TranslateEngine::emulate_instruction() {
    u64 const from = linear_eip();
    auto const code = instruction_bytes();
    if (code.empty()) {
        auto const at = translate_cached(from, Access::execute, cpl_ != 3);
        if (at && at->value >= memory_.size())
            return exits::Memory{.address = *at, .write = false, .fetch = true};
    }
    counters_.count(kind_of(code));
    if (auto const next = carry_out(code, nullptr)) return next;
    return emulate_on(from);
}

// Generated code's registers become the guest's. False: the thread goes on inside, or never again.
bool TranslateEngine::recover(user::Trap64 const& trap) {
    auto const& from = trap.registers;
    x86::translate::HostRegisters registers{
        .general = {from.rax, from.rcx, from.rdx, from.rbx, from.rsp, from.rbp, from.rsi, from.rdi,
                    from.r8, from.r9, from.r10, from.r11, from.r12, from.r13, from.r14, from.r15},
        .rip = from.rip,
        .rflags = from.rflags};
    using enum x86::translate::Translator::Recovery;
    switch (translator_.recover(registers)) {
    case guest:
    case event: from_state(); return true;
    case again: {
        auto const& general = registers.general;
        inside_ = {.rip = registers.rip,
                   .rsp = general[4],
                   .rflags = registers.rflags,
                   .rax = general[0],
                   .rcx = general[1],
                   .rdx = general[2],
                   .rbx = general[3],
                   .rbp = general[5],
                   .rsi = general[6],
                   .rdi = general[7],
                   .r8 = general[8],
                   .r9 = general[9],
                   .r10 = general[10],
                   .r11 = general[11],
                   .r12 = general[12],
                   .r13 = general[13],
                   .r14 = general[14],
                   .r15 = general[15]};
        return false;
    }
    case stranger: break;
    }
    broken_ = exits::Unexpected{.reason = trap.vector(), .qualification = from.rip};
    return false;
}

// While the thread is to leave. True: it did; what it stopped for comes again.
bool TranslateEngine::absorb(user::Trap64 const& trap) {
    if (trap.syscall() && trap.registers.rip == leave_ + syscall_length) {
        from_state();
        // The instruction that is to be emulated may stand behind STI: HLT comes before the interrupt.
        if (state_.reason == Reason::emulate) shadow_at_ = core_.rip;
        return true;
    }
    bool const fetches = (trap.error_code & fetch_fault) != 0;
    if (trap.vector() == vector::page_fault && trap.address < beyond_guest && !fetches) {
        auto const access = trap.error_code & write_fault ? Access::write : Access::read;
        if (make_accessible(trap.address, access).kind == shadow::AccessResult::Kind::mapped) {
            counters_.count(InternalExit::shadow_fill);
            inside_ = trap.registers;
            return false;
        }
    }
    return recover(trap) || broken_;
}

} // namespace vmm::translate
