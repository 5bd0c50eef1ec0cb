// SPDX-License-Identifier: Apache-2.0
// What the fuzzer's input means: a list of records of 40 bytes, each one kernel entry of the running thread or an event. Every
// byte string is a program. A number in a record is taken for what the call needs at that place - the slot of a capability of
// the right kind, an address where something may be mapped - as long as its upper four bits don't say "something else".
#pragma once

#include "base/types.hpp"

namespace fuzz {

enum class Operation : u8 { // by the record's first byte modulo `count`
    invoke,
    invoke_more, // the same: most entries are invocations
    invoke_most,
    send,
    receive,
    other_call, // the remaining system calls, known and unknown
    enter_guest,
    repeat,     // the system call that the thread stands at, as it is
    interrupt,
    fault,
    touch,      // no entry: the user changes words of its IPC buffer
    count,
};

struct Record {
    u8 operation;
    u8 actor;       // below 0xa0: whoever runs; else that thread gets the processor first
    u8 label;       // row of the table of invocations
    u8 shape;       // 0xc0 and up: a length of another number of words, and other extra capabilities
    u16 capability; // that is invoked
    u16 arguments[9];
    u16 extra[3];
    u16 flags;
    u64 raw; // for numbers that nothing suggests
};
static_assert(sizeof(Record) == 40);

namespace flag { // Record::flags
inline constexpr u16 interrupt_pending = 1; // with the next bit: at preemption points
inline constexpr u16 really_pending = 2;
inline constexpr u16 anew = 4;           // a thread that is to repeat a call makes another one
inline constexpr u16 in_library = 8;     // the call comes from the library OS, if the thread has one
inline constexpr u16 upcall_done = 16;   // the thread leaves its upcall first
inline constexpr u16 receive_slot = 32;  // a slot for a capability is offered
} // namespace flag

inline constexpr unsigned longest_program = 128; // records

// What it ran, all programs together.
struct Count {
    u64 programs, system_calls, events;
};
extern Count count;

// Runs the program in a fresh world. The first breach of an invariant ends the process.
void run_program(u8 const* bytes, u64 size);
// The records of the program that runs, up to the present one, on standard error.
void print_program();

} // namespace fuzz
