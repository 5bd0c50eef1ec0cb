// SPDX-License-Identifier: Apache-2.0
// Threads beside each other: FPU state and segment bases (4.2, 8.10), and work that is long enough to be interrupted
// (4.11, 10.4).
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/instructions.hpp"
#include "test/abi/puppet.hpp"
#include "test/abi/timer.hpp"

namespace {

constexpr u64 fresh = 0x37f00001f80; // x87 control word, MXCSR

void set_fpu(Puppet const& puppet, u64 xmm, u64 control) {
    abi::UserContext r = puppet.registers();
    r.rax = xmm;
    r.rcx = control;
    puppet.execute(do_set_fpu, r);
}
bool has_fpu(Puppet const& puppet, u64 xmm, u64 control) {
    puppet.execute(do_get_fpu, puppet.registers());
    abi::UserContext const& r = puppet.state().registers;
    return puppet.returned() && r.rbx == xmm && r.rcx == control;
}

void check_fpu() {
    Scope scope;
    Puppet const a(scope), b(scope);
    constexpr u64 one = 0x27f00009f80, two = 0x37f0000df80; // other precision and rounding
    check("6.4 a new thread has the initial FPU state", has_fpu(a, 0, fresh));
    set_fpu(a, 0x1111, one);
    check("8.10 another new thread, too, after others used theirs", has_fpu(b, 0, fresh));
    set_fpu(b, 0x2222, two);
    check("8.10 each thread has its own FPU state: the first", has_fpu(a, 0x1111, one));
    check("8.10 ... the second", has_fpu(b, 0x2222, two));
    a.enter(abi::Syscall::yield);
    check("4.2 system calls keep it", has_fpu(a, 0x1111, one));
    must("take the FPU away", invoke(a.tcb(), Label::tcb_set_flags, {0, 1}) == done({1}));
    set_fpu(b, 0x3333, two);
    must("give it back", invoke(a.tcb(), Label::tcb_set_flags, {1, 0}) == done({0}));
    check("7.1 SetFlags: the state that was saved is there when the FPU comes back", has_fpu(a, 0x1111, one));
    a.execute(do_ud2, a.registers());
    check("9.1 a fault keeps it", has_fpu(a, 0x1111, one));
}

void check_segments() {
    Scope scope;
    Puppet const a(scope), b(scope);
    u64 const words[] = {0xaaaa, 0xbbbb};
    auto const read_gs = [&](Puppet const& puppet, unsigned i) {
        abi::UserContext r = puppet.registers();
        r.gs_base = reinterpret_cast<u64>(&words[i]);
        puppet.execute(do_read_gs, r);
        return puppet.state().registers.rbx;
    };
    check("8.10 each thread has its GS base", read_gs(a, 0) == 0xaaaa && read_gs(b, 1) == 0xbbbb && read_gs(a, 0) == 0xaaaa);
    a.execute(do_read_tls, a.registers());
    u64 const first = a.state().registers.rbx;
    b.execute(do_read_tls, b.registers());
    check("8.10 ... and its FS base", a.returned() && b.returned() && first == 0);
}

// A more important thread that waits for the timer, and when it ran.
struct Watch {
    CPtr notification;
    u64 volatile ran_at;
};

void check_preemption() {
    Scope scope;
    Timer const timer(scope);
    CPtr const handler = scope.slot(), notification = scope.notification();
    Puppet const puppet(scope);
    Watch watch{notification, 0};
    must("pin 2", invoke(abi::initial_slot::irq_control, Label::x86_irq_issue_irq_handler_io_apic,
                         {handler, depth, 0, 2, 0, 0, 1}, {root_cnode}));
    timer.start();
    must("nothing is to come", timer.silent(notification));
    must("the notification", invoke(handler, Label::irq_set_irq_handler, {}, {notification}));
    do must("acknowledge", invoke(handler, Label::irq_ack_irq));
    while (!Timer::quiet(notification));
    auto const arm = [&](u16 ticks) {
        puppet.run(
            [](u64 at) {
                auto& w = *reinterpret_cast<Watch*>(at);
                user::wait(w.notification);
                w.ran_at = user::time_stamp();
            },
            reinterpret_cast<u64>(&watch));
        timer.start(ticks);
    };
    auto const ran_between = [&](u64 start, u64 end) {
        for (unsigned i = 0; i < 1000000 && !puppet.returned(); ++i) user::yield();
        invoke(handler, Label::irq_ack_irq);
        return watch.ran_at > start && watch.ran_at < end;
    };
    // Under a clock that runs by itself the timer may come too early or too late; so there are more tries than one.
    constexpr unsigned tries = 4;
    CPtr const memory = large_untyped(), made = scope.slot();
    bool ran = false, right = true;
    for (unsigned i = 0; i < tries && !ran; ++i) { // all of it is used, so that all of it is cleared the next time
        arm(480);
        u64 const start = user::time_stamp();
        right = right && retype(memory, ObjectType::untyped, large_untyped_bits(), made) == done();
        ran = ran_between(start, user::time_stamp());
        revoke_cap(memory);
    }
    check("6.4 a Retype that clears much memory succeeds", right);
    check("4.11 ... others run meanwhile", ran);

    CPtr const endpoint = scope.endpoint();
    constexpr unsigned copies = 4000;
    CPtr const first = scope.slot(copies);
    ran = false;
    for (unsigned i = 0; i < tries && !ran; ++i) {
        for (unsigned k = 0; k < copies; ++k) must("a copy", mint_cap(first + k, endpoint, k + 1));
        arm(240);
        u64 const start = user::time_stamp();
        right = right && revoke_cap(endpoint) == done();
        ran = ran_between(start, user::time_stamp());
    }
    check("10.4 a long Revoke succeeds", right);
    check("10.4 ... others run meanwhile", ran);
    bool gone = true;
    for (unsigned i = 0; i < copies; i += 97) gone = gone && empty(first + i);
    check("10.4 ... and everything is revoked", gone && empty(first + copies - 1));
}

} // namespace

void check_threads() {
    begin_group("8.10 threads beside each other");
    check_fpu();
    check_segments();
    check_preemption();
}
