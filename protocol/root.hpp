// SPDX-License-Identifier: Apache-2.0
// What a component may ask of root, by Call or Send on slot::root. Fault messages (labels 1..5) arrive on the same endpoint.
#pragma once

#include "base/types.hpp"

namespace protocol {

enum class RootLabel : u64 {
    exit = 0x100, // Send: MR0 = exit status (0: success). Root ends the component and does not answer.
    log = 0x101,  // Call: MR0 = bytes n (at most 944), MR1.. = text; root prints it as lines of the component
};
inline constexpr unsigned max_log_bytes = 944;

} // namespace protocol
