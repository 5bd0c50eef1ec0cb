// SPDX-License-Identifier: Apache-2.0
// Why generated code stopped, and what becomes of it.
#include "vmm/engine/translate/translate_engine.hpp"
#include "x86/registers.hpp"
#include "x86/translate/decode.hpp"

namespace vmm::translate {
namespace {

namespace vector = x86::vector;
using x86::Access;
using x86::translate::Reason;

constexpr u64 syscall_length = 2;
constexpr u64 beyond_guest = u64{1} << 32;
constexpr u32 write_fault = 2, fetch_fault = 16; // bits of a page fault's error code

} // namespace

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
        faulting_ = trap.registers;
        auto next = after_access(in_guest, result);
        faulting_.reset();
        return next;
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
    auto const refused = refusal_of(code);
    if (auto const next = carry_out(code, refused ? &*refused : nullptr)) return next;
    return emulate_on(from);
}

// What the processor would say about an instruction that neither translator nor emulator can carry
// out. If they just do not know it, this processor has no such instruction. If they know it, but
// not in such a segment, a user program must not be able to stop the machine with it.
std::optional<user::Trap32> TranslateEngine::refusal_of(std::span<u8 const> code) {
    bool const wide = x86::access_rights::Default32::get(segments_[1].access_rights) != 0;
    auto const decoded = x86::translate::decode(code, wide ? 4 : 2);
    // VEX looks like LES and LDS.
    bool const has_opcode =
        decoded.opcode != 0 && decoded.map == x86::translate::OpcodeMap::primary;
    if (has_opcode && traps(code)) return std::nullopt; // a task switch
    bool const known = decoded.facts->form != x86::translate::Form::emulate;
    if (known && cpl_ != 3) return std::nullopt;
    u32 const vector = known ? vector::general_protection : vector::invalid_opcode;
    return user::Trap32{.event = vector, .error_code = 0, .address = 0, .registers = {}};
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
        // The instruction that is to be emulated may stand behind STI: HLT comes before the
        // interrupt.
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
