// SPDX-License-Identifier: Apache-2.0
// What a 32-bit test guest needs of its machine: the serial line, power, descriptor tables,
// exceptions that it survives, the local APIC's timer, user mode.
#pragma once

#include "test/guests32/words.hpp"

namespace guest {

inline void out8(u16 port, u8 value) {
    asm volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}
inline u8 in8(u16 port) {
    u8 value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

// --- console ---

void print(char const* text);
void print(u32 number); // hexadecimal
template <class... Parts> void print_line(Parts... parts) {
    (print(parts), ...);
    print("\r\n");
}

// --- power: the ports that the monitor's ACPI tables name ---

[[noreturn]] void power_off();

// --- registers ---

constexpr u32 flag_trap = 1 << 8, flag_interrupt = 1 << 9, flag_iopl = 3 << 12,
              flag_virtual8086 = 1 << 17;

inline u32 flags() {
    u32 value;
    asm volatile("pushf; pop %0" : "=r"(value)::"memory");
    return value;
}
inline void set_flags(u32 value) { asm volatile("push %0; popf" ::"r"(value) : "memory", "cc"); }
inline u32 cr0() {
    u32 value;
    asm volatile("mov %%cr0, %0" : "=r"(value)::"memory");
    return value;
}
inline void set_cr0(u32 value) { asm volatile("mov %0, %%cr0" ::"r"(value) : "memory"); }
inline u32 cr3() {
    u32 value;
    asm volatile("mov %%cr3, %0" : "=r"(value)::"memory");
    return value;
}
inline void set_cr3(u32 value) { asm volatile("mov %0, %%cr3" ::"r"(value) : "memory"); }
inline u32 cr4() {
    u32 value;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}
inline void set_cr4(u32 value) { asm volatile("mov %0, %%cr4" ::"r"(value) : "memory"); }

// --- descriptor tables ---

constexpr u16 code_selector = 0x10, data_selector = 0x18; // the boot protocol's
constexpr u16 user_code_selector = 0x23, user_data_selector = 0x2b, task_selector = 0x30;
constexpr u16 spare_selector = 0x38, local_table_selector = 0x40;

struct TableRegister {
    u16 limit;
    u32 base;
} __attribute__((packed));

// access: descriptor bits 47:40; limit in bytes, or in pages with `pages`.
constexpr u64 descriptor(u32 base, u32 limit, u8 access, bool pages) {
    return (limit & 0xffff) | u64{base & 0xffffff} << 16 | u64{access} << 40 |
           u64{limit >> 16 & 0xf} << 48 | u64{pages ? 0xcu : 0x4u} << 52 | u64{base >> 24} << 56;
}
constexpr u8 data_access = 0x93, code_access = 0x9b, user_bits = 0x60, available_task = 0x89,
             local_table = 0x82;
void set_descriptor(u16 selector, u64 value); // of the global table

// --- exceptions ---

enum Vector : u32 {
    divide_error = 0,
    debug = 1,
    breakpoint = 3,
    overflow = 4,
    invalid_opcode = 6,
    no_device = 7,
    double_fault = 8,
    segment_not_present = 11,
    stack_fault = 12,
    general_protection = 13,
    page_fault = 14,
    alarm = 0x31,
    system_call = 0x80,
    none = 0xffff
};

// What `exception` in start.S pushes, and the processor before it; esp and ss only from user mode.
struct Frame {
    u32 edi, esi, ebp, saved_esp, ebx, edx, ecx, eax, ds, es, fs, gs;
    u32 vector, error_code;
    u32 eip, cs, eflags, esp, ss;
};

struct Event {
    u32 vector{none}, error_code{}, address{}; // address: CR2
    Frame frame{};
};

void set_gate_present(u32 vector, bool present);
void set_up_tables(); // first of all: own GDT, IDT and task
// Sees every vector outside of exception_of(); false: power off with a line.
extern bool (*handler)(Frame&);
extern "C" void call_guarded(void (*function)(void*), void* argument);

Event& last_event();

// The exception or interrupt that ended `work`, or none. `work` is left where it happened: it must
// own nothing.
template <class Work> Event exception_of(Work work) {
    last_event() = {};
    call_guarded([](void* it) { (*static_cast<Work*>(it))(); }, &work);
    return last_event();
}

// --- user mode: the whole memory is one flat segment ---

extern "C" [[noreturn]] void enter_user(u32 eip, u32 esp, u32 eflags);
u32 user_stack_top();
// Runs `code` in user mode until an exception or a system call (INT 0x80) with EAX = 0 ends it.
// System calls with another EAX add 1 to EBX and return.
Event user_exception_of(void (*code)(), u32 eflags = 2);

// --- interrupts: the local APIC's timer ---

void enable_apic();
void set_alarm(u32 ticks, bool periodic); // of the bus clock, which is the time-stamp counter
void end_of_interrupt();
extern u32 volatile alarms; // that came while no exception_of() ran

// --- paging, two levels ---

constexpr u32 present = 1, writable = 2, user = 4, accessed = 0x20, dirty = 0x40, large = 0x80,
              global = 0x100;
// The first 64 MiB and the devices at the top, one to one, in 4 KiB pages for the image's 4 MiB and
// in large pages else.
u32* directory(); // of the tables that start_paging() loads
u32* image_table();
void start_paging(u32 bits = present | writable);
// A fresh page of memory, cleared.
u32 new_page();
// Maps a 4 KiB page in the 4 MiB from 0x40000000 on.
constexpr u32 window = 0x40000000;
void map(u32 linear, u32 entry);
u32& entry_of(u32 linear);
inline void invalidate(u32 linear) { asm volatile("invlpg (%0)" ::"r"(linear) : "memory"); }

// --- results ---

// Says what does not hold, and at the end whether all held.
class Checks {
public:
    explicit Checks(char const* name) : name_(name) {}
    void check(bool holds, char const* what, u32 number = 0);
    void report();

private:
    char const* name_;
    u32 count_{}, failed_{};
};

} // namespace guest
