// SPDX-License-Identifier: Apache-2.0
// A root task that stops the machine inside a system call, with flags set that would weaken the kernel if it kept them: AC (SMAP),
// NT, DF, and arithmetic ones. test/isolation/kernel-state looks at the processor then.
#include "user/bare/start.hpp"
#include "user/system_call.hpp"

void root_main(abi::BootInfo const&) {
    constexpr u64 flags = 0x44cd7;
    asm volatile("push %0\n popfq\n mov %1, %%rdx\n syscall" : : "r"(flags), "i"(abi::Syscall::debug_halt) : "rdx", "rcx", "r11", "memory");
}
