// SPDX-License-Identifier: Apache-2.0
// Rows of measurements, printed and judged.
#include "tool/bench.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

double median(std::vector<double> values) {
    std::ranges::sort(values);
    auto const middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<std::string> above_peers(std::vector<BenchRow> const& rows) {
    std::vector<std::string> names;
    for (auto const& row : rows)
        if (!row.peer.empty() && row.value > row.peer_value) names.push_back(row.name);
    return names;
}

std::string rows_as_text(std::vector<BenchRow> const& rows) {
    std::string text = fmt::format("{:<36} {:>12} {:<12} {:>10} {:>7}  {}\n", "name", "value", "unit", "peer", "ratio", "peer's name");
    for (auto const& row : rows) {
        text += fmt::format("{:<36} {:>12.8g} {:<12}", row.name, row.value, row.unit);
        if (!row.peer.empty()) text += fmt::format(" {:>10.8g} {:>7.2f}  {}", row.peer_value, row.value / row.peer_value, row.peer);
        text += '\n';
    }
    return text;
}

std::string rows_as_json(std::vector<BenchRow> const& rows) {
    auto list = nlohmann::ordered_json::array();
    for (auto const& row : rows) {
        nlohmann::ordered_json entry = {{"name", row.name}, {"value", row.value}, {"unit", row.unit},
                                        {"peer", nullptr},  {"peer_value", nullptr}, {"ratio", nullptr}};
        if (!row.peer.empty()) {
            entry["peer"] = row.peer;
            entry["peer_value"] = row.peer_value;
            entry["ratio"] = row.value / row.peer_value;
        }
        list.push_back(std::move(entry));
    }
    return list.dump(2) + "\n";
}
