// SPDX-License-Identifier: Apache-2.0
// Reading one TOML table of a manifest: every key known, every value of the right type, every answer with its place.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "tool/problem.hpp"

class Fields {
public:
    // Opens `table`, called `path` in messages; refuses keys that are not in `known`.
    static Checked<Fields> open(toml::table const& table, Place place, std::initializer_list<std::string_view> known);

    // The value of a key. Empty when the key is absent.
    Checked<std::optional<Located<std::string>>> text(std::string_view key) const;
    Checked<std::optional<Located<i64>>> integer(std::string_view key, i64 low, i64 high) const;
    Checked<std::optional<Located<bool>>> boolean(std::string_view key) const;
    Checked<std::optional<Located<u64>>> size(std::string_view key, u64 unit) const; // "64M"; a multiple of unit, not 0
    Checked<std::vector<Located<std::string>>> texts(std::string_view key) const;
    Checked<std::vector<Located<toml::table const*>>> tables(std::string_view key) const; // [] when absent
    Checked<std::optional<Located<toml::table const*>>> table(std::string_view key) const;

    // The same for keys that must be there; `example` goes into the cure.
    Checked<Located<std::string>> required_text(std::string_view key, std::string_view example) const;
    Checked<Located<u64>> required_size(std::string_view key, u64 unit, std::string_view example) const;

    toml::node const* find(std::string_view key) const { return table_->get(key); }
    Place place(std::string_view key) const; // of the key's value, or of the table when the key is absent
    Place const& here() const { return place_; }

private:
    Fields(toml::table const& table, Place place) : table_(&table), place_(std::move(place)) {}
    Problem wrong_type(std::string_view key, std::string_view wanted) const;
    Problem missing(std::string_view key, std::string_view example) const;

    toml::table const* table_;
    Place place_;
};

// The place of a node inside the thing that `outer` names.
Place place_of(toml::node const& node, Place const& outer, std::string_view field);
