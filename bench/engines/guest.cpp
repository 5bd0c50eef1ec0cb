// SPDX-License-Identifier: Apache-2.0
// The first program of a guest that measures itself: each line of its output is
//
//   bench NAME OPERATIONS NANOSECONDS TICKS
//
// with the guest's monotonic clock and its time-stamp counter over all operations. Before and after each it writes the
// measurement's number, times two and times two plus one, to the port at which Tessera's monitor reports (vmm/pc/memory_map.hpp);
// other machines have nothing there. Arguments: the names to measure, or one of the experiments of `tessera lab`.
#include "bench/engines/linux.hpp"

namespace {

using namespace guest;

constexpr u16 mark_port = 0x5f0;
constexpr u16 idle_port = 0x80; // no device; Linux writes to it to pass the time

void out32(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
void out8(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

bool equal(char const* a, char const* b) {
    while (*a && *a == *b) ++a, ++b;
    return *a == *b;
}

// A line of output, written at once.
class Line {
public:
    Line& add(char const* text) {
        while (*text) put(*text++);
        return *this;
    }
    // Without division of 64 bits, which needs a library in 32-bit programs.
    Line& add(u64 number) {
        char digits[20];
        int count = 0;
        u32 parts[3] = {0, 0, 0}; // in billions, by repeated subtraction of shifted divisors
        constexpr u64 billion = 1'000'000'000;
        for (u32& part : parts) {
            u64 quotient = 0;
            for (int shift = 34; shift >= 0; --shift)
                if (number >= billion << shift) number -= billion << shift, quotient |= u64{1} << shift;
            part = static_cast<u32>(number);
            number = quotient;
        }
        for (int i = 0; i < 3; ++i) {
            bool const last = i == 2 || (parts[i + 1] == 0 && (i == 1 || parts[2] == 0));
            for (int digit = 0; digit < 9 && (parts[i] != 0 || !last || (i == 0 && digit == 0)); ++digit) {
                digits[count++] = static_cast<char>('0' + parts[i] % 10);
                parts[i] /= 10;
            }
            if (last) break;
        }
        while (count > 0) put(digits[--count]);
        return *this;
    }
    void end() {
        put('\n');
        write(1, text_, length_);
        length_ = 0;
    }

private:
    void put(char c) {
        if (length_ < static_cast<long>(sizeof text_)) text_[length_++] = c;
    }
    char text_[200];
    long length_{};
};

char const* own_path;

void null_system_calls(u32 count) {
    for (u32 i = 0; i < count; ++i) call(Call::getppid);
}
void forks(u32 count) {
    for (u32 i = 0; i < count; ++i) {
        if (fork() == 0) exit(0);
        wait();
    }
}
void fork_execs(u32 count) {
    char const* const arguments[] = {own_path, "leave", nullptr};
    for (u32 i = 0; i < count; ++i) {
        if (fork() == 0) {
            call(Call::execve, address(own_path), address(arguments), 0);
            exit(1);
        }
        wait();
    }
}
void pipe_round_trips(u32 count) {
    int there[2], back[2];
    make_pipe(there);
    make_pipe(back);
    char byte = 0;
    if (fork() == 0) {
        for (u32 i = 0; i < count; ++i) read(there[0], &byte, 1), write(back[1], &byte, 1);
        exit(0);
    }
    for (u32 i = 0; i < count; ++i) write(there[1], &byte, 1), read(back[0], &byte, 1);
    wait();
}
constexpr long page = 4096;
void page_faults(u32 count) {
    char* const memory = map(static_cast<long>(count) * page);
    for (u32 i = 0; i < count; ++i) memory[i * page] = 1;
    unmap(memory, static_cast<long>(count) * page);
}
// Small areas that come and go, as allocators make them.
void map_touch_unmaps(u32 count) {
    constexpr long bytes = 16 * page;
    for (u32 i = 0; i < count; ++i) {
        char* const memory = map(bytes);
        for (long at = 0; at < bytes; at += page) memory[at] = 1;
        unmap(memory, bytes);
    }
}
void port_writes(u32 count) {
    for (u32 i = 0; i < count; ++i) out8(idle_port, 0);
}
void cpuids(u32 count) {
    for (u32 i = 0; i < count; ++i) {
        u32 a = 0, b, c = 0, d;
        asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    }
}
void computing(u32 count) {
    u32 volatile sum = 0;
    for (u32 i = 0; i < count; ++i) sum = sum + i * 7;
}

struct Measurement {
    char const* name;
    u32 count;
    void (*run)(u32 count);
};
// The tool knows the numbers of the marks by this order: tool/bench_engines.cpp.
constexpr Measurement measurements[] = {
    {"null-system-call", 5000, null_system_calls}, {"fork-wait", 60, forks},          {"fork-exec-wait", 40, fork_execs},
    {"pipe-round-trip", 500, pipe_round_trips},    {"page-fault", 1000, page_faults}, {"port-write", 1000, port_writes},
    {"cpuid", 1000, cpuids},                       {"computing", 2000000, computing}, {"map-touch-unmap", 100, map_touch_unmaps},
};

void measure(u32 number) {
    Measurement const& measurement = measurements[number];
    measurement.run(measurement.count / 10 + 1); // warm
    out32(mark_port, 2 * number);
    u64 const time = nanoseconds(), ticks = time_stamp();
    measurement.run(measurement.count);
    u64 const ticks_taken = time_stamp() - ticks, time_taken = nanoseconds() - time;
    out32(mark_port, 2 * number + 1);
    Line().add("bench ").add(measurement.name).add(" ").add(measurement.count).add(" ").add(time_taken).add(" ").add(ticks_taken).end();
}

// `tessera lab overhead`: this program waits for a key, another one runs meanwhile, the key arrives, this one goes on.
// Marks 1000 (before read), 1001 (the other program runs), 1002 (read has returned).
void wait_for_key() {
    char settings[60]; // struct termios as the kernel has it: flags of four bytes each, local flags fourth
    constexpr long get = 0x5401, set = 0x5402;
    constexpr u32 line_mode_and_echo = 2 | 8;
    call(Call::ioctl, 0, get, address(settings));
    u32 flags;
    __builtin_memcpy(&flags, settings + 12, sizeof flags);
    flags &= ~line_mode_and_echo;
    __builtin_memcpy(settings + 12, &flags, sizeof flags);
    call(Call::ioctl, 0, set, address(settings));

    int go[2];
    make_pipe(go);
    char byte = 0;
    if (fork() == 0) {
        call(Call::iopl, 3);
        call(Call::setpriority, 0, 0, 19); // runs when nobody else wants to, not as soon as it is woken
        read(go[0], &byte, 1);
        out32(mark_port, 1001);
        for (;;) computing(1000000);
    }
    write(go[1], &byte, 1);
    out32(mark_port, 1000);
    read(0, &byte, 1);
    out32(mark_port, 1002);
}

} // namespace

extern "C" [[noreturn]] void guest_main(long const* stack) {
    long const count = stack[0];
    auto const* const arguments = reinterpret_cast<char const* const*>(stack + 1);
    own_path = arguments[0];
    if (count > 1 && equal(arguments[1], "leave")) exit(0);
    call(Call::iopl, 3);
    // The time-stamp counter began with the machine.
    Line().add("bench power-on-to-ready 1 ").add(nanoseconds()).add(" ").add(time_stamp()).end();
    Line().add("bench ready").end();
    for (long i = 1; i < count; ++i) {
        if (equal(arguments[i], "wait-for-key")) wait_for_key();
        for (u32 number = 0; number < sizeof measurements / sizeof measurements[0]; ++number)
            if (equal(arguments[i], measurements[number].name) || equal(arguments[i], "all")) measure(number);
    }
    Line().add("bench done").end();
    for (;;) call(Call::pause);
}

#ifdef __x86_64__
asm(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call guest_main");
#else
asm(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n call guest_main");
#endif
