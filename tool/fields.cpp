// SPDX-License-Identifier: Apache-2.0
#include "tool/fields.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tool/size.hpp"

namespace {

std::string_view type_name(toml::node const& node) {
    switch (node.type()) {
    case toml::node_type::none: return "nothing";
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a floating-point number";
    case toml::node_type::boolean: return "a boolean";
    case toml::node_type::date: return "a date";
    case toml::node_type::time: return "a time";
    case toml::node_type::date_time: return "a date and time";
    }
    return "unknown";
}

} // namespace

Place place_of(toml::node const& node, Place const& outer, std::string_view field) {
    return {outer.file, static_cast<u32>(node.source().begin.line),
            outer.field.empty() ? std::string(field) : fmt::format("{}.{}", outer.field, field)};
}

Checked<Fields> Fields::open(toml::table const& table, Place place, std::initializer_list<std::string_view> known) {
    for (auto const& [key, value] : table) {
        if (std::ranges::find(known, key.str()) != known.end()) continue;
        auto where = place_of(value, place, key.str());
        if (key.source().begin) where.line = static_cast<u32>(key.source().begin.line);
        return fail(Problem(std::move(where), {"unknown key", fmt::format("known here: {}", fmt::join(known, ", "))}));
    }
    return Fields(table, std::move(place));
}

Place Fields::place(std::string_view key) const {
    auto const* node = find(key);
    if (node != nullptr) return place_of(*node, place_, key);
    return {place_.file, place_.line, place_.field.empty() ? std::string(key) : fmt::format("{}.{}", place_.field, key)};
}

Problem Fields::wrong_type(std::string_view key, std::string_view wanted) const {
    return Problem(place(key), {fmt::format("is {}", type_name(*find(key))), fmt::format("write {}", wanted)});
}

Problem Fields::missing(std::string_view key, std::string_view example) const {
    return Problem(place(key), {"is missing", fmt::format("add {} = {}", key, example)});
}

Checked<std::optional<Located<std::string>>> Fields::text(std::string_view key) const {
    auto const* node = find(key);
    if (node == nullptr) return std::nullopt;
    auto const* value = node->as_string();
    if (value == nullptr) return fail(wrong_type(key, "a string in quotes"));
    // Names, paths and arguments become NUL-terminated strings.
    if (value->get().find('\0') != std::string::npos) {
        return fail(Problem(place(key), {"contains a NUL character", "leave it out"}));
    }
    return Located{value->get(), place(key)};
}

Checked<std::optional<Located<i64>>> Fields::integer(std::string_view key, i64 low, i64 high) const {
    auto const* node = find(key);
    if (node == nullptr) return std::nullopt;
    auto const* value = node->as_integer();
    if (value == nullptr) return fail(wrong_type(key, fmt::format("an integer, {} to {}", low, high)));
    if (value->get() < low || value->get() > high) {
        return fail(Problem(place(key), {fmt::format("{} is out of range", value->get()),
                                         fmt::format("write an integer, {} to {}", low, high)}));
    }
    return Located{value->get(), place(key)};
}

Checked<std::optional<Located<bool>>> Fields::boolean(std::string_view key) const {
    auto const* node = find(key);
    if (node == nullptr) return std::nullopt;
    auto const* value = node->as_boolean();
    if (value == nullptr) return fail(wrong_type(key, "true or false"));
    return Located{value->get(), place(key)};
}

Checked<std::optional<Located<u64>>> Fields::size(std::string_view key, u64 unit) const {
    auto const* node = find(key);
    if (node != nullptr && !node->is_string()) return fail(wrong_type(key, "a size in quotes, for example \"64M\""));
    auto const written = TRY(text(key));
    if (!written) return std::nullopt;
    auto const bytes = parse_size(written->value);
    if (!bytes || *bytes == 0) {
        return fail(Problem(written->place, {fmt::format("\"{}\" is no size", written->value), "write for example \"64M\""}));
    }
    if (*bytes % unit != 0) {
        return fail(Problem(written->place, {fmt::format("\"{}\" is not a multiple of {}", written->value, size_text(unit)),
                                             "round it up"}));
    }
    return Located{*bytes, written->place};
}

Checked<std::vector<Located<std::string>>> Fields::texts(std::string_view key) const {
    std::vector<Located<std::string>> result;
    auto const* node = find(key);
    if (node == nullptr) return result;
    auto const* array = node->as_array();
    if (array == nullptr) return fail(wrong_type(key, "an array of strings, [\"...\"]"));
    for (std::size_t i = 0; i < array->size(); ++i) {
        auto const& element = *array->get(i);
        auto where = place_of(element, place_, fmt::format("{}[{}]", key, i));
        if (!element.is_string()) {
            return fail(Problem(std::move(where), {fmt::format("is {}", type_name(element)), "write a string in quotes"}));
        }
        result.push_back({element.as_string()->get(), std::move(where)});
    }
    return result;
}

Checked<std::vector<Located<toml::table const*>>> Fields::tables(std::string_view key) const {
    std::vector<Located<toml::table const*>> result;
    auto const* node = find(key);
    if (node == nullptr) return result;
    auto const* array = node->as_array();
    if (array == nullptr) return fail(wrong_type(key, fmt::format("an array of tables, [[{}]] or [{{...}}]", key)));
    for (std::size_t i = 0; i < array->size(); ++i) {
        auto const& element = *array->get(i);
        auto where = place_of(element, place_, fmt::format("{}[{}]", key, i));
        if (!element.is_table()) {
            return fail(Problem(std::move(where), {fmt::format("is {}", type_name(element)), "write a table, {...}"}));
        }
        result.push_back({element.as_table(), std::move(where)});
    }
    return result;
}

Checked<std::optional<Located<toml::table const*>>> Fields::table(std::string_view key) const {
    auto const* node = find(key);
    if (node == nullptr) return std::nullopt;
    auto const* table = node->as_table();
    if (table == nullptr) return fail(wrong_type(key, "a table, {...}"));
    return Located<toml::table const*>{table, place(key)};
}

Checked<Located<std::string>> Fields::required_text(std::string_view key, std::string_view example) const {
    auto value = TRY(text(key));
    if (!value) return fail(missing(key, example));
    return *std::move(value);
}

Checked<Located<u64>> Fields::required_size(std::string_view key, u64 unit, std::string_view example) const {
    auto value = TRY(size(key, unit));
    if (!value) return fail(missing(key, example));
    return *std::move(value);
}
