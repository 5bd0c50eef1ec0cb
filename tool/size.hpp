// SPDX-License-Identifier: Apache-2.0
// Sizes as people write them: "64M", "1G", "512K", or plain bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/types.hpp"

std::optional<u64> parse_size(std::string_view text); // empty when it is no size or does not fit 64 bits
std::string size_text(u64 bytes);                     // the largest unit that divides it: "64M"
