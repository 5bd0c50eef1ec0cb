// SPDX-License-Identifier: Apache-2.0
// What a component may ask of root, by Call or Send on slot::root. Fault messages (labels 1..5) arrive on the same endpoint.
#pragma once

#include "base/types.hpp"

namespace protocol {

enum class RootLabel : u64 {
    exit = 0x100, // Send: MR0 = exit status (0: success). Root ends the component and does not answer.
    log = 0x101,  // Call: MR0 = bytes n (at most 944), MR1.. = text; root prints it as lines of the component
    // Send: the library OS could not handle an exception of its program. MR0 = thread (0: main), MR1 = the processor's
    // vector, MR2 = error code, MR3 = CR2 (vector 14), MR4 = rip. Root reports it and ends the component as after a fault.
    fault = 0x102,
};
inline constexpr unsigned max_log_bytes = 944;

} // namespace protocol
