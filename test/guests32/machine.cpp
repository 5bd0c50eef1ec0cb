// SPDX-License-Identifier: Apache-2.0
#include "test/guests32/machine.hpp"

extern "C" {
u32 guarded_stack; // of the call_guarded() that runs, or 0
extern u8 exception_entries[129][16];
[[noreturn]] void leave_guarded();
void on_exception(guest::Frame& frame);
}

namespace guest {
namespace {

constexpr u16 com1_data = 0x3f8, com1_line_status = 0x3fd;
constexpr u8 transmitter_empty = 0x20;
constexpr u16 sleep_control_port = 0x600;
constexpr u8 sleep_off = 5 << 2 | 1 << 5;

constexpr u32 apic = 0xfee00000;
constexpr u32 apic_end_of_interrupt = 0xb0, apic_spurious = 0xf0, apic_timer = 0x320,
              apic_initial_count = 0x380, apic_divide = 0x3e0;

u64 gates[256];
u64 descriptors[16] = {
    0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff};

struct Task {
    u32 link, esp0, ss0, rest[22];
    u16 trap, io_map;
};
static_assert(sizeof(Task) == 104);
Task task;
alignas(16) u8 exception_stack[8192];
alignas(16) u8 user_stack[4096];

alignas(4096) u32 page_directory[1024];
alignas(4096) u32 first_table[1024], window_table[1024];
constexpr u32 first_free = 0x1800000; // 24 MiB: behind the image
u32 next_free = first_free;
constexpr u32 image = 0x1000000;

Event event;

// Always one register and one plain MOV: what a kernel does to a device.
void write_apic(u32 offset, u32 value) {
    asm volatile("mov %1, (%0)" ::"r"(apic + offset), "r"(value) : "memory");
}

} // namespace

bool (*handler)(Frame&);
u32 volatile alarms;
Event& last_event() { return event; }

void print(char const* text) {
    for (; *text != 0; ++text) {
        while ((in8(com1_line_status) & transmitter_empty) == 0) {
        }
        out8(com1_data, static_cast<u8>(*text));
    }
}

void print(u32 number) {
    char text[11] = "0x";
    int shift = 28;
    while (shift > 0 && number >> shift == 0) shift -= 4;
    unsigned length = 2;
    for (; shift >= 0; shift -= 4) text[length++] = "0123456789abcdef"[number >> shift & 15];
    text[length] = 0;
    print(text);
}

void power_off() {
    out8(sleep_control_port, sleep_off);
    for (;;) asm volatile("cli; hlt");
}

void set_descriptor(u16 selector, u64 value) { descriptors[selector / 8] = value; }

void set_up_tables() {
    task.esp0 = address_of(exception_stack + sizeof exception_stack);
    task.ss0 = data_selector;
    task.io_map = sizeof task;
    set_descriptor(task_selector,
                   descriptor(address_of(&task), sizeof task - 1, available_task, false));
    TableRegister const global_table{sizeof descriptors - 1, address_of(descriptors)};
    asm volatile("lgdt %0; ltr %w1" ::"m"(global_table), "r"(u32{task_selector}) : "memory");
    asm volatile("mov %0, %%ss; mov %0, %%ds; mov %0, %%es" ::"r"(u32{data_selector}));
    asm volatile("ljmp %0, $1f\n1:" ::"i"(code_selector));
    for (u32 vector = 0; vector <= system_call; ++vector) {
        u32 const entry = address_of(exception_entries[vector]);
        bool const open = vector == breakpoint || vector == overflow || vector == system_call;
        u64 const type = open ? 0xee00 : 0x8e00; // interrupt gates
        gates[vector] =
            (entry & 0xffff) | u32{code_selector} << 16 | (type | (entry & 0xffff0000)) << 32;
    }
    TableRegister const table{sizeof gates - 1, address_of(gates)};
    asm volatile("lidt %0" ::"m"(table) : "memory");
}

void set_gate_present(u32 vector, bool is_present) {
    constexpr u64 bit = u64{1} << 47;
    gates[vector] = is_present ? gates[vector] | bit : gates[vector] & ~bit;
}

u32 user_stack_top() { return address_of(user_stack + sizeof user_stack - 16); }

Event user_exception_of(void (*code)(), u32 eflags) {
    return exception_of([=] { enter_user(reinterpret_cast<u32>(code), user_stack_top(), eflags); });
}

void enable_apic() { write_apic(apic_spurious, 0x1ff); }
void set_alarm(u32 ticks, bool periodic) {
    write_apic(apic_divide, 0xb); // by 1
    write_apic(apic_timer, (periodic ? 1u << 17 : 0) | alarm);
    write_apic(apic_initial_count, ticks);
}
void end_of_interrupt() { write_apic(apic_end_of_interrupt, 0); }

u32* directory() { return page_directory; }
u32* image_table() { return first_table; }

void start_paging(u32 bits) {
    for (u32 i = 0; i < 16; ++i) page_directory[i] = i << 22 | bits | large;
    page_directory[image >> 22] = address_of(first_table) | bits;
    for (u32 i = 0; i < 1024; ++i) first_table[i] = (image + i * 4096) | bits;
    page_directory[window >> 22] = address_of(window_table) | present | writable | user;
    page_directory[apic >> 22] = (apic & 0xffc00000) | present | writable | large;
    set_cr4(cr4() | 0x90); // PSE, PGE
    set_cr3(address_of(page_directory));
    set_cr0(cr0() | 0x80010000); // PG, WP
}

u32 new_page() {
    u32 const page = next_free;
    next_free += 4096;
    for (u32 i = 0; i < 4096; i += 4) at<u32>(page + i) = 0;
    return page;
}

u32& entry_of(u32 linear) { return window_table[linear >> 12 & 1023]; }
void map(u32 linear, u32 entry) {
    entry_of(linear) = entry;
    invalidate(linear);
}

void Checks::check(bool holds, char const* what, u32 number) {
    ++count_;
    if (holds) return;
    ++failed_;
    print_line(name_, ": failed: ", what, " ", number);
}

void Checks::report() {
    print_line(name_,
               failed_ == 0 && count_ != 0 ? ": all as it should be, checks: "
                                           : ": not as it should be, failed: ",
               failed_ == 0 ? count_ : failed_);
}

} // namespace guest

void on_exception(guest::Frame& frame) {
    using namespace guest;
    if (handler != nullptr && handler(frame)) return;
    if (frame.vector == alarm) end_of_interrupt();
    if (frame.vector == system_call && frame.eax != 0) {
        ++frame.ebx;
        return;
    }
    if (guarded_stack != 0) {
        u32 address;
        asm volatile("mov %%cr2, %0" : "=r"(address));
        event = {frame.vector, frame.error_code, address, frame};
        leave_guarded();
    }
    if (frame.vector == alarm) {
        alarms = alarms + 1;
        return;
    }
    print_line("exception ", frame.vector, " error ", frame.error_code, " at ", frame.eip);
    power_off();
}
