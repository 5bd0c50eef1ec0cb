// SPDX-License-Identifier: Apache-2.0
#include "tool/problem.hpp"

std::string Problem::text() const {
    std::string line = place.file;
    if (place.line != 0) line += ":" + std::to_string(place.line);
    if (!place.field.empty()) line += ": " + place.field;
    return line + ": " + what + "; " + cure;
}
