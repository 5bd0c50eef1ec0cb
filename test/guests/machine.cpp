// SPDX-License-Identifier: Apache-2.0
#include "test/guests/machine.hpp"

extern "C" {
u64 guarded_stack; // of the call_guarded() that runs, or 0
extern u8 exception_entries[64][16];
extern u8 leave_guarded[];

// What `exception` in start.S pushes, and the processor before it.
struct Frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    u64 vector, error_code;
    u64 rip, cs, rflags, rsp, ss;
};
void on_exception(Frame& frame);
}

namespace guest {
namespace {

constexpr u16 sleep_control_port = 0x600, reset_port = 0x602;
constexpr u8 sleep_off = 5 << 2 | 1 << 5;
constexpr u8 reset_value = 1;
constexpr u16 code_selector = 0x10, data_selector = 0x18; // the boot protocol's
constexpr u16 task_selector = 0x20;

constexpr u32 x2apic_end_of_interrupt = 0x80b, x2apic_spurious = 0x80f, x2apic_timer = 0x832,
              tsc_deadline = 0x6e0;
constexpr u64 software_enable = 1 << 8, deadline_mode = 2 << 17;
constexpr u64 io_apic = 0xfec00000;
constexpr u32 serial_pin = 4;

struct Gate {
    u16 offset_low, selector, type, offset_middle;
    u32 offset_high, reserved;
};
constexpr u16 interrupt_gate = 0x8e00, first_interrupt_stack = 1;
Gate gates[64];
bool returns_to_fault;

// Only for its interrupt stack: exceptions are taken on a good stack whatever the guest did to its
// own.
struct Task {
    u32 reserved;
    u64 stacks[3], reserved_too, interrupt_stacks[7];
    u64 no_ports[2];
} __attribute__((packed));
static_assert(sizeof(Task) == 108);
Task task;
alignas(16) u8 exception_stack[4096];
// Code and data as at the start, then the task.
u64 descriptors[6] = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0};

struct TableRegister {
    u16 limit;
    u64 base;
} __attribute__((packed));

void use_interrupt_stack() {
    task.interrupt_stacks[0] = reinterpret_cast<u64>(exception_stack + sizeof exception_stack);
    u64 const at = reinterpret_cast<u64>(&task);
    constexpr u64 available_task = u64{0x89} << 40;
    descriptors[4] =
        (sizeof task - 1) | (at & 0xffffff) << 16 | available_task | (at >> 24 & 0xff) << 56;
    descriptors[5] = at >> 32;
    TableRegister const table{sizeof descriptors - 1, reinterpret_cast<u64>(descriptors)};
    asm volatile("lgdt %0; ltr %1" ::"m"(table), "r"(task_selector) : "memory");
    asm volatile("mov %0, %%ss; mov %0, %%ds; mov %0, %%es" ::"r"(data_selector));
}

void write_io_apic(u32 index, u32 value) {
    *reinterpret_cast<u32 volatile*>(io_apic) = index;
    *reinterpret_cast<u32 volatile*>(io_apic + 0x10) = value;
}

} // namespace

void put(char c) {
    while ((in8(com1::line_status) & com1::transmitter_empty) == 0) {
    }
    out8(com1::data, static_cast<u8>(c));
}

void print(std::string_view text) {
    for (char const c : text) put(c);
}

void print_hex(u64 value) {
    print("0x");
    int shift = 60;
    while (shift > 0 && value >> shift == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) put("0123456789abcdef"[value >> shift & 15]);
}

void power_off() {
    out8(sleep_control_port, sleep_off);
    for (;;) asm volatile("cli; hlt");
}

void reset() {
    out8(reset_port, reset_value);
    for (;;) asm volatile("cli; hlt");
}

void catch_exceptions() {
    use_interrupt_stack();
    for (unsigned vector = 0; vector < 64; ++vector) {
        u64 const entry = reinterpret_cast<u64>(exception_entries[vector]);
        gates[vector] = {static_cast<u16>(entry),
                         code_selector,
                         interrupt_gate | first_interrupt_stack,
                         static_cast<u16>(entry >> 16),
                         static_cast<u32>(entry >> 32),
                         0};
    }
    TableRegister const table{sizeof gates - 1, reinterpret_cast<u64>(gates)};
    asm volatile("lidt %0" ::"m"(table) : "memory");
}

u64 entry_of(Vector vector) { return reinterpret_cast<u64>(exception_entries[vector]); }

void return_to_the_fault() { returns_to_fault = true; }

void enable_apic() { write_msr(x2apic_spurious, software_enable | 0xff); }

void route_serial() {
    write_io_apic(0x10 + 2 * serial_pin + 1, 0);
    write_io_apic(0x10 + 2 * serial_pin, serial_vector);
    out8(com1::interrupt_enable, 1);
}

void set_alarm(u64 ticks_from_now) {
    write_msr(x2apic_timer, deadline_mode | alarm_vector);
    write_msr(tsc_deadline, time_stamp() + ticks_from_now);
}

} // namespace guest

void on_exception(Frame& frame) {
    using namespace guest;
    if (frame.vector == serial_vector || frame.vector == alarm_vector)
        write_msr(x2apic_end_of_interrupt, 0);
    if (frame.vector == serial_vector || returns_to_fault) return;
    if (guarded_stack != 0) {
        frame.rip = reinterpret_cast<u64>(leave_guarded);
        frame.cs = code_selector;
        frame.ss = data_selector;
        frame.rsp = guarded_stack;
        frame.rax = frame.vector;
        frame.rflags = 2;
        return;
    }
    if (frame.vector == alarm_vector) return; // came too late to end anything
    print("exception ");
    print_hex(frame.vector);
    print(" at ");
    print_hex(frame.rip);
    print_line();
    power_off();
}
