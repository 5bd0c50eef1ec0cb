// SPDX-License-Identifier: Apache-2.0
// Short ways through the kernel for what programs do most. Each looks first; where the state asks for more than it does, it
// answers null and has changed nothing, and the general way (kernel.cpp) acts. Both leave the same state: fast_path_test.cpp.
#pragma once

class Kernel;
class Tcb;
struct Trap32Event;

namespace fast_path {

// The system call of the current thread. Who runs next, or null.
Tcb* system_call(Kernel& kernel);
// The fault of the current thread, a 32-bit one, goes to its handler, which waits. Who runs next, or null.
Tcb* trap_32(Kernel& kernel, Trap32Event const& trap);

} // namespace fast_path
