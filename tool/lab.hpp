// SPDX-License-Identifier: Apache-2.0
// Experiments (`tessera lab`): each boots what it needs, measures, and answers with a table. What the numbers mean is in
// docs/labs.md.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tool/problem.hpp"

struct LabTable {
    using Cell = std::variant<std::string, double>; // a number that was not measured is the text "-"
    std::string title;
    std::vector<std::string> columns;
    std::vector<std::vector<Cell>> rows; // as many cells as columns
    std::vector<std::string> notes;      // a line each, below the table
};
std::string table_as_text(LabTable const& table);
std::string table_as_json(LabTable const& table); // {title, rows: [{column: value}], notes}

Checked<LabTable> lab_overhead(); // a program waits for a key while another runs: switches and exits by engine
Checked<LabTable> lab_popf();     // an instruction that should trap and does not, with and without the patch
Checked<LabTable> lab_walk();     // memory references of two-dimensional page walks, over live tables
// Both policies of shadow page tables on three loads. plots: folder for the picture.
Checked<LabTable> lab_shadow(std::optional<std::filesystem::path> const& plots);
// A block of 32-bit code and what the binary translator makes of it, one step of optimisation after the other. subject: FILE (a static
// 32-bit program: its first block), ADDRESS (in Debian's i386 busybox) or FILE@ADDRESS.
Checked<LabTable> lab_translate(std::string const& subject);
// A boot under binary translation: what was translated, found, linked and emulated over time. plots: folder for the picture.
Checked<LabTable> lab_translated_boot(std::optional<std::filesystem::path> const& plots);
