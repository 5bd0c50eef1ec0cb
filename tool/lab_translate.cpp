// SPDX-License-Identifier: Apache-2.0
// A block of 32-bit code beside the code that the binary translator makes of it, after each step of optimisation.
#include <Zydis/Zydis.h>
#include <charconv>
#include <fmt/format.h>

#include "tool/lab.hpp"
#include "tool/tree.hpp"
#include "x86/translate/host/linux/program.hpp"
#include "x86/translate/translator.hpp"

namespace {

namespace translate = x86::translate;
using translate::hosted::Memory;

// Each with all that stand before it.
struct Step {
    char const* name;
    bool translate::Options::*option; // null: nothing yet
};
constexpr Step steps[] = {{"nothing", nullptr},
                          {"+ cache", &translate::Options::cache},
                          {"+ chaining", &translate::Options::chaining},
                          {"+ registers", &translate::Options::registers},
                          {"+ lazy flags", &translate::Options::lazy_flags},
                          {"+ return stack", &translate::Options::return_stack}};

struct Subject {
    std::filesystem::path file;
    std::optional<u32> address; // else the program's entry
};

std::optional<u32> address_of(std::string_view text) {
    constexpr std::string_view prefix = "0x";
    if (!text.starts_with(prefix)) return {};
    text.remove_prefix(prefix.size());
    u32 value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return {};
    return value;
}

Checked<Subject> subject_of(std::string const& text) {
    if (auto const address = address_of(text)) return Subject{Tree::of_this_program().guest / "busybox-i386", address};
    auto const at = text.rfind('@');
    if (at == std::string::npos) return Subject{text, {}};
    auto const address = address_of(std::string_view(text).substr(at + 1));
    if (!address) return fail(Problem({"lab", 0, "translate"}, {fmt::format("\"{}\" is no address", text.substr(at + 1)), "write 0x and hexadecimal digits"}));
    return Subject{text.substr(0, at), address};
}

class ProgramCode final : public translate::Code {
public:
    explicit ProgramCode(Memory const& memory) : memory_(memory) {}
    x86::OrException<Page> fetch(u32 linear) override {
        if (!memory_.allows(linear, 1, translate::hosted::rights::execute)) return fail(x86::Exception{.vector = x86::vector::page_fault, .error_code = 0, .address = linear});
        u64 const page = linear / translate::hosted::page_bytes;
        return Page{{Memory::at(linear), translate::hosted::page_bytes - linear % translate::hosted::page_bytes}, page};
    }
    void protect(u64) override {}

private:
    Memory const& memory_;
};

// Instructions as text, one for each; what cannot be decoded is a line of its own.
std::vector<std::string> disassemble(std::span<u8 const> code, u64 address, bool wide) {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, wide ? ZYDIS_MACHINE_MODE_LONG_64 : ZYDIS_MACHINE_MODE_LEGACY_32, wide ? ZYDIS_STACK_WIDTH_64 : ZYDIS_STACK_WIDTH_32);
    ZydisFormatter formatter;
    ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
    std::vector<std::string> lines;
    while (!code.empty()) {
        ZydisDecodedInstruction instruction;
        ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
        char text[128];
        if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code.data(), code.size(), &instruction, operands)) ||
            ZYAN_FAILED(ZydisFormatterFormatInstruction(&formatter, &instruction, operands, instruction.operand_count_visible, text, sizeof text, address, nullptr))) {
            lines.push_back(fmt::format("({} bytes that are no instruction)", code.size()));
            break;
        }
        lines.emplace_back(text);
        code = code.subspan(instruction.length);
        address += instruction.length;
    }
    return lines;
}

// The block that begins at `eip`, as rows of `table`. False: there is none.
bool add_rows(LabTable& table, Step const& step, translate::Translator const& translator, u32 eip) {
    bool found = false;
    translator.for_each_block([&](translate::BlockView const& block) {
        if (block.eip != eip || found) return;
        found = true;
        std::size_t instructions = 0, first = table.rows.size();
        auto const add = [&](std::vector<std::string> const& guest, std::vector<std::string> const& host) {
            instructions += host.size();
            for (std::size_t i = 0; i < std::max(guest.size(), host.size()); ++i)
                table.rows.push_back({std::string(), i < guest.size() ? guest[i] : std::string(), i < host.size() ? host[i] : std::string()});
        };
        auto const host = [&](u32 from, u32 to) { return disassemble(block.code.subspan(from, to - from), block.address + from, true); };
        u32 const length = static_cast<u32>(block.code.size());
        if (!block.parts.empty() && block.parts.front().code > 0) add({"(entry)"}, host(0, block.parts.front().code));
        for (std::size_t i = 0; i < block.parts.size(); ++i) {
            auto const& part = block.parts[i];
            bool const last = i + 1 == block.parts.size();
            u32 const guest_end = last ? block.guest_bytes : block.parts[i + 1].guest;
            std::span<u8 const> const bytes(Memory::at(block.linear + part.guest), guest_end - part.guest);
            add(disassemble(bytes, block.eip + part.guest, false), host(part.code, last ? length : block.parts[i + 1].code));
        }
        table.rows.insert(table.rows.begin() + static_cast<std::ptrdiff_t>(first),
                          {std::string(step.name), fmt::format("{} instructions, {} bytes", block.instructions, block.guest_bytes),
                           fmt::format("{} instructions, {} bytes", instructions, block.code.size())});
    });
    return found;
}

} // namespace

Checked<LabTable> lab_translate(std::string const& text) {
    auto const subject = TRY(subject_of(text));
    Place const place{subject.file.string(), 0, ""};
    Memory memory;
    auto const program = translate::hosted::load_program(memory, subject.file.string(), {"program"}, {});
    if (!program) return fail(Problem({"lab", 0, "translate"}, {program.error(), "name a static 32-bit program"}));
    u32 const eip = subject.address.value_or(program->entry);
    LabTable table{.title = fmt::format("The block at {:#x} of {}", eip, subject.file.filename().string()), .columns = {"with", "guest", "host"}, .rows = {}, .notes = {}};
    translate::Options options{false, false, false, false, false};
    for (auto const& step : steps) {
        if (step.option != nullptr) options.*step.option = true;
        // Nothing of it is run: any addresses will do.
        constexpr u64 code_bytes = 1 << 20, stack_bytes = 4096, state_at = u64{1} << 39;
        std::vector<u8> code(code_bytes), stack(stack_bytes);
        translate::State state{};
        ProgramCode program_code(memory);
        translate::Translator translator({.bytes = code, .code = state_at + (1 << 20), .state = &state, .state_address = state_at, .stack = stack, .stack_address = state_at + (1 << 16)},
                                         options, program_code);
        for (auto& segment : state.segments) segment = {.base = 0, .limit = ~u32{0}};
        translator.set_mode({.cpl = 3});
        state.eip = eip;
        if (!translator.enter() || !add_rows(table, step, translator, eip))
            return fail(Problem(place, {fmt::format("has no code at {:#x}", eip), "name an address inside its code"}));
    }
    table.notes = {"each line with all that stands above it; r15: State, r8: esp, r9 to r14: scratch, rsp: return stack",
                   "(entry): where indirect jumps and backward jumps arrive; forward jumps skip it. The last instruction's code ends with the exits"};
    return table;
}
