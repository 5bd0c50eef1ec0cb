// SPDX-License-Identifier: Apache-2.0
#include "tool/lab.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tool/commands.hpp"

namespace {

std::string text_of(LabTable::Cell const& cell) {
    if (auto const* text = std::get_if<std::string>(&cell)) return *text;
    return fmt::format("{:.6g}", std::get<double>(cell));
}

} // namespace

std::string table_as_text(LabTable const& table) {
    std::vector<std::size_t> widths;
    std::vector<bool> numbers; // columns with one: to the right
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
        std::size_t width = table.columns[column].size();
        bool number = false;
        for (auto const& row : table.rows) {
            width = std::max(width, text_of(row[column]).size());
            number = number || std::holds_alternative<double>(row[column]);
        }
        widths.push_back(width);
        numbers.push_back(number);
    }
    std::string text = table.title + "\n\n";
    auto const add_row = [&](auto const& cells, auto const& as_text) {
        for (std::size_t column = 0; column < cells.size(); ++column) {
            auto const cell = as_text(cells[column]);
            if (column > 0) text += "  ";
            bool const last = column + 1 == table.columns.size();
            if (numbers[column]) text += fmt::format("{:>{}}", cell, widths[column]);
            else text += fmt::format("{:<{}}", cell, last ? 0 : widths[column]);
        }
        text += '\n';
    };
    add_row(table.columns, [](std::string const& name) { return name; });
    for (auto const& row : table.rows) add_row(row, text_of);
    if (!table.notes.empty()) text += '\n';
    for (auto const& note : table.notes) text += note + "\n";
    return text;
}

std::string table_as_json(LabTable const& table) {
    nlohmann::ordered_json object = {{"title", table.title}, {"rows", nlohmann::ordered_json::array()}, {"notes", table.notes}};
    for (auto const& row : table.rows) {
        nlohmann::ordered_json entry;
        for (std::size_t column = 0; column < row.size(); ++column)
            std::visit([&](auto const& value) { entry[table.columns[column]] = value; }, row[column]);
        object["rows"].push_back(std::move(entry));
    }
    return object.dump(2) + "\n";
}

Checked<int> lab(std::string const& name, LabOptions const& options) {
    bool const translate = name == "translate";
    if (options.plots && name != "shadow" && (!translate || options.subject))
        return fail(Problem({"lab", 0, name}, {"has no picture", "leave --plot away, or choose shadow or translate"}));
    if (options.subject && !translate)
        return fail(Problem({"lab", 0, name}, {fmt::format("has nothing to do with \"{}\"", *options.subject), "leave it away"}));
    auto const table = name == "overhead" ? lab_overhead()
                       : name == "popf"   ? lab_popf()
                       : name == "walk"   ? lab_walk()
                       : name == "shadow" ? lab_shadow(options.plots)
                       : translate        ? (options.subject ? lab_translate(*options.subject) : lab_translated_boot(options.plots))
                                          : fail(Problem({"lab", 0, ""}, {fmt::format("there is no experiment \"{}\"", name),
                                                                          "choose one of: overhead, popf, shadow, translate, walk"}));
    if (!table) return fail(table.error());
    fmt::print("{}", options.json ? table_as_json(*table) : table_as_text(*table));
    return 0;
}
