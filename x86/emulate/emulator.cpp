// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/emulator.hpp"

#include "x86/emulate/chapters.hpp"
#include "x86/registers.hpp"

namespace x86 {
namespace {

Result raised(Exception const& exception) {
    return {.outcome = Outcome::raised, .exception = exception};
}
Result unsupported(char const* why) { return {.outcome = Outcome::unsupported, .why = why}; }

// The trap behind a single step: rip is behind the instruction.
Result single_step(Processor& processor) {
    constexpr u64 single_step_bit = 1 << 14; // of DR6
    (void)processor.set_debug_register(6, processor.debug_register(6) | single_step_bit);
    return raised({.vector = vector::debug});
}

} // namespace

Result emulate(Processor& processor) {
    Execution e(processor);
    bool const real_mode =
        !e.long_mode() && !cr0::ProtectedMode::get(processor.control_register(0));
    if (real_mode) return unsupported("real mode");
    if (e.flag(flags::virtual_8086)) return unsupported("virtual-8086 mode");
    bool const stepping = e.flag(flags::trap) != 0;
    if (auto const fetched = e.fetch(); !fetched) return raised(fetched.error());
    auto const outcome = carry_out(e);
    if (!outcome) {
        if (e.repeats) processor.set_core(e.core); // the repetitions that were done
        return raised(outcome.error());
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
    if (stepping && !e.enters_handler) return single_step(processor);
    return {.outcome = *outcome};
}

} // namespace x86
