// SPDX-License-Identifier: Apache-2.0
// A thread of the program as the library OS keeps it: in the thread's own page, behind IPC buffer
// and UpcallBlock.
#pragma once

#include "abi/upcall.hpp"
#include "linux/layout.hpp"
#include "user/object_allocator.hpp"
#include "user/tcb.hpp"

namespace libos {

struct Thread {
    static constexpr unsigned pages =
        1 + protocol::os_stack_size / layout::page_size; // its page and its stack

    u32 number; // 0: main thread; also names its page and its stack (layout.hpp)
    user::Tcb tcb;
    user::Notification bell; // wakes it from what it waits for

    // What it is made of; nothing for the main thread.
    user::MadeObject tcb_object, bell_object;
    user::Frame page_frames[pages];

    Thread* next;        // in the list of living threads, then of ended ones
    u32 ended;           // set when the thread will not touch anything any more
    u64 clear_child_tid; // Linux: word to clear and wake at the end; 0: none

    // Waiting on a futex.
    Thread* next_waiting;
    u64 futex;
    u32 bits;
    u32 woken;          // set by the one that wakes it, under the lock
    bool in_timer_call; // it waits for the timer and not for its bell

    u32 linux_id() const { return number + 1; } // also the process id, for the main thread
    abi::IpcBuffer& ipc_buffer() {
        return *reinterpret_cast<abi::IpcBuffer*>(layout::thread_page(number));
    }
    abi::UpcallBlock& upcall() {
        return *reinterpret_cast<abi::UpcallBlock*>(layout::thread_page(number) +
                                                    protocol::thread_page_upcall_offset);
    }
    static Thread& of(abi::UpcallBlock& block) {
        return at(reinterpret_cast<u64>(&block) - protocol::thread_page_upcall_offset);
    }
    static Thread& at(u64 page) {
        return *reinterpret_cast<Thread*>(page + protocol::thread_page_private_offset);
    }
};
static_assert(sizeof(Thread) <= layout::page_size - protocol::thread_page_private_offset);

// The word at the bottom of a thread's library OS stack: its page. user::ipc_buffer() finds it from
// the stack pointer.
inline u64& thread_page_on_stack(u64 stack_top) {
    return *reinterpret_cast<u64*>(stack_top - protocol::os_stack_size);
}

} // namespace libos
