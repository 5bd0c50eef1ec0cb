// SPDX-License-Identifier: Apache-2.0
// What a program asks about the system it runs on.
#include <cpuid.h>
#include <linux/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstring>

#include "linux/process.hpp"

namespace libos {
namespace {

template <std::size_t Size>
void set(char (&field)[Size], char const* text) { // the rest of the field is zero already
    for (std::size_t i = 0; i + 1 < Size && text[i] != 0; ++i) field[i] = text[i];
}

// Ten tries, as Intel advises (SDM vol. 1, 7.3.17).
[[gnu::target("rdrnd")]] bool hardware_random(u64& word) {
    static bool const present = [] {
        unsigned a, b, c = 0, d;
        return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_RDRND) != 0;
    }();
    unsigned long long value = 0;
    for (int i = 0; present && i < 10; ++i) {
        if (__builtin_ia32_rdrand64_step(&value) == 0) continue;
        word = value;
        return true;
    }
    return false;
}

struct Limits {
    u64 current, most;
};

} // namespace

// The processor's random numbers where it has them. Otherwise xorshift over root's seed and the
// time-stamp counter, which is good enough to seed hash tables but not for keys.
u64 Process::random_word() {
    u64 word = 0;
    if (hardware_random(word)) return word;
    random_[0] ^= random_[0] << 13;
    random_[0] ^= random_[0] >> 7;
    random_[0] ^= random_[0] << 17;
    random_[0] += (user::time_stamp() ^ random_[1]) *
                  0x9e3779b97f4a7c15; // golden ratio: spreads the low bits
    return random_[0];
}

Outcome Process::getrandom(Thread&, Arguments const& arguments) {
    auto const [address, size, flags, a3, a4, a5] = arguments.a;
    TRY(space_.touch_range(address, size, true));
    auto* const bytes = reinterpret_cast<u8*>(address);
    u64 word = 0;
    for (u64 i = 0; i < size; ++i) {
        word = i % 8 == 0 ? random_word() : word >> 8;
        bytes[i] = static_cast<u8>(word);
    }
    return size;
}

Outcome Process::uname(Thread&, Arguments const& arguments) {
    utsname name{};
    set(name.sysname, "Linux"); // programs compare it
    set(name.nodename, info_.name);
    set(name.release, "6.1.0-tessera"); // the calls we offer exist there
    set(name.version, "library OS");
    set(name.machine, "x86_64");
    TRY(store(arguments.a[0], name));
    return 0;
}

Outcome Process::sysinfo(Thread&, Arguments const& arguments) {
    struct sysinfo info {};
    info.uptime = static_cast<long>(clock_.monotonic() / second);
    info.freeram = frames_.available() * layout::page_size;
    for (u32 i = 0; i < info_.memory_count; ++i)
        info.totalram += u64{1} << info_.memory_size_bits[i];
    info.procs = 1;
    info.mem_unit = 1;
    TRY(store(arguments.a[0], info));
    return 0;
}

Outcome Process::prlimit64(Thread&, Arguments const& arguments) {
    constexpr u64 unlimited = ~u64{0};
    Limits limits{unlimited, unlimited};
    switch (arguments.a[1]) {
    case RLIMIT_STACK: limits = {layout::main_stack_size, layout::main_stack_size}; break;
    case RLIMIT_NOFILE: limits = {max_files, max_files}; break;
    case RLIMIT_CORE: limits = {0, 0}; break;
    }
    if (arguments.a[3] != 0) TRY(store(arguments.a[3], limits));
    return 0; // new limits are accepted and change nothing
}

Outcome Process::getrlimit(Thread& thread, Arguments const& arguments) {
    return prlimit64(thread, {{0, arguments.a[0], 0, arguments.a[1]}});
}

Outcome Process::prctl(Thread&, Arguments const& arguments) {
    return arguments.a[0] == PR_SET_NAME
               ? Outcome(0)
               : fail_with(EINVAL); // names are for debuggers: nobody asks
}

// Handlers and masks are accepted; no signal is ever delivered. The old ones are told as the
// defaults.
Outcome Process::rt_sigaction(Thread&, Arguments const& arguments) {
    constexpr u64 size = 32; // handler, flags, restorer, mask
    if (arguments.a[2] == 0) return 0;
    TRY(space_.touch_range(arguments.a[2], size, true));
    std::memset(reinterpret_cast<void*>(arguments.a[2]), 0, size);
    return 0;
}

Outcome Process::rt_sigprocmask(Thread&, Arguments const& arguments) {
    if (arguments.a[2] != 0) TRY(store<u64>(arguments.a[2], 0));
    return 0;
}

Outcome Process::sigaltstack(Thread&, Arguments const& arguments) {
    struct {
        u64 address;
        u64 flags;
        u64 size;
    } constexpr none{0, 2 /* SS_DISABLE */, 0};
    if (arguments.a[1] != 0) TRY(store(arguments.a[1], none));
    return 0;
}

} // namespace libos
