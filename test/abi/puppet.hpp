// SPDX-License-Identifier: Apache-2.0
// A thread of which the checks hold every string: it executes one instruction with given registers, keeps the registers it has
// afterwards, and waits for the next one. Puppets are more important than the main thread, so that they run at once, and
// whatever a check does is over or blocked when the main thread goes on.
#pragma once

#include "abi/message.hpp"
#include "test/abi/world.hpp"

inline constexpr u64 main_priority = 100;
inline constexpr u64 puppet_priority = 150;

struct PuppetState {            // puppet.S knows the layout
    abi::UserContext registers; // after the instruction
    u64 returned;               // how often an instruction was followed by the next
    u64 park;                   // CPtr of what it waits for then
    u64 stack_top;
};

// Addresses in puppet.S.
extern "C" char puppet_syscall[], puppet_after_syscall[], puppet_store[], puppet_program[], puppet_yield_forever[];

struct PuppetOptions {
    u64 priority = puppet_priority;
    CPtr fault_handler = 0;
    CPtr cspace = root_cnode;
    bool ipc_buffer = true;
};

class Puppet {
public:
    explicit Puppet(Scope& scope, PuppetOptions const& options = {});
    Puppet(Puppet const&) = delete;
    Puppet& operator=(Puppet const&) = delete;

    CPtr tcb() const { return tcb_; }
    abi::IpcBuffer& buffer() const;
    CPtr buffer_frame() const;
    PuppetState& state() const;
    void set_park(CPtr cptr) const { state().park = cptr; } // for puppets whose CSpace is another

    // Registers for execute(): stack and FS base set, the rest 0.
    abi::UserContext registers() const;
    // Executes from an address on. It has run as far as it gets when this returns.
    void execute(void const* address, abi::UserContext registers) const;
    void enter(abi::Syscall number, u64 rdi = 0, u64 info = 0, Words const& words = {}) const;
    void run(void (*program)(u64), u64 argument = 0) const;

    // System calls with a message; capabilities are CPtrs in the puppet's CSpace.
    void send(CPtr to, u64 label = 0, Words const& words = {}, Words const& caps = {}) const {
        transfer(abi::Syscall::send, to, label, words, caps);
    }
    void call(CPtr to, u64 label = 0, Words const& words = {}, Words const& caps = {}) const {
        transfer(abi::Syscall::call, to, label, words, caps);
    }
    void call(CPtr to, Label label, Words const& words = {}, Words const& caps = {}) const {
        call(to, std::to_underlying(label), words, caps);
    }
    void receive(CPtr from) const { enter(abi::Syscall::recv, from); }
    void transfer(abi::Syscall number, CPtr to, u64 label, Words const& words, Words const& caps) const;

    bool returned() const { return state().returned != 0; } // of the last execute()
    Answer answer() const;                                  // what the system call left in the registers
    u64 badge() const { return state().registers.rdi; }
    void suspend() const;

private:
    unsigned number_;
    CPtr tcb_;
};

// The calling thread's other end: what waits on an endpoint, without blocking. An info word of no_message when nothing does.
inline constexpr u64 no_message = ~u64{0};
Answer receive_now(CPtr endpoint);
// Answers the main thread's last caller.
void reply_with(u64 label, Words const& words = {}, Words const& caps = {});
u64 poll(CPtr notification);
