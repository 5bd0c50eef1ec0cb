// SPDX-License-Identifier: Apache-2.0
// A kernel and a small world to try it in: a root thread of priority 255 with every control capability in the slots of ABI 3.2.
// Tests act as user programs do, by system calls; the state is checked as a whole after each of them.
#pragma once

#include <initializer_list>
#include <memory>

#include "abi/boot_info.hpp"
#include "kernel/ipc/endpoint.hpp"
#include "kernel/ipc/notification.hpp"
#include "kernel/kernel.hpp"
#include "kernel/machine/host/host_machine.hpp"
#include "kernel/testing/answer.hpp"

using CPtr = u64;
using Words = std::vector<u64>;
using abi::Label;
using abi::ObjectType;

class TestKernel;

struct Message {
    u64 label{};
    Words words;
    std::vector<CPtr> caps;
};

struct Received {
    u64 badge{};
    u64 label{};
    Words words;
    u64 extra_caps{};
    u64 unwrapped{};
    bool operator==(Received const&) const = default;
};
std::ostream& operator<<(std::ostream& out, Received const& received);

// A thread of the test world. Each system call first makes it the running one, if it is not.
class Thread {
public:
    Thread(TestKernel& world, CPtr cptr, Tcb& tcb) : world_(world), tcb_(tcb), cptr_(cptr) {}
    Tcb& tcb() { return tcb_; }
    CPtr cptr() const { return cptr_; }
    ThreadState state() const { return tcb_.state; }
    abi::IpcBuffer& buffer() { return *tcb_.buffer(true); }

    // A system call by number, repeated for as long as it is preempted. False: the thread blocked or stopped in it.
    bool syscall(abi::Syscall number, u64 rdi, Message const& message = {});
    bool syscall(i64 number, u64 rdi, Message const& message = {});
    // Runs the system call that a restarted or preempted thread stands at once more.
    bool again();
    Answer call(CPtr cap, Message const& message);
    Answer invoke(CPtr cap, Label label, Words words = {}, std::vector<CPtr> caps = {});
    bool send(CPtr cap, Message const& message = {}) { return syscall(abi::Syscall::send, cap, message); }
    bool nb_send(CPtr cap, Message const& message = {}) { return syscall(abi::Syscall::nb_send, cap, message); }
    bool start_call(CPtr cap, Message const& message = {}) { return syscall(abi::Syscall::call, cap, message); }
    bool receive(CPtr cap) { return syscall(abi::Syscall::recv, cap); }
    bool nb_receive(CPtr cap) { return syscall(abi::Syscall::nb_recv, cap); }
    bool reply(Message const& message = {}) { return syscall(abi::Syscall::reply, 0, message); }
    bool reply_receive(CPtr cap, Message const& message = {}) { return syscall(abi::Syscall::reply_recv, cap, message); }
    bool yield() { return syscall(abi::Syscall::yield, 0); }
    // What stands in the thread's message registers and buffer.
    Received received() const;
    u64 badge() const { return tcb_.context.registers.rdi; }
    // Where a received capability goes: a slot of the root CNode; 0: nowhere.
    void set_receive_slot(CPtr slot);

private:
    void put(Message const& message);
    bool run_syscall();
    TestKernel& world_;
    Tcb& tcb_;
    CPtr cptr_;
};

class TestKernel {
public:
    struct Options {
        Kernel::Options kernel{};
        unsigned root_radix = 12;
    };
    TestKernel() : TestKernel(Options{}) {}
    explicit TestKernel(Options const& options);
    static Options preempting() { // stops long work after every step
        Options options;
        options.kernel.preemption_interval = 1;
        return options;
    }

    HostMachine machine;
    Kernel kernel;
    Cpu cpu;

    // Things put into the world from outside. Each takes the next free slot of the root CNode and returns it.
    CPtr untyped(unsigned size_bits, bool device = false); // clear, unused
    CPtr object(ObjectType type, u64 size_bits = 0);       // derived from nothing
    CPtr endpoint() { return object(ObjectType::endpoint); }
    CPtr notification() { return object(ObjectType::notification); }
    CPtr cnode(unsigned radix) { return object(ObjectType::cnode, radix); }
    CPtr frame() { return object(ObjectType::small_page); }
    CPtr put(Cap const& cap); // any capability, derived from nothing
    Thread& root() { return *root_; }
    // A ready thread at the tail of its queue, with the root's spaces and an IPC buffer of its own.
    Thread& thread(u8 priority = 100);
    Tcb& current() { return *cpu.current; }
    void run(Tcb& thread); // makes it the running one; it must be runnable

    // Events of the running thread.
    void handle(Event const& event);
    void tick() { handle(InterruptEvent{machine::timer_vector}); }
    void interrupt(unsigned abstract_vector) {
        handle(InterruptEvent{static_cast<u8>(abstract_vector + machine::first_irq_vector)});
    }
    void fault(Event const& event); // the interrupted rip is where the thread stands

    // Invocations by the root thread.
    Answer invoke(CPtr cap, Label label, Words words = {}, std::vector<CPtr> caps = {}) {
        return root().invoke(cap, label, std::move(words), std::move(caps));
    }
    // These take the next free slot and return it; a refusal fails the test.
    CPtr retype(CPtr untyped, ObjectType type, u64 size_bits = 0, u64 count = 1);
    CPtr copy(CPtr from, u64 rights = abi::right::all);
    CPtr mint(CPtr from, u64 data, u64 rights = abi::right::all);
    CPtr move(CPtr from);
    void revoke(CPtr cap);
    void remove(CPtr cap);
    // The same without taking or expecting anything.
    Answer try_retype(CPtr untyped, ObjectType type, u64 size_bits, CPtr first, u64 count = 1);
    Answer try_copy(CPtr to, CPtr from, u64 rights = abi::right::all);
    Answer try_mint(CPtr to, CPtr from, u64 data, u64 rights = abi::right::all);
    Answer try_move(CPtr to, CPtr from);
    Answer try_mutate(CPtr to, CPtr from, u64 data);
    Answer try_remove(CPtr cap);
    Answer map_table(CPtr table, u64 address);
    Answer map_frame(CPtr frame, u64 address, u64 rights = 3, u64 attributes = 0);
    void map_tables(u64 address); // all three levels for a page at the address, in the root's address space

    Slot& slot(CPtr cptr) { return root_cnode_[cptr]; }
    Cap const& cap(CPtr cptr) { return slot(cptr).cap(); }
    template <class Kind> Kind get(CPtr cptr) { return cap(cptr).template get<Kind>(); }
    bool empty(CPtr cptr) { return slot(cptr).empty(); }
    CPtr next_slot() { return next_slot_++; } // an empty one
    u64 root_size() const { return u64{1} << root_radix_; }
    unsigned root_guard() const { return 64 - root_radix_; }
    unsigned root_depth() const { return 64; }
    template <class Object> Object& at(CPtr cptr) { return *cap_bits::pointer<Object>(cap(cptr).raw().high); }

    // Every list of capabilities with a slot of the root CNode behind the initial ones in it: one line for each capability,
    // indented under what it was derived from.
    std::string derivations();
    // Empty, or what is wrong with the kernel's state. Called after every event when `checking`.
    std::string inconsistency();
    // Empty, or where memory is not clear that an untyped capability counts as never handed out. Reads all of it.
    std::string unclear_memory();
    bool checking = true;
    bool repeating = true;  // a preempted system call is repeated at once
    unsigned preemptions{}; // of system calls, by what interrupt_pending said
    static constexpr u64 outside = u64{16} << 20; // physical: objects that come from no untyped lie below

private:
    std::byte* take(unsigned size_bits);
    Tcb& make_thread(CPtr cptr, CPtr buffer_frame, u8 priority);
    unsigned root_radix_;
    Slot* root_cnode_{};
    u64 next_memory_{u64{1} << 20};
    u64 next_untyped_{outside};
    CPtr next_slot_{abi::initial_slot::first_dynamic};
    std::unique_ptr<Thread> root_;
    std::vector<std::unique_ptr<Thread>> threads_;
};
