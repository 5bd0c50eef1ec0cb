// SPDX-License-Identifier: Apache-2.0
// The classic exercise: a program of the guest calls read() on the keyboard, the guest switches to another program, a key arrives,
// the guest switches back and the call returns. How many guest page-table switches is that, how many real ones, how many exits?
#include <fmt/format.h>

#include "tool/guest_run.hpp"
#include "tool/lab.hpp"

namespace {

// The marks of bench/engines/guest.cpp.
constexpr u32 before_read = 1000, other_runs = 1001, after_read = 1002;
constexpr double time_limit = 300; // seconds

std::string mark_text(u32 mark) { return fmt::format("\"mark\": {}", mark); }

GuestReport const* find_mark(std::vector<GuestReport> const& reports, u32 mark) {
    for (auto const& report : reports)
        if (report.mark == mark) return &report;
    return nullptr;
}

Checked<std::vector<LabTable::Cell>> row_of(std::string const& engine) {
    MeasuredGuest const guest{.bits = 32, .engine = engine, .measurements = "wait-for-key"};
    auto const said = TRY(talk(guest, {expect_text(mark_text(other_runs)), send_text("k"), expect_text(mark_text(after_read)), expect_text("}\n")}, time_limit));
    auto const reports = guest_reports(said.console, measured_vm);
    auto const* const start = find_mark(reports, before_read);
    auto const* const end = find_mark(reports, after_read);
    if (!start || !end) return fail(Problem({"lab", 0, engine}, {"the monitor did not report", "see what happens with ./tessera run"}));
    auto const difference = [&](std::string const& figure) { return end->figures.at(figure) - start->figures.at(figure); };
    auto const exits = [&](std::string const& cause) {
        auto const count = [&](GuestReport const& report) {
            auto const found = report.exits.find(cause);
            return found == report.exits.end() ? 0 : found->second;
        };
        return count(*end) - count(*start);
    };
    // With nested paging the guest writes CR3 itself, and no monitor sees it.
    bool const seen = engine != "nested";
    auto const cell = [&](std::string const& figure) { return seen ? LabTable::Cell(difference(figure)) : LabTable::Cell("-"); };
    return std::vector<LabTable::Cell>{engine, cell("guest_page_table_switches"), cell("real_page_table_switches"), exits("total"),
                                       exits("ports") + exits("memory"), exits("shadow fills"), difference("injected_interrupts")};
}

} // namespace

Checked<LabTable> lab_overhead() {
    LabTable table{.title = "A program waits for a key while another one runs, then the key arrives (32-bit Linux)",
                   .columns = {"engine", "guest switches", "real switches", "exits", "of them devices", "shadow fills", "interrupts"},
                   .rows = {},
                   .notes = {"guest switches: writes of CR3 by the guest; real switches: changes of the root that the processor uses",
                             "with nested paging the processor switches the guest's tables itself: nobody sees it, and there is nothing to do"}};
    for (char const* const engine : {"nested", "shadow-fill", "shadow-sync", "trap", "translate"}) {
        fmt::print(stderr, "{} ...\n", engine);
        table.rows.push_back(TRY(row_of(engine)));
    }
    return table;
}
