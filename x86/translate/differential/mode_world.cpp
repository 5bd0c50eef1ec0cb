// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/differential/mode_world.hpp"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <random>

#include "x86/emulate/arithmetic.hpp"
#include "x86/translate/differential/run_of_runner.hpp"

namespace x86::translate::differential {
namespace {

using namespace hosted;

constexpr u64 usual_code_bytes = 1 << 20;
constexpr unsigned translator_ticks = 100, unicorn_ticks = 20;
constexpr u32 compared_flags = static_cast<u32>(flags::arithmetic | flags::direction | flags::interrupt | flags::Iopl::mask | flags::nested_task |
                                                flags::alignment_check | flags::identification);

std::string describe(ModeCase const& test) {
    std::string result = kind_of(test) + "\n";
    for (unsigned i = 0; i < 6; ++i) {
        auto const segment = segment_of(test, SegmentName(i));
        result += fmt::format("segment {}: {:x} base {:x} limit {:x} rights {:x}\n", i, segment.selector, segment.base, segment.limit, segment.access_rights);
    }
    for (std::size_t at = 0; at < test.code.size();) {
        auto const decoded = decode(std::span(test.code).subspan(at), size_of(segment_of(test, SegmentName::cs)));
        std::size_t const length = decoded ? decoded->instruction.length : 1;
        result += fmt::format("{:8x}  ", test.eip + at);
        for (std::size_t i = 0; i < length; ++i) result += fmt::format(" {:02x}", test.code[at + i]);
        result += fmt::format("  {}\n", decoded ? ZydisMnemonicGetString(decoded->instruction.mnemonic) : "");
        at += length;
    }
    return result;
}

// Of the pages that are read-only and that are not there. What is written and read, Unicorn reads first; processors look for the right to write, page
// by page.
bool faults_on_border(ModeOutcome const& outcome) {
    constexpr u32 longest_operand = 8;
    return outcome.vector == vector::page_fault && outcome.address > board::mapped_end - longest_operand && outcome.address <= board::mapped_end;
}

} // namespace

std::string kind_of(ModeCase const& test) {
    bool const wide = size_of(segment_of(test, SegmentName::cs)) == 4;
    return test.protected_mode ? fmt::format("protected, {} bits, level {}", wide ? 32 : 16, test.cpl) : "real";
}

ModeWorld::ModeWorld(u64 seed, Options const& options) : memory_(), runner_(memory_, options, usual_code_bytes) {
    constexpr u8 usual = rights::read | rights::write | rights::execute;
    memory_.map(board::at, board::mapped_end - board::at, usual, true);
    std::mt19937_64 random(seed);
    for (u32 at = board::at; at < board::mapped_end; at += 4) {
        auto const value = static_cast<u32>(random());
        std::memcpy(Memory::at(at), &value, sizeof value);
    }
    constexpr u8 halt = 0xf4;
    std::memset(Memory::at(board::code), halt, board::code_pages * board::page);
    memory_.protect(board::read_only, board::mapped_end - board::read_only, rights::read | rights::execute);
    std::memcpy(base_.data(), Memory::at(board::at), board::bytes);
}

// Pages that differ: the translator hears of them, if it knows them.
void ModeWorld::restore(Image const& from) {
    for (u32 offset = 0; offset < board::ram_bytes; offset += board::page) {
        u8* const here = Memory::at(board::at + offset);
        if (std::memcmp(here, &from[offset], board::page) == 0) continue;
        memory_.release((board::at + offset) / board::page);
        std::memcpy(here, &from[offset], board::page);
    }
}

void ModeWorld::put(ModeCase const& test) {
    before_ = base_;
    auto const copy = [&](u32 at, void const* from, std::size_t bytes) {
        if (at >= board::at && at + bytes <= board::ram_end) std::memcpy(&before_[at - board::at], from, bytes);
    };
    for (auto const& word : test.memory) copy(word.at, &word.value, sizeof word.value);
    if (test.protected_mode) copy(board::descriptors, test.descriptors, sizeof test.descriptors);
    copy(test.at, test.code.data(), test.code.size());
}

ModeOutcome ModeWorld::translated(ModeCase const& test) {
    begin(runner_.processor(), runner_.state(), test);
    Stop const stop = [&] {
        RunOfRunner run(runner_);
        Watchdog::Watch const watch(watchdog_, run, translator_ticks);
        return runner_.run();
    }();
    bool const raised = stop.why == Stop::Why::exception;
    auto result = outcome_of(runner_.processor(), runner_.state(), raised ? std::optional(stop.exception) : std::nullopt);
    if (stop.why == Stop::Why::event) result.incomparable = "it comes to no end";
    if (stop.why == Stop::Why::unsupported) result.incomparable = stop.text;
    return result;
}

ModeOutcome ModeWorld::by_unicorn(ModeCase const& test) {
    constexpr u64 most = 500'000; // when its code has filled Unicorn's memory (after some two million), exceptions show a wrong eip
    if (unicorn_runs_++ % most == 0) unicorn_.emplace();
    std::ranges::copy(before_, unicorn_->memory().begin());
    Watchdog::Watch const watch(watchdog_, *unicorn_, unicorn_ticks);
    return unicorn_->run(test);
}

std::string ModeWorld::difference(ModeCase const& test, ModeTrace const& trace, char const* name, ModeOutcome const& expected,
                                  std::span<u8 const> expected_memory, ModeOutcome const& got) const {
    bool const same_memory = std::memcmp(expected_memory.data(), translated_memory_.data(), board::bytes) == 0;
    u32 const defined = compared_flags & ~trace.undefined;
    // User or supervisor: to the host's processor it is all user.
    constexpr u32 user = 4;
    u32 const told = expected.vector == vector::page_fault ? ~user : ~u32{0};
    bool const same_code = !expected.error_code || ((*expected.error_code ^ got.error_code.value_or(0)) & told) == 0;
    bool const same = same_code && std::memcmp(expected.general, got.general, sizeof got.general) == 0 && expected.eip == got.eip &&
                      std::memcmp(expected.selectors, got.selectors, sizeof got.selectors) == 0 && ((expected.flags ^ got.flags) & defined) == 0 &&
                      expected.vector == got.vector && expected.address == got.address && got.incomparable == nullptr;
    if (same && same_memory) return {};
    std::string result = describe(test) + fmt::format("before, {}, translated\n", name);
    auto const line = [&](char const* what, u32 before, u32 a, u32 b) {
        result += fmt::format("{:<6} {:8x} {:8x} {:8x}{}\n", what, before, a, b, a == b ? "" : "  <--");
    };
    static constexpr char const *names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"}, *segments[] = {"es", "cs", "ss", "ds", "fs", "gs"};
    for (unsigned i = 0; i < 8; ++i) line(names[i], test.general[i], expected.general[i], got.general[i]);
    for (unsigned i = 0; i < 6; ++i) line(segments[i], test.selectors[i], expected.selectors[i], got.selectors[i]);
    line("eip", test.eip, expected.eip, got.eip);
    line("flags", test.flags, expected.flags & compared_flags, got.flags & compared_flags);
    line("vector", 0, expected.vector.value_or(0xff), got.vector.value_or(0xff));
    line("error", 0, expected.error_code.value_or(0), got.error_code.value_or(0));
    line("cr2", 0, expected.address, got.address);
    result += fmt::format("undefined flags {:x}\n", trace.undefined);
    if (got.incomparable) result += fmt::format("the translator: {}\n", got.incomparable);
    for (u32 i = 0; !same_memory && i < board::bytes; ++i)
        if (expected_memory[i] != translated_memory_[i])
            return result + fmt::format("memory at {:x}: before {:02x}, {} {:02x}, translated {:02x}\n", board::at + i, before_[i], name, expected_memory[i],
                                        translated_memory_[i]);
    return result;
}

std::string ModeWorld::compare(ModeCase const& test) {
    ++counts.cases;
    put(test);
    restore(before_);
    auto const traced = tracer_.run(test);
    if (traced.incomparable != nullptr) {
        ++counts.why[traced.incomparable];
        return {};
    }
    std::memcpy(emulated_memory_.data(), Memory::at(board::at), board::bytes);
    restore(before_);
    auto const got = translated(test);
    std::memcpy(translated_memory_.data(), Memory::at(board::at), board::bytes);
    ++(traced.outcome.vector ? counts.exceptions : counts.halted);
    auto const text = difference(test, traced, "emulated", traced.outcome, emulated_memory_, got);
    if (traced.not_by_unicorn != nullptr) {
        ++counts.why[traced.not_by_unicorn];
        return text;
    }
    auto const other = by_unicorn(test);
    char const* why = other.incomparable;
    if (!test.protected_mode && traced.outcome.vector == vector::page_fault) why = "real mode, and no memory there";
    if (faults_on_border(traced.outcome) && faults_on_border(other)) why = "an operand in two pages that fault for different reasons";
    if (why != nullptr) {
        ++counts.why[why];
        return text;
    }
    ++counts.compared;
    ++counts.kinds[kind_of(test)];
    return text + difference(test, traced, "Unicorn", other, unicorn_->memory(), got);
}

} // namespace x86::translate::differential
