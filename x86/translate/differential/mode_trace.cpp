// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/differential/mode_trace.hpp"

#include <algorithm>
#include <cstring>

#include "x86/emulate/arithmetic.hpp"
#include "x86/emulate/descriptors.hpp"
#include "x86/emulate/emulator.hpp"
#include "x86/translate/differential/mode_generator.hpp"
#include "x86/translate/differential/unicorn.hpp"

namespace x86::translate::differential {
namespace {

using namespace hosted;

constexpr unsigned most_steps = 1000;
constexpr u32 longest = 15;             // bytes of an instruction
constexpr u64 accessed = u64{1} << 40; // in a descriptor

// Double shifts of 16 bits by more.
bool has_open_result(Decoded const& decoded, u32 ecx) {
    auto const& instruction = decoded.instruction;
    bool const shift = instruction.mnemonic == ZYDIS_MNEMONIC_SHLD || instruction.mnemonic == ZYDIS_MNEMONIC_SHRD;
    auto const& count = decoded.operands[2];
    u64 const by = shift && count.type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? count.imm.value.u : ecx;
    return shift && instruction.operand_width == 16 && (by & 0x1f) > 16;
}

// In its segment.
u32 offset_of(Decoded const& decoded, ZydisDecodedOperand const& operand, State const& state) {
    auto const value = [&](ZydisRegister name) { return general_register(name) ? state.general[*general_register(name)] : 0; };
    u32 const displacement = operand.mem.disp.has_displacement ? static_cast<u32>(operand.mem.disp.value) : 0;
    u32 const offset = value(operand.mem.base) + value(operand.mem.index) * operand.mem.scale + displacement;
    return decoded.instruction.address_width == 16 ? offset & 0xffff : offset;
}

// The manual does not say where the second part of such an operand is when the first ends at 64 KiB and addresses have 16 bits. Bochs and the
// emulator find it at 0, Unicorn does not.
bool is_split_pair(Decoded const& decoded, State const& state) {
    if (decoded.instruction.address_width != 16) return false;
    return std::ranges::any_of(decoded.all(), [&](auto const& operand) {
        auto const mnemonic = decoded.instruction.mnemonic;
        bool const pair = is_far_load(mnemonic) || mnemonic == ZYDIS_MNEMONIC_BOUND || decoded.instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
        return pair && operand.type == ZYDIS_OPERAND_TYPE_MEMORY && offset_of(decoded, operand, state) + operand.size / 8 > 0x10000;
    });
}

// And what RET and IRET take from the top of a small stack: it is popped word by word, says the manual, and so begins again at 0.
bool is_split_frame(Decoded const& decoded, unsigned stack_size, State const& state) {
    auto const mnemonic = decoded.instruction.mnemonic;
    bool const interrupt_return = mnemonic == ZYDIS_MNEMONIC_IRET || mnemonic == ZYDIS_MNEMONIC_IRETD;
    bool const far_return = mnemonic == ZYDIS_MNEMONIC_RET && decoded.instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
    u32 const words = interrupt_return ? 5 : 4; // with those of a return to an outer level
    return (interrupt_return || far_return) && stack_size == 2 && (state.general[4] & 0xffff) + words * decoded.instruction.operand_width / 8 > 0x10000;
}

// The manual: above level 0, IRET leaves VM alone. Unicorn enters virtual-8086 mode.
bool asks_for_virtual_8086(Decoded const& decoded, unsigned stack_size, HostProcessor& processor, State const& state) {
    if (decoded.instruction.mnemonic != ZYDIS_MNEMONIC_IRETD) return false;
    constexpr u32 image_at = 8;
    u32 const offset = stack_size == 2 ? (state.general[4] + image_at) & 0xffff : state.general[4] + image_at;
    auto const at = static_cast<u32>(processor.segment(SegmentName::ss).base + offset);
    u32 image = 0;
    if (at >= board::at && at <= board::mapped_end - sizeof image) std::memcpy(&image, Memory::at(at), sizeof image);
    return (image & flags::virtual_8086) != 0;
}

// Of such a segment the translator does not see the end (GuestMode::unlimited).
bool uses_unlimited_segment(Decoded const& decoded, HostProcessor& processor) {
    return std::ranges::any_of(decoded.all(), [&](auto const& operand) {
        bool const in_segment = operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.segment >= ZYDIS_REGISTER_ES && operand.mem.segment <= ZYDIS_REGISTER_GS;
        if (!in_segment) return false;
        auto const segment = processor.segment(SegmentName(operand.mem.segment - ZYDIS_REGISTER_ES));
        return segment.limit == ~u32{0} && segment.base != 0;
    });
}

bool is_segment_fault(u8 number) { return number == vector::general_protection || number == vector::stack_fault; }

unsigned level_of(HostProcessor& processor, ModeCase const& test) { return test.protected_mode ? processor.cpl() : 0; }

// And so may violate a limit.
bool uses_segment(Decoded const& decoded) {
    if (ends_block(decoded) || direct_branch(decoded)) return true;
    return std::ranges::any_of(decoded.all(), [](auto const& operand) { return operand.type == ZYDIS_OPERAND_TYPE_MEMORY; });
}

} // namespace

Segment segment_of(ModeCase const& test, SegmentName name) {
    constexpr u32 paragraphs = 0xffff, data = 0x93;
    u16 const selector = test.selectors[static_cast<unsigned>(name)];
    if (!test.protected_mode) return {.selector = selector, .access_rights = data, .limit = paragraphs, .base = u64{selector} << 4};
    return is_null(selector) ? null_segment(selector) : Descriptor{.low = test.descriptors[selector >> 3]}.loaded(selector);
}

unsigned size_of(Segment const& segment) { return access_rights::Default32::get(segment.access_rights) != 0 ? 4 : 2; }

void begin(HostProcessor& processor, State& state, ModeCase const& test) {
    processor.set_protected_mode(test.protected_mode);
    processor.set_gdtr({.base = board::descriptors, .limit = sizeof test.descriptors - 1});
    for (unsigned i = 0; i < std::size(test.selectors); ++i) processor.set_segment(SegmentName(i), segment_of(test, SegmentName(i)));
    std::memcpy(state.general, test.general, sizeof state.general);
    CoreState core = processor.core();
    core.rip = test.eip;
    core.rflags = test.flags | flags::fixed;
    processor.set_core(core);
    state.event = 0;
}

ModeOutcome outcome_of(HostProcessor& processor, State const& state, std::optional<Exception> const& exception) {
    ModeOutcome result;
    std::memcpy(result.general, state.general, sizeof result.general);
    std::memcpy(result.selectors, state.selectors, sizeof result.selectors);
    result.eip = state.eip;
    result.flags = static_cast<u32>(processor.core().rflags);
    if (exception) {
        result.vector = exception->vector;
        result.error_code = exception->error_code;
        result.address = static_cast<u32>(exception->address);
    }
    return result;
}

namespace {

// Or the bytes around it, to which the same store may go.
bool changes_code(ModeCase const& test) {
    constexpr u32 longest_store = 8, halt = 0xf4;
    auto const is_halt = [](u8 byte) { return byte == halt; };
    u8 const* const begin = Memory::at(test.at);
    u8 const* const end = begin + test.code.size();
    bool const same = std::ranges::equal(test.code, std::span(begin, end));
    return !same || !std::all_of(begin - longest_store, begin, is_halt) || !std::all_of(end, end + longest_store, is_halt);
}

} // namespace

// One instruction: as it was before, and how it ended.
struct ModeTracer::Step {
    std::optional<Decoded> decoded; // empty: no instruction, or no memory there
    u32 at, ecx;
    unsigned stack_size, cpl;
    u8 bytes[longest];
    Result result;
};

ModeTrace ModeTracer::run(ModeCase const& test) {
    trace_ = {};
    begin(processor_, state_, test);
    UndefinedFlags undefined;
    for (unsigned count = 0; trace_.incomparable == nullptr; ++count) {
        auto const code = processor_.segment(SegmentName::cs);
        Step step{};
        step.at = static_cast<u32>(code.base + state_.eip);
        step.ecx = state_.general[1];
        step.cpl = level_of(processor_, test);
        step.stack_size = size_of(processor_.segment(SegmentName::ss));
        if (step.at >= board::at && step.at <= board::mapped_end - longest) {
            std::memcpy(step.bytes, Memory::at(step.at), longest);
            step.decoded = decode(step.bytes, size_of(code));
        }
        if (step.decoded) look(step);
        else if (step.at >= board::at && step.at < board::mapped_end) trace_.incomparable = "bytes that are no instruction";
        step.result = emulate(processor_);
        judge(step, test);
        bool const trapped = step.result.outcome == x86::Outcome::raised && step.result.exception.vector == vector::debug;
        bool const went_on = step.result.outcome == x86::Outcome::done || step.result.outcome == x86::Outcome::repeat;
        if (step.decoded && (went_on || trapped) && !undefined.add(*step.decoded)) trace_.incomparable = "a flag that is not defined is read";
        if (!went_on) break;
        if (count == most_steps) trace_.incomparable = "too long";
    }
    trace_.undefined = undefined.mask();
    if (changes_code(test)) trace_.not_by_unicorn = "code that changes itself: it carries such a store out twice";
    return trace_;
}

// What is known beforehand.
void ModeTracer::look(Step const& step) {
    auto const& decoded = *step.decoded;
    if (decoded.instruction.mnemonic != ZYDIS_MNEMONIC_HLT && !can_be_compared(decoded, step.cpl)) trace_.incomparable = "instructions that nobody chose";
    if (has_open_result(decoded, step.ecx)) trace_.incomparable = "a result that is not defined";
    if (step.cpl != 0 && asks_for_virtual_8086(decoded, step.stack_size, processor_, state_))
        trace_.not_by_unicorn = "IRET: it enters virtual-8086 mode from level 3";
    if (is_split_pair(decoded, state_) || is_split_frame(decoded, step.stack_size, state_)) trace_.not_by_unicorn = "two parts around the end of 64 KiB";
}

void ModeTracer::judge(Step const& step, ModeCase const& test) {
    auto const& result = step.result;
    bool const raised = result.outcome == x86::Outcome::raised;
    auto const number = raised ? std::optional(result.exception.vector) : std::nullopt;
    if (step.decoded) {
        auto const& decoded = *step.decoded;
        if (is_repeated(decoded) && std::memcmp(step.bytes, Memory::at(step.at), decoded.instruction.length) != 0)
            trace_.incomparable = "a string instruction that overwrites itself";
        char const* const why = where_unicorn_differs({.decoded = decoded, .vector = number, .stack_size = step.stack_size, .ecx = step.ecx});
        if (why != nullptr) trace_.not_by_unicorn = why;
    }
    if (level_of(processor_, test) != step.cpl) {
        unsigned const index = processor_.segment(SegmentName::ss).selector >> 3;
        if (index < board::descriptor_count && (test.descriptors[index] & accessed) == 0)
            trace_.not_by_unicorn = "a return to an outer level: it marks no stack as accessed";
    }
    if ((processor_.core().rflags & flags::virtual_8086) != 0) trace_.incomparable = "virtual-8086 mode";
    if (result.outcome == x86::Outcome::unsupported) trace_.incomparable = result.why;
    if (result.outcome == x86::Outcome::hypercall || result.outcome == x86::Outcome::triple_fault) trace_.incomparable = "not of the processor";
    trace_.outcome = outcome_of(processor_, state_, raised ? std::optional(result.exception) : std::nullopt);
    if (!raised) return;
    if (*number == vector::alignment) trace_.incomparable = "alignment checks";
    bool const of_segment = is_segment_fault(*number) && result.exception.error_code.value_or(0) == 0;
    auto const code = processor_.segment(SegmentName::cs);
    bool const near_end = u64{state_.eip} + longest > u64{code.limit} + 1; // where instructions are fetched
    if (!of_segment || (step.decoded && !near_end && !uses_segment(*step.decoded))) return;
    trace_.not_by_unicorn = "a segment's limit or type";
    if (step.decoded && uses_unlimited_segment(*step.decoded, processor_)) trace_.incomparable = "the end of a segment of 4 GiB";
}

} // namespace x86::translate::differential
