// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/host/translated.hpp"

#include <Zydis/Zydis.h>
#include <cstring>

#include "x86/emulate/arithmetic.hpp"

// rdi: where to go, rsi: the state page. Generated code comes back at host_leave_generated, r15 and rsp as they were.
extern "C" {
void host_enter_generated(u64 code, x86::translate::hosted::StatePage* page);
void host_leave_generated();
}
static_assert(offsetof(x86::translate::hosted::StatePage, fpu) == 176);
asm(R"(
.text
host_enter_generated:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsi, %r15
    fxrstor 176(%r15)
    jmp *%rdi
host_leave_generated:
    fxsave 176(%r15)
    fninit
    movl $0x1f80, -8(%rsp)
    ldmxcsr -8(%rsp)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
)");

namespace x86::translate::hosted {
namespace {

constexpr int context_registers[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                     REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15}; // by the processor's numbers

constexpr u32 write_fault = 2; // bit of a page fault's error code

} // namespace

TranslatorRunner::TranslatorRunner(Memory& memory, Options options, std::unique_ptr<CodeArea> area)
    : Runner(memory, area->page()), area_(std::move(area)), translator_(area_->memory(), options, *this) {
    page_.state.leave = reinterpret_cast<u64>(&host_leave_generated);
    memory_.on_change = [this](u32 page) { translator_.invalidate(page); };
    mode_ = processor_.guest_mode();
    translator_.set_mode(mode_);
}

TranslatorRunner::~TranslatorRunner() {
    memory_.on_change = nullptr;
    memory_.release_all();
}

void TranslatorRunner::changed(u32 first, u32 last) { translator_.invalidate_linear(first, last); }

OrException<Code::Page> TranslatorRunner::fetch(u32 linear) {
    auto const at = processor_.translate(linear, Access::execute, processor_.cpl() != 3);
    if (!at) return fail(at.error());
    return Page{.bytes = {Memory::at(linear), page_bytes - linear % page_bytes}, .number = linear / page_bytes};
}

bool TranslatorRunner::caught(mcontext_t& context) {
    HostRegisters registers{};
    for (unsigned i = 0; i < 16; ++i) registers.general[i] = static_cast<u64>(context.gregs[context_registers[i]]);
    registers.rip = static_cast<u64>(context.gregs[REG_RIP]);
    registers.rflags = static_cast<u64>(context.gregs[REG_EFL]);
    switch (translator_.recover(registers)) {
    case Translator::Recovery::stranger: return false;
    case Translator::Recovery::again:
        for (unsigned i = 0; i < 16; ++i) context.gregs[context_registers[i]] = static_cast<greg_t>(registers.general[i]);
        context.gregs[REG_RIP] = static_cast<greg_t>(registers.rip);
        context.gregs[REG_EFL] = static_cast<greg_t>(registers.rflags);
        return true;
    case Translator::Recovery::event:
    case Translator::Recovery::guest: break;
    }
    raised_ = exception_of(context);
    context.gregs[REG_RSP] = static_cast<greg_t>(page_.state.owner_stack);
    context.gregs[REG_EFL] &= ~static_cast<greg_t>(flags::direction); // as this program's own code expects
    context.gregs[REG_R15] = reinterpret_cast<greg_t>(&page_);
    context.gregs[REG_RIP] = reinterpret_cast<greg_t>(&host_leave_generated);
    return true;
}

// The same for what the emulator does not know: instructions of FPU and vectors.
Stop TranslatorRunner::at_the_end() const {
    Stop stop{.why = Stop::Why::exception, .exception = raised_};
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    u8 const* const code = Memory::at(page_.state.segments[static_cast<std::size_t>(SegmentName::cs)].base + page_.state.eip);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, ZYDIS_MAX_INSTRUCTION_LENGTH, &instruction, operands))) return stop;
    for (auto const& operand : std::span(operands, instruction.operand_count)) {
        // The processor finds the missing page first if eight bytes of ten are before the end.
        u64 const bytes = operand.size == 80 ? 8 : operand.size / 8;
        if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || raised_.address + bytes <= guest_bytes) continue;
        bool const flat = (mode_.flat >> (operand.mem.segment - ZYDIS_REGISTER_ES) & 1) != 0;
        if (!flat) continue;
        stop.exception = {.vector = operand.mem.segment == ZYDIS_REGISTER_SS ? vector::stack_fault : vector::general_protection, .error_code = 0};
    }
    return stop;
}

// What the processor raised in generated code is the guest's, unless this program had taken a right from the page, or the access was near the
// end of the 4 GB: over the end of a segment for the guest, or beyond none for a segment that begins elsewhere.
std::optional<Stop> TranslatorRunner::fault() {
    Stop const as_raised{.why = Stop::Why::exception, .exception = raised_};
    if (raised_.vector != vector::page_fault) return as_raised;
    if (raised_.address >= guest_bytes - page_bytes) {
        auto const stop = emulate_one();
        return stop && stop->why == Stop::Why::unsupported ? at_the_end() : stop;
    }
    auto const at = static_cast<u32>(raised_.address);
    bool const code_written = (raised_.error_code.value_or(0) & write_fault) != 0 && memory_.watched(static_cast<u32>(at / page_bytes)) &&
                              (memory_.rights(at) & rights::write) != 0;
    return code_written ? emulate_one() : as_raised;
}

Stop TranslatorRunner::run() {
    FaultScope const scope(*this);
    for (;;) {
        if (auto const mode = processor_.guest_mode(); mode != mode_) {
            mode_ = mode;
            translator_.set_mode(mode_);
        }
        if ((page_.state.system_flags & flags::trap) != 0) { // single steps are the emulator's
            if (auto const stop = emulate_one()) return *stop;
            continue;
        }
        auto const code = translator_.enter();
        if (!code) return {.why = Stop::Why::exception, .exception = code.error()};
        host_enter_generated(*code, &page_);
        std::optional<Stop> stop;
        switch (page_.state.reason) {
        case Reason::missing: break;
        case Reason::emulate: stop = emulate_one(); break;
        case Reason::event: return take_event();
        case Reason::fault: stop = fault(); break;
        }
        if (stop) return *stop;
    }
}

} // namespace x86::translate::hosted
