// SPDX-License-Identifier: Apache-2.0
// Linux for one 32-bit program without threads and children. What does not concern memory or the processor goes to this machine's own
// kernel, by its 32-bit entry: structures and pointers are right as they are, because the guest's addresses are this process' own.
#pragma once

#include <optional>
#include <string>

#include "x86/translate/host/linux/program.hpp"
#include "x86/translate/host/runner.hpp"

namespace x86::translate::hosted {

// Whether the kernel here takes system calls of 32-bit programs.
bool kernel_has_32_bit_calls();

class LinuxProcess {
public:
    // Sets registers and segments for the program's first instruction. verbose: a line on standard error for each call that is not there.
    LinuxProcess(Memory& memory, Runner& runner, LoadedProgram const& program, bool verbose);

    // Carries out the system call in the registers. The exit status, if the program ended by it.
    std::optional<int> system_call();

private:
    friend struct SystemCall;
    struct Arguments {
        u32 word[6];
    };
    u32 pass(u32 number, Arguments const& arguments);
    u32 brk(Arguments const& arguments);
    u32 mmap2(Arguments const& arguments);
    u32 munmap(Arguments const& arguments);
    u32 mprotect(Arguments const& arguments);
    u32 set_thread_area(Arguments const& arguments);
    u32 find_free(u64 bytes) const;
    void use_descriptor(unsigned entry, u32 base, u32 limit, u8 access, u8 flags);

    Memory& memory_;
    Runner& runner_;
    u32 heap_start_, heap_end_;
    std::vector<bool> taken_; // pages that mmap2 gave away
    bool verbose_;
};

} // namespace x86::translate::hosted
