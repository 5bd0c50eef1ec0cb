// SPDX-License-Identifier: Apache-2.0
// Segments, task state, interrupt gates and the SYSCALL registers: Intel SDM vol. 3, chapters 3, 5.8.8, 6 and 7.
#pragma once

namespace machine {
void load_descriptors(); // from then on an exception in the kernel is reported
void enable_syscall();
} // namespace machine
