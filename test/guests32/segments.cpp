// SPDX-License-Identifier: Apache-2.0
// Segments that are not flat, and modes that are older than this machine.
#include "test/guests32/behaviours.hpp"
#include "test/guests32/machine.hpp"

namespace guest {
namespace {

u32 words[4] = {0x11, 0x22, 0x33, 0x44};

u32 read_fs(u32 offset) {
    u32 value;
    asm volatile("mov %%fs:(%1), %0" : "=r"(value) : "r"(offset));
    return value;
}
u32 read_gs(u32 offset) {
    u32 value;
    asm volatile("mov %%gs:(%1), %0" : "=r"(value) : "r"(offset));
    return value;
}

} // namespace

void base_segments() {
    Checks checks("base-segments");
    set_descriptor(spare_selector, descriptor(address_of(words), 0xfffff, data_access, true));
    asm volatile("mov %0, %%fs" ::"r"(u32{spare_selector}));
    checks.check(read_fs(4) == 0x22, "FS with a base", read_fs(4));
    static u64 local[2] = {0, 0};
    local[1] = descriptor(address_of(words) + 8, 0xfffff, data_access, true);
    set_descriptor(local_table_selector,
                   descriptor(address_of(local), sizeof local - 1, local_table, false));
    asm volatile("lldt %w0" ::"r"(u32{local_table_selector}));
    u32 selector;
    asm volatile("sldt %w0" : "=r"(selector) : "0"(0));
    checks.check(selector == local_table_selector, "LLDT", selector);
    asm volatile("mov %0, %%gs" ::"r"(0x0c)); // first of the local table
    checks.check(read_gs(4) == 0x44 && read_fs(0) == 0x11, "GS from the local table", read_gs(4));
    u64 const wide = 0x123456789abcdef0;
    asm volatile("movl %0, %%fs:8" ::"r"(static_cast<u32>(wide)) : "memory");
    checks.check(words[2] == static_cast<u32>(wide), "a write through FS", words[2]);
    // A trap that a monitor emulates, through a segment with a base.
    u32 flags_pushed;
    asm volatile("pushf; pop %%fs:12; mov %%fs:12, %0" : "=r"(flags_pushed)::"memory");
    checks.check((flags_pushed & 2) != 0, "flags through FS", flags_pushed);
    checks.report();
}

void segment_with_base() {
    print_line("guest loads DS with a base");
    set_descriptor(spare_selector, descriptor(0x1000, 0xfffff, data_access, true));
    // Long enough to be more than something on the way to a flat segment.
    asm volatile(
        "mov %0, %%ds; mov $1000, %%ecx; 1: loop 1b; mov %1, %%ds" ::"r"(u32{spare_selector}),
        "r"(u32{data_selector})
        : "ecx", "memory");
    print_line("segment-with-base: works");
}

void short_stack() {
    print_line("guest loads SS with a small limit");
    set_descriptor(spare_selector, descriptor(0, 0x7fff, data_access, true));
    asm volatile("mov %%esp, %%edx; mov %0, %%ss; mov $0x7000, %%esp; mov $1000, %%ecx; 1: loop "
                 "1b; mov %1, %%ss; mov %%edx, %%esp" ::"r"(u32{spare_selector}),
                 "r"(u32{data_selector})
                 : "ecx", "edx", "memory");
    print_line("short-stack: works");
}

void virtual8086() {
    print_line("guest enters virtual-8086 mode");
    // Its code stands at 0x8000: INT3, which comes back as #GP or #BP from that mode.
    at<u8>(0x8000) = 0xcc;
    Event const event = exception_of([] {
        asm volatile("push $0; push $0; push $0; push $0; push $0; push $0x7000; push $0x20002; "
                     "push $0x800; push $0; iret");
    });
    print_line("virtual-8086: works, vector ", event.vector);
}

// The second task continues here.
[[noreturn]] void second_task() {
    print_line("task-switch: works");
    power_off();
}

void task_switch() {
    print_line("guest switches tasks");
    static u32 task[26]; // Intel SDM vol. 3, figure 8-2
    constexpr u32 page_root = 7, eip = 8, flags = 9, esp = 14, es = 18, cs = 19, ss = 20, ds = 21;
    static u8 stack[1024] __attribute__((aligned(16)));
    task[page_root] = cr3();
    task[eip] = reinterpret_cast<u32>(second_task);
    task[flags] = 2;
    task[esp] = address_of(stack + sizeof stack - 16);
    task[cs] = code_selector;
    task[es] = task[ss] = task[ds] = data_selector;
    set_descriptor(spare_selector,
                   descriptor(address_of(task), sizeof task - 1, available_task, false));
    asm volatile("ljmp %0, $0" ::"i"(spare_selector));
}

} // namespace guest
