// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/emulator.hpp"

#include "x86/emulate/chapters.hpp"
#include "x86/registers.hpp"

namespace x86 {
namespace {

Result raised(Execution const& e, Exception exception) {
    if (e.real) exception.error_code.reset(); // nothing in real mode has one
    return {.outcome = Outcome::raised, .exception = exception};
}
Result unsupported(char const* why) { return {.outcome = Outcome::unsupported, .why = why}; }

// The trap behind a single step: rip is behind the instruction.
Result single_step(Execution const& e) {
    constexpr u64 single_step_bit = 1 << 14; // of DR6
    (void)e.processor.set_debug_register(6, e.processor.debug_register(6) | single_step_bit);
    return raised(e, {.vector = vector::debug});
}

} // namespace

Result emulate(Processor& processor) {
    Execution e(processor);
    if (e.virtual_8086 && cr4::VirtualModeExtensions::get(processor.control_register(4)))
        return unsupported("the extensions of virtual-8086 mode (CR4.VME)");
    bool const stepping = e.flag(flags::trap) != 0;
    if (auto const fetched = e.fetch(); !fetched) return raised(e, fetched.error());
    auto const outcome = carry_out(e);
    if (!outcome) {
        if (e.repeats) processor.set_core(e.core); // the repetitions that were done
        return raised(e, outcome.error());
    }
    switch (*outcome) {
    case Outcome::repeat: processor.set_core(e.core); break;
    case Outcome::done:
    case Outcome::halt:
        if (!e.keeps_resume_flag) e.core.rflags &= ~flags::resume;
        e.commit();
        break;
    default: return {.outcome = *outcome, .why = e.why};
    }
    if (stepping && !e.enters_handler && !e.holds_trap) return single_step(e);
    return {.outcome = *outcome};
}

} // namespace x86
