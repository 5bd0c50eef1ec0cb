// SPDX-License-Identifier: Apache-2.0
// Linux's system calls for a program without a C library, 32 or 64 bits: what the guest's program needs and no more.
// Each returns what the kernel does: an error is a small negative number.
#pragma once

// As in base/types.hpp, which needs headers that Debian's compiler has for 64 bits only.
using u8 = __UINT8_TYPE__;
using u16 = __UINT16_TYPE__;
using u32 = __UINT32_TYPE__;
using u64 = __UINT64_TYPE__;

namespace guest {

#ifdef __x86_64__
enum class Call : long {
    read = 0, write = 1, mmap = 9, munmap = 11, ioctl = 16, pipe = 22, pause = 34, getpid = 39, fork = 57, execve = 59, exit = 60,
    wait4 = 61, getppid = 110, setpriority = 141, iopl = 172, clock_gettime = 228,
};
inline long call(Call number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
    long result;
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    register long r9 asm("r9") = 0;
    asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
}
#else
enum class Call : long {
    exit = 1, fork = 2, read = 3, write = 4, execve = 11, getpid = 20, pause = 29, pipe = 42, ioctl = 54, getppid = 64, munmap = 91,
    setpriority = 97, iopl = 110, wait4 = 114, mmap = 192 /* mmap2: offset in pages */, clock_gettime = 265,
};
inline long call(Call number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
    long result;
    asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
    return result;
}
#endif

inline long address(void const* pointer) { return reinterpret_cast<long>(pointer); }
[[noreturn]] inline void exit(int status) {
    for (;;) call(Call::exit, status);
}
inline long fork() { return call(Call::fork); }
inline void wait() { call(Call::wait4, -1); }
inline void make_pipe(int (&ends)[2]) { call(Call::pipe, address(ends)); }
inline long read(int file, void* to, long bytes) { return call(Call::read, file, address(to), bytes); }
inline long write(int file, void const* from, long bytes) { return call(Call::write, file, address(from), bytes); }

// Private, zeroed, readable and writable memory.
inline char* map(long bytes) {
    constexpr long read_write = 3, private_anonymous = 0x22;
    return reinterpret_cast<char*>(call(Call::mmap, 0, bytes, read_write, private_anonymous, -1));
}
inline void unmap(char* start, long bytes) { call(Call::munmap, address(start), bytes); }

inline u64 nanoseconds() { // CLOCK_MONOTONIC
    long time[2];
    call(Call::clock_gettime, 1, address(time));
    return static_cast<u64>(time[0]) * 1'000'000'000 + static_cast<u64>(time[1]);
}
inline u64 time_stamp() {
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return u64{high} << 32 | low;
}

} // namespace guest
