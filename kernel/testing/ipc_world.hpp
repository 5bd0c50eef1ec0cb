// SPDX-License-Identifier: Apache-2.0
// A world made for communication: a few threads, endpoints and notifications, with a capability for every set of rights that
// matters. Threads are set up at random, then random events happen to whoever runs. KernelState knows all that may change.
#pragma once

#include <vector>

#include "kernel/testing/kernel_image.hpp"
#include "kernel/testing/random.hpp"

// What an event is: the system calls that have names, and the rest.
enum class IpcEvent {
    call,
    reply_recv,
    send,
    nb_send,
    recv,
    reply,
    yield,
    nb_recv,
    invocation,
    other_syscall,
    page_fault,
    exception,
    software_interrupt,
    tick,
    interrupt,
    guest_stop,
    trap_32,
    count,
};
char const* name_of(IpcEvent event);

class IpcWorld {
public:
    static constexpr unsigned threads = 5;
    static constexpr unsigned endpoints = 3;
    static constexpr unsigned notifications = 3;

    IpcWorld();

    // Sets the threads up, from a world as it was made. They are ready, and one of them runs.
    void configure(Random& random);
    // Something happens to the running thread, or to another that can run; empty: nobody can.
    // The event is not delivered: the registers are as the processor leaves them for the kernel.
    struct Happening {
        IpcEvent kind;
        Event event;
    };
    std::optional<Happening> next(Random& random);
    // Some time before the next event, user level used its FPU, and wrote into IPC buffers.
    void handle(Event const& event) { static_cast<void>(world_.kernel.handle(world_.cpu, event)); }

    TestKernel& world() { return world_; }
    KernelState& state() { return state_; }
    std::string describe(Happening const& happening); // the running thread and its registers

private:
    struct Member { // a thread of this world
        Thread* thread;
        CPtr frame, read_only_frame;
        unsigned cspace; // which form its CPtrs take
    };
    CPtr address(Member const& member, CPtr slot, Random& random) const;
    void set_up(Member& member, Random& random);
    void set_up_space(Member& member, Random& random);
    void set_up_upcall(Member const& member, Random& random);
    Member* member_of(Tcb const& thread);
    Member* choose_actor(Random& random);
    IpcEvent choose_event(Tcb const& thread, Random& random);
    Event prepare(IpcEvent kind, Member& member, Random& random);
    void fill_registers(Tcb& thread, Random& random);
    void fill_buffer(Member const& member, Random& random);
    CPtr send_target(Random& random);
    CPtr receive_target(Random& random);
    CPtr any_target(Random& random);
    void prepare_invocation(Member& member, Random& random);
    void make_objects();
    void make_state();

    TestKernel world_;
    KernelState state_;
    std::vector<Member> members_;
    std::vector<CPtr> endpoint_caps_[endpoints]; // [0]: the first one, all rights, no badge
    std::vector<CPtr> notification_caps_[notifications];
    std::vector<CPtr> vspaces_; // the last has lost its ASID
    std::vector<CPtr> empty_slots_;
    CPtr inner_cnode_{}; // leads to the root CNode
    CPtr flat_cnode_{};  // the root CNode without a guard
    CPtr vcpu_{};
    CPtr nested_root_{};
    unsigned steps_{}; // since configure()
};
