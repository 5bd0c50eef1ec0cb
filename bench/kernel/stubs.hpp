// SPDX-License-Identifier: Apache-2.0
// The measured instructions (stubs.S), as C++ sees them.
#pragma once

#include "user/system_call.hpp"

// One system call: what goes in, when it was made, and what comes out.
struct SystemCall {
    abi::Syscall number{};
    user::CPtr cptr{};
    u64 info{};
    u64 words[abi::register_message_words]{};

    u32 before{}, behind{}; // readings of the time-stamp counter: low halves, enough for 4 s of instructions
    u64 out_cptr{}, out_info{};
    u64 out_words[abi::register_message_words]{};
};
static_assert(offsetof(SystemCall, cptr) == 8 && offsetof(SystemCall, info) == 16 && offsetof(SystemCall, words) == 24 &&
              offsetof(SystemCall, before) == 56 && offsetof(SystemCall, behind) == 60 && offsetof(SystemCall, out_cptr) == 64 &&
              offsetof(SystemCall, out_info) == 72 && offsetof(SystemCall, out_words) == 80);

extern "C" {
void bench_timed(SystemCall* call);
void bench_timed_full(SystemCall* call);
void bench_timed_full_from(SystemCall* call, u64 const* words, u64 count, u64* buffer);
void bench_times(SystemCall* call, u64 count);
void bench_timed_pair(SystemCall* first, SystemCall* second);
void bench_timed_touch(SystemCall* map, SystemCall* unmap, u64 address);
// Where threads start (Worker in world.hpp sets their registers).
void bench_repeat_timed();
void bench_repeat_timed_and_wait();
void bench_repeat();
void bench_repeat_pair();
void bench_fault_on_memory();
void bench_fault_on_instruction();
}

// Instructions from one reading to a later one.
inline u64 between(u32 start, u32 end) { return u32{end - start}; }

// Keeps the least: for intervals of one round that are counted one by one.
inline void keep_least(u64& least, u64 count) {
    if (count < least) least = count;
}

// ... around a system call of the main thread.
inline u64 timed(SystemCall& call) {
    bench_timed(&call);
    return between(call.before, call.behind);
}
inline u64 timed(SystemCall&& call) { return timed(call); }

// The least of several: a timer tick inside an interval is not the operation's cost. The first time doesn't count.
template <class Once> u64 least(Once once, unsigned times = 12) {
    once();
    u64 result = ~u64{0};
    for (unsigned i = 0; i < times; ++i) {
        u64 const count = once();
        if (count < result) result = count;
    }
    return result;
}
