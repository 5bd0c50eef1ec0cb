// SPDX-License-Identifier: Apache-2.0
// What a test guest needs of its machine: the serial line, power, exceptions that it survives,
// interrupts.
#pragma once

#include <string_view>

#include "base/types.hpp"

namespace guest {

inline void out8(u16 port, u8 value) {
    asm volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}
inline u8 in8(u16 port) {
    u8 value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
inline u32 in32(u16 port) {
    u32 value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
inline u64 read_msr(u32 msr) {
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return u64{high} << 32 | low;
}
inline void write_msr(u32 msr, u64 value) {
    asm volatile("wrmsr" ::"a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)),
                 "c"(msr)
                 : "memory");
}
inline u64 time_stamp() {
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return u64{high} << 32 | low;
}

// --- console ---

namespace com1 {
inline constexpr u16 data = 0x3f8, interrupt_enable = 0x3f9, fifo_control = 0x3fa,
                     modem_control = 0x3fc, line_status = 0x3fd;
inline constexpr u8 data_ready = 0x01, transmitter_empty = 0x20;
} // namespace com1

void put(char c);
void print(std::string_view text);
void print_hex(u64 value);
template <class... Parts> void print_line(Parts... parts) {
    (print(parts), ...);
    print("\r\n");
}

// --- power: the ports that the monitor's ACPI tables name ---

[[noreturn]] void power_off();
[[noreturn]] void reset();

// --- exceptions ---

enum Vector : int {
    none = -1,
    debug = 1,
    breakpoint = 3,
    invalid_opcode = 6,
    general_protection = 13
};

void catch_exceptions(); // first of all, and again when something else may have changed the tables
u64 entry_of(Vector vector); // address of its first instruction
void return_to_the_fault();  // from now on every exception is answered by trying again

extern "C" int call_guarded(void (*function)(void*), void* argument);

// The exception that ended `work`, or none. `work` is left where it happened: it must own nothing.
template <class Work> int exception_of(Work work) {
    return call_guarded([](void* it) { (*static_cast<Work*>(it))(); }, &work);
}

// --- interrupts ---

inline constexpr u8 serial_vector = 0x30; // answered: idle() returns
inline constexpr u8 alarm_vector = 0x31;  // like an exception, it ends what exception_of() runs

void enable_apic();
void route_serial();
void set_alarm(u64 ticks_from_now);
inline void idle() { asm volatile("sti; hlt; cli" ::: "memory"); }

// --- numbers that repeat from run to run ---

class Random {
public:
    explicit Random(u64 seed) : state_(seed * 2 + 1) {}
    u64 next() { // xorshift64*
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1d;
    }

private:
    u64 state_;
};

} // namespace guest
