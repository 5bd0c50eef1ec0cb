// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/host/linux/speed.hpp"

#include <Zydis/Zydis.h>
#include <algorithm>
#include <ctime>
#include <cstdio>

namespace x86::translate::hosted {
namespace {

// Where basic blocks begin: targets of direct branches, and what follows a branch.
std::vector<u32> block_starts(LoadedProgram const& program) {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    std::vector<u32> starts = {program.entry};
    u32 const end = program.code + program.code_bytes;
    for (u32 at = program.code; at < end;) {
        ZydisDecodedInstruction instruction;
        ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, Memory::at(at), end - at, &instruction, operands))) {
            ++at;
            continue;
        }
        at += instruction.length;
        auto const category = instruction.meta.category;
        bool const branch = category == ZYDIS_CATEGORY_COND_BR || category == ZYDIS_CATEGORY_UNCOND_BR || category == ZYDIS_CATEGORY_CALL;
        if (!branch && category != ZYDIS_CATEGORY_RET) continue;
        starts.push_back(at);
        if (branch && operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operands[0].imm.is_relative)
            starts.push_back(at + static_cast<u32>(operands[0].imm.value.u));
    }
    std::erase_if(starts, [&](u32 start) { return start < program.code || start >= end; });
    std::ranges::sort(starts);
    starts.erase(std::ranges::unique(starts).begin(), starts.end());
    return starts;
}

} // namespace

void print_translation_speed(TranslatorRunner& runner, LoadedProgram const& program) {
    auto const processor_seconds = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
    auto const starts = block_starts(program);
    auto& translator = runner.translator();
    Counters const before = translator.counters();
    Counters first{};
    double const start = processor_seconds();
    double seconds = 0;
    for (unsigned pass = 0; seconds < 1; ++pass) {
        translator.flush();
        for (u32 const eip : starts) {
            runner.state().eip = eip;
            (void)translator.enter(); // what is no code, but data between functions, may have no entry
        }
        if (pass == 0) first = translator.counters();
        seconds = processor_seconds() - start;
    }
    Counters const after = translator.counters();
    constexpr double megabyte = 1e6;
    std::printf("translate %.2f %llu %llu %llu\n", static_cast<double>(after.guest_bytes - before.guest_bytes) / seconds / megabyte,
                static_cast<unsigned long long>(first.blocks - before.blocks), static_cast<unsigned long long>(first.guest_bytes - before.guest_bytes),
                static_cast<unsigned long long>(first.code_bytes - before.code_bytes));
}

} // namespace x86::translate::hosted
