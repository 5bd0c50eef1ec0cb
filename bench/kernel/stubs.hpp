// SPDX-License-Identifier: Apache-2.0
// The measured instructions (stubs.S), as C++ sees them.
#pragma once

#include "user/system_call.hpp"

// Readings of the time-stamp counter before and behind a system call: low halves, enough for 4 s of instructions.
struct Stamps {
    u32 before{}, behind{};
};

// One system call of the main thread: what goes in, when, and what comes out.
struct SystemCall {
    abi::Syscall number;
    user::CPtr cptr{};
    u64 info{};
    u64 words[abi::register_message_words]{};

    Stamps stamps{};
    u64 out_cptr{}, out_info{};
    u64 out_words[abi::register_message_words]{};
};
static_assert(offsetof(SystemCall, cptr) == 8 && offsetof(SystemCall, info) == 16 && offsetof(SystemCall, words) == 24 &&
              offsetof(SystemCall, stamps) == 56 && offsetof(SystemCall, out_cptr) == 64);

extern "C" {
void bench_timed(SystemCall* call);
// Where threads start (Worker in world.hpp sets their registers); they have no stack.
void bench_repeat_timed();
void bench_repeat();
void bench_timed_signal_wait(user::CPtr bell, user::CPtr answer, Stamps* stamps);
void bench_answer_signals();
void bench_fault_on_memory();
void bench_fault_on_instruction();
}

inline u64 between(u32 start, u32 end) { return u32{end - start}; }

// The instructions from one reading to the next, around a system call of the main thread.
inline u64 timed(SystemCall& call) {
    bench_timed(&call);
    return between(call.stamps.before, call.stamps.behind);
}
inline u64 timed(SystemCall&& call) { return timed(call); }

// The least of several: a timer tick inside an interval is not the operation's cost, nor is a first time.
template <class Once> u64 least(Once once, unsigned times = 12) {
    u64 result = ~u64{0};
    for (unsigned i = 0; i < times; ++i) {
        u64 const count = once();
        if (count < result) result = count;
    }
    return result;
}
