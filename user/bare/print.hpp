// SPDX-License-Identifier: Apache-2.0
// Output of bare programs on the kernel's debug console.
#pragma once

#include <span>

#include "user/system_call.hpp"
#include "user/text.hpp"

namespace user {

inline void print(std::span<char const> text) {
    for (char const c : text) debug_put_char(c);
}
inline void print(char const* text) {
    while (*text != 0) debug_put_char(*text++);
}
template <unsigned Capacity> void print(Text<Capacity> const& text) { print(text.c_str()); }

} // namespace user
