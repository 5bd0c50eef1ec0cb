// SPDX-License-Identifier: Apache-2.0
// Set-up of the debug console; put_char() of machine.hpp writes to it.
#pragma once

namespace machine {
void start_console(); // COM1, 115200 baud, 8N1
}
