// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/host/runner.hpp"

#include <cstring>

#include "x86/emulate/arithmetic.hpp"

namespace x86::translate::hosted {
namespace {

// As the processor has it after FNINIT and reset: all exceptions masked, round to nearest, empty stack.
void reset_fpu(u8 (&image)[512]) {
    constexpr u16 control = 0x37f;
    constexpr u32 mxcsr = 0x1f80;
    std::memset(image, 0, sizeof image);
    std::memcpy(image, &control, sizeof control);
    std::memcpy(image + 24, &mxcsr, sizeof mxcsr);
}

constexpr bool is_prefix(unsigned byte) {
    bool const segment = (byte & 0xe7) == 0x26 || byte == 0x64 || byte == 0x65;
    return segment || byte == 0x66 || byte == 0x67 || byte == 0xf2 || byte == 0xf3;
}

} // namespace

Runner::Runner(Memory& memory, StatePage& page) : memory_(memory), page_(page), processor_(page.state, memory) { reset_fpu(page.fpu); }

// Linux's gates for programs: INT 80H is a system call, INT3 and INTO are traps, every other INT is #GP, as the emulator finds with an empty IDT.
std::optional<Stop> Runner::software_interrupt() {
    State& state = page_.state;
    if (processor_.cpl() != 3) return std::nullopt;
    u32 const at = state.segments[static_cast<std::size_t>(SegmentName::cs)].base + state.eip;
    auto const byte = [&](u32 offset) -> unsigned { return memory_.allows(at + offset, 1, rights::execute) ? *Memory::at(at + offset) : 0; };
    constexpr u32 longest = 15; // bytes, prefixes and all
    u32 length = 0;
    while (length < longest - 1 && is_prefix(byte(length))) ++length;
    unsigned const opcode = byte(length++);
    if (opcode == 0xcc || (opcode == 0xce && (state.flags & flags::overflow) != 0)) {
        state.eip += length;
        return Stop{.why = Stop::Why::exception, .exception = {.vector = opcode == 0xcc ? vector::breakpoint : vector::overflow}};
    }
    if (opcode != 0xcd || byte(length++) != 0x80) return std::nullopt;
    state.eip += length;
    return Stop{.why = Stop::Why::system_call};
}

std::optional<Stop> Runner::emulate_one() {
    if (auto const stop = software_interrupt()) return stop;
    auto const result = emulate(processor_);
    switch (result.outcome) {
    case Outcome::done:
    case Outcome::repeat: return std::nullopt;
    case Outcome::halt: return Stop{.why = Stop::Why::halted};
    case Outcome::raised: return Stop{.why = Stop::Why::exception, .exception = result.exception};
    case Outcome::hypercall: return Stop{.why = Stop::Why::exception, .exception = {.vector = vector::invalid_opcode}};
    case Outcome::triple_fault: return Stop{.why = Stop::Why::unsupported, .text = "triple fault"};
    case Outcome::unsupported: break;
    }
    return Stop{.why = Stop::Why::unsupported, .text = result.why};
}

Stop Runner::take_event() {
    page_.state.event = 0;
    return {.why = Stop::Why::event};
}

Stop EmulatorRunner::run() {
    for (;;) {
        if (__atomic_load_n(&page_.state.event, __ATOMIC_RELAXED) != 0) return take_event();
        if (auto const stop = emulate_one()) return *stop;
    }
}

} // namespace x86::translate::hosted
