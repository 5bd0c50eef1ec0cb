// SPDX-License-Identifier: Apache-2.0
// 7.4: interrupts: every error, and the life of a line with a real timer on it.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"
#include "test/abi/timer.hpp"

namespace {

constexpr CPtr control = abi::initial_slot::irq_control;
constexpr Label get = Label::irq_issue_irq_handler, io_apic = Label::x86_irq_issue_irq_handler_io_apic,
                msi = Label::x86_irq_issue_irq_handler_msi;

void check_issue_errors() {
    Scope scope;
    CPtr const to = scope.slot(), full = scope.endpoint(), used = scope.slot(), second = scope.slot();
    Words const c{root_cnode};
    must("a vector in use", invoke(control, msi, {used, depth, 0, 0, 0, 0, 60}, c));
    Case const cases[] = {
        {"7.4 Get: 2 words -> TruncatedMessage", control, get, {5, to}, c, truncated},
        {"7.4 Get: no capability -> TruncatedMessage", control, get, {5, to, depth}, {}, truncated},
        {"7.4 Get: with the I/O APIC -> IllegalOperation", control, get, {5, to, depth}, c, illegal_operation},
        {"7.4 Get: whatever the number -> IllegalOperation", control, get, {9999, to, depth}, c, illegal_operation},
        {"7.4 GetIOAPIC 1: 6 words -> TruncatedMessage", control, io_apic, {to, depth, 0, 5, 0, 0}, c, truncated},
        {"7.4 GetIOAPIC 1: no capability -> TruncatedMessage", control, io_apic, {to, depth, 0, 5, 0, 0, 50}, {}, truncated},
        {"7.4 GetIOAPIC 2: vector 108 -> RangeError(0, 107)",
         control,
         io_apic,
         {to, depth, 0, 5, 0, 0, 108},
         c,
         range_error(0, 107)},
        {"7.4 GetIOAPIC 2: vector of 64 bits -> RangeError(0, 107)",
         control,
         io_apic,
         {to, depth, 0, 5, 0, 0, u64{1} << 32},
         c,
         range_error(0, 107)},
        {"7.4 GetIOAPIC 3: vector in use -> RevokeFirst", control, io_apic, {to, depth, 0, 5, 0, 0, 60}, c, revoke_first},
        {"7.4 GetIOAPIC 3 before 4", control, io_apic, {to, 0, 0, 5, 0, 0, 60}, c, revoke_first},
        {"7.4 GetIOAPIC 4: depth 0 -> RangeError(1, 64)", control, io_apic, {to, 0, 0, 5, 0, 0, 50}, c, range_error(1, 64)},
        {"7.4 GetIOAPIC 4: root not a CNode -> InvalidRoot",
         control,
         io_apic,
         {to, depth, 0, 5, 0, 0, 50},
         {full},
         invalid_root(0)},
        {"7.4 GetIOAPIC 5: slot occupied -> DeleteFirst", control, io_apic, {full, depth, 0, 5, 0, 0, 50}, c, delete_first},
        {"7.4 GetIOAPIC 5 before 7", control, io_apic, {full, depth, 1, 5, 0, 0, 50}, c, delete_first},
        {"7.4 GetIOAPIC 7: I/O APIC 1 -> RangeError(0, 0)", control, io_apic, {to, depth, 1, 5, 0, 0, 50}, c, range_error(0, 0)},
        {"7.4 GetIOAPIC 8: pin 24 -> RangeError(0, 23)", control, io_apic, {to, depth, 0, 24, 0, 0, 50}, c, range_error(0, 23)},
        {"7.4 GetIOAPIC 9: level 2 -> RangeError(0, 1)", control, io_apic, {to, depth, 0, 5, 2, 0, 50}, c, range_error(0, 1)},
        {"7.4 GetIOAPIC 10: polarity 2 -> RangeError(0, 1)", control, io_apic, {to, depth, 0, 5, 0, 2, 50}, c, range_error(0, 1)},
        {"7.4 GetIOAPIC 8 before 9", control, io_apic, {to, depth, 0, 24, 2, 2, 50}, c, range_error(0, 23)},
        {"7.4 GetMSI 1: 6 words -> TruncatedMessage", control, msi, {to, depth, 0, 0, 0, 0}, c, truncated},
        {"7.4 GetMSI 1: no capability -> TruncatedMessage", control, msi, {to, depth, 0, 0, 0, 0, 50}, {}, truncated},
        {"7.4 GetMSI 2: vector 108 -> RangeError(0, 107)", control, msi, {to, depth, 0, 0, 0, 0, 108}, c, range_error(0, 107)},
        {"7.4 GetMSI 3: vector in use -> RevokeFirst", control, msi, {to, depth, 0, 0, 0, 0, 60}, c, revoke_first},
        {"7.4 GetMSI 4: depth 65 -> RangeError(1, 64)", control, msi, {to, 65, 0, 0, 0, 0, 50}, c, range_error(1, 64)},
        {"7.4 GetMSI 5: slot occupied -> DeleteFirst", control, msi, {full, depth, 0, 0, 0, 0, 50}, c, delete_first},
        {"7.4 GetMSI: bus 256 -> RangeError(0, 255)", control, msi, {to, depth, 256, 0, 0, 0, 50}, c, range_error(0, 255)},
        {"7.4 GetMSI: device 32 -> RangeError(0, 31)", control, msi, {to, depth, 0, 32, 0, 0, 50}, c, range_error(0, 31)},
        {"7.4 GetMSI: function 8 -> RangeError(0, 7)", control, msi, {to, depth, 0, 0, 8, 0, 50}, c, range_error(0, 7)},
        {"7.4 GetMSI: bus before device before function", control, msi, {to, depth, 256, 32, 8, 0, 50}, c, range_error(0, 255)},
        {"7.4 GetMSI: the highest vector", control, msi, {to, depth, 255, 31, 7, 0, 107}, c, done()},
        {"7.4 GetIOAPIC: an unused pin", control, io_apic, {second, depth, 0, 23, 1, 1, 50}, c, done()},
        {"10.1 Revoke of IRQ control", root_cnode, Label::cnode_revoke, {control, depth}, {}, done()},
        {"10.1 ... deletes all handlers", used, Label::irq_ack_irq, {}, {}, invalid_capability(0)},
        {"10.1 ... these as well", second, Label::irq_ack_irq, {}, {}, invalid_capability(0)},
        {"7.4 ... and their vectors are free", control, msi, {used, depth, 0, 0, 0, 0, 60}, c, done()},
        {"10.4 Delete of the handler", root_cnode, Label::cnode_delete, {used, depth}, {}, done()},
        {"10.4 ... frees the vector", control, msi, {used, depth, 0, 0, 0, 0, 60}, c, done()},
    };
    check_cases(cases);
}

void check_handler_errors() {
    Scope scope;
    CPtr const handler = scope.slot(), notification = scope.notification();
    must("a handler", invoke(control, msi, {handler, depth, 0, 0, 0, 0, 61}, {root_cnode}));
    constexpr Label set = Label::irq_set_irq_handler, clear = Label::irq_clear_irq_handler, ack = Label::irq_ack_irq;
    Case const cases[] = {
        {"7.4 Ack", handler, ack, {}, {}, done()},
        {"7.4 SetNotification: no capability -> TruncatedMessage", handler, set, {}, {}, truncated},
        {"7.4 SetNotification: an endpoint -> InvalidCapability(0)", handler, set, {}, {scope.endpoint()}, invalid_capability(0)},
        {"7.4 SetNotification: an empty slot -> InvalidCapability(0)", handler, set, {}, {0}, invalid_capability(0)},
        {"7.4 SetNotification: no write right -> InvalidCapability(0)",
         handler,
         set,
         {},
         {scope.copy(notification, abi::right::read)},
         invalid_capability(0)},
        {"7.4 SetNotification", handler, set, {}, {notification}, done()},
        {"7.4 SetNotification: again", handler, set, {}, {notification}, done()},
        {"7.4 Clear", handler, clear, {}, {}, done()},
        {"7.4 Clear: none set", handler, clear, {}, {}, done()},
        {"7.4 handler with another object's label -> IllegalOperation", handler, Label::tcb_resume, {}, {}, illegal_operation},
        {"10.2 a handler can be copied",
         root_cnode,
         Label::cnode_copy,
         {scope.slot(), depth, handler, depth, 15},
         {root_cnode},
         done()},
        {"10.4 one of two handlers goes", root_cnode, Label::cnode_delete, {handler, depth}, {}, done()},
        {"7.4 ... the vector is still in use", control, msi, {handler, depth, 0, 0, 0, 0, 61}, {root_cnode}, revoke_first},
    };
    check_cases(cases);
}

void check_delivery() {
    Scope scope;
    Timer const timer(scope);
    CPtr const handler = scope.slot(), notification = scope.notification(), badged = scope.mint(notification, 0x40);
    CPtr const other = scope.notification(), other_badged = scope.mint(other, 0x2);
    must("pin 2", invoke(control, io_apic, {handler, depth, 0, 2, 0, 0, 0}, {root_cnode}));
    auto const ack = [&] { must("acknowledge", invoke(handler, Label::irq_ack_irq)); };
    auto const set = [&](CPtr to) { must("set", invoke(handler, Label::irq_set_irq_handler, {}, {to})); };
    auto const drain = [&](CPtr from) { // what was still to come, for example an edge that the I/O APIC kept while masked
        do ack();
        while (!Timer::quiet(from));
    };
    timer.start(); // until now it may have run periodically
    timer.silent(notification);
    set(badged);
    drain(notification);
    timer.start();
    check_equal("7.4 an interrupt signals the notification with the badge of the capability", timer.wait(notification), 0x40);
    timer.start();
    check("7.4 the line is masked until Ack", timer.silent(notification));
    drain(notification);
    timer.start();
    check_equal("7.4 Ack unmasks it", timer.wait(notification), 0x40);
    ack();
    set(other_badged);
    timer.start();
    check_equal("7.4 SetNotification replaces the notification", timer.wait(other), 0x2);
    check_equal("7.4 ... the old one hears nothing", poll(notification), 0);
    ack();
    delete_cap(other_badged);
    timer.start();
    check_equal("7.4 the kernel keeps its own copy of the notification's capability", timer.wait(other), 0x2);
    ack();
    revoke_cap(other);
    timer.start();
    check("7.4 revoking the notification clears it", timer.silent(other));
    set(badged);
    drain(notification);
    must("clear", invoke(handler, Label::irq_clear_irq_handler));
    timer.start();
    check("7.4 Clear: the notification is forgotten", timer.silent(notification));
    set(badged);
    drain(notification);
    must("delete the handler", delete_cap(handler));
    timer.start();
    check("10.4 deleting the handler masks the line", timer.silent(notification));
}

} // namespace

void check_irq() {
    begin_group("7.4 interrupts");
    check_issue_errors();
    check_handler_errors();
    check_delivery();
}
