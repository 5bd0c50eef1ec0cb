// SPDX-License-Identifier: Apache-2.0
#include "tool/size.hpp"

#include <charconv>

std::optional<u64> parse_size(std::string_view text) {
    u64 number{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return {};
    std::string_view const unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    unsigned shift = 0;
    if (unit == "K") shift = 10;
    else if (unit == "M") shift = 20;
    else if (unit == "G") shift = 30;
    else if (!unit.empty()) return {};
    if (number > ~u64{0} >> shift) return {};
    return number << shift;
}

std::string size_text(u64 bytes) {
    constexpr std::pair<unsigned, char> units[] = {{30, 'G'}, {20, 'M'}, {10, 'K'}};
    for (auto const& [shift, unit] : units) {
        if (bytes != 0 && bytes % (u64{1} << shift) == 0) return std::to_string(bytes >> shift) + unit;
    }
    return std::to_string(bytes);
}
