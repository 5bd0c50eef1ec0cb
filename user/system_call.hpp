// SPDX-License-Identifier: Apache-2.0
// The system calls of the kernel, ABI 4.1 and 4.2, and the only inline assembly of user programs.
//
// Every call goes through user_gate, which the program's library defines: `user_bare` executes
// SYSCALL itself, `user_component` jumps to the gate in its library OS. Message words from MR4 on
// are in ipc_buffer().
#pragma once

#include "abi/message.hpp"
#include "abi/profile.hpp"

namespace user {

// The calling thread's IPC buffer. The program's library defines it.
abi::IpcBuffer& ipc_buffer();

using CPtr = u64;

// What goes in and out of a message transfer in registers.
struct Message {
    abi::MessageInfo info{};
    u64 words[abi::register_message_words]{};
    u64 badge{}; // receive: badge of the sender's capability, or the notification's word

    static constexpr Message make(u64 label, u64 length = 0, u64 mr0 = 0, u64 mr1 = 0, u64 mr2 = 0,
                                  u64 mr3 = 0) {
        return {.info = abi::MessageInfo::make(label, length),
                .words = {mr0, mr1, mr2, mr3},
                .badge = 0};
    }
};

// The instruction sequence all calls share: rdi and rsi in and out, the four message registers in
// and out. The stack pointer is moved below the red zone, because the gate is called.
inline void enter_kernel(abi::Syscall number, u64& rdi, u64& rsi,
                         u64 (&words)[abi::register_message_words]) {
    register u64 mr0 asm("r10") = words[0];
    register u64 mr1 asm("r8") = words[1];
    register u64 mr2 asm("r9") = words[2];
    register u64 mr3 asm("r15") = words[3];
    asm volatile("lea -128(%%rsp), %%rsp\n\t"
                 "call user_gate\n\t"
                 "lea 128(%%rsp), %%rsp"
                 : "+D"(rdi), "+S"(rsi), "+r"(mr0), "+r"(mr1), "+r"(mr2), "+r"(mr3)
                 : "d"(number)
                 : "rcx", "r11", "cc", "memory");
    words[0] = mr0;
    words[1] = mr1;
    words[2] = mr2;
    words[3] = mr3;
}

// A call that takes one word and no message; returns rdi.
inline u64 enter_kernel(abi::Syscall number, u64 argument = 0) {
    u64 info = 0;
    u64 words[abi::register_message_words]{};
    enter_kernel(number, argument, info, words);
    return argument;
}

inline Message transfer(abi::Syscall number, CPtr cptr, Message message) {
    enter_kernel(number, cptr, message.info.word, message.words);
    message.badge = cptr;
    return message;
}

// Sends and waits for the answer. On a kernel object: performs the invocation (user/invoke.hpp is
// more comfortable).
inline Message call(CPtr cptr, Message message) {
    return transfer(abi::Syscall::call, cptr, message);
}
inline void send(CPtr endpoint, Message message) {
    transfer(abi::Syscall::send, endpoint, message);
}
inline void send_if_awaited(CPtr endpoint, Message message) {
    transfer(abi::Syscall::nb_send, endpoint, message);
}
// Waits for a message on an endpoint (or for a notification: then only the badge is meaningful).
inline Message receive(CPtr cptr) { return transfer(abi::Syscall::recv, cptr, {}); }
inline Message receive_if_waiting(CPtr cptr) { return transfer(abi::Syscall::nb_recv, cptr, {}); }
// Answers the last caller, then waits for the next message on the endpoint.
inline Message reply_receive(CPtr endpoint, Message answer) {
    return transfer(abi::Syscall::reply_recv, endpoint, answer);
}
inline void reply(Message answer) { transfer(abi::Syscall::reply, 0, answer); }

inline void signal(CPtr notification) { send(notification, {}); }
// Waits until the notification has been signalled; returns its word and clears it.
inline u64 wait(CPtr notification) { return receive(notification).badge; }
// The same without waiting: 0 if it was not signalled.
inline u64 poll(CPtr notification) { return receive_if_waiting(notification).badge; }

inline void yield() { enter_kernel(abi::Syscall::yield); }
// Sets the calling thread's FS base; non-canonical values are ignored.
inline void set_tls_base(u64 base) { enter_kernel(abi::Syscall::set_tls_base, base); }

inline void debug_put_char(char c) {
    enter_kernel(abi::Syscall::debug_put_char, static_cast<u8>(c));
}
inline void debug_dump_scheduler() { enter_kernel(abi::Syscall::debug_dump_scheduler); }
// Stops the machine.
[[noreturn]] inline void debug_halt() {
    for (;;) enter_kernel(abi::Syscall::debug_halt);
}
inline void debug_snapshot() { enter_kernel(abi::Syscall::debug_snapshot); }
// The kind of capability in a slot; null when the lookup fails.
inline abi::CapType debug_identify(CPtr cptr) {
    return static_cast<abi::CapType>(enter_kernel(abi::Syscall::debug_cap_identify, cptr));
}
// Names a thread for the kernel's messages. At most 900 bytes are used. The CPtr must name a TCB:
// the kernel stops otherwise.
inline void debug_name_thread(CPtr tcb, char const* name) {
    char* const to =
        reinterpret_cast<char*>(ipc_buffer().message); // ABI 4.6: from byte 8 of the buffer
    unsigned length = 0;
    for (; name[length] != 0 && length < 900; ++length) to[length] = name[length];
    to[length] = 0;
    enter_kernel(abi::Syscall::debug_name_thread, tcb);
}

// Runs the calling thread's Vcpu. In: abi::vm_message rip, primary_controls, entry_interruption.
// Returns info.word = abi::vm_entry_notification (badge is the notification's word) or
// abi::vm_entry_exit; words from 4 on in ipc_buffer().
inline Message vm_enter(u64 rip, u64 primary_controls, u64 entry_interruption) {
    Message message{
        .info = {}, .words = {rip, primary_controls, entry_interruption, 0}, .badge = 0};
    return transfer(abi::Syscall::vm_enter, 0, message);
}

// The processor's time-stamp counter.
inline u64 time_stamp() {
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return u64{high} << 32 | low;
}

} // namespace user
