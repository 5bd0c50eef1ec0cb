// SPDX-License-Identifier: Apache-2.0
// Output through COM1's ports: the same in the debug and in the release profile (ABI 1.3).
#pragma once

#include "user/text.hpp"

void open_console(); // takes the ports 0x3F8..0x3FF; their capability is in console_slot
void print(char const* text);
template <unsigned Capacity> void print(user::Text<Capacity> const& text) { print(text.c_str()); }
