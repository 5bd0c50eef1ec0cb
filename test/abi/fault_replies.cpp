// SPDX-License-Identifier: Apache-2.0
// 9.3: what a reply to a fault does to the thread.
#include "test/abi/address_space.hpp"
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/instructions.hpp"
#include "test/abi/puppet.hpp"
#include "user/tcb.hpp"

namespace {

u64 address(void const* at) { return reinterpret_cast<u64>(at); }

struct Handled {
    Scope scope;
    CPtr handler = scope.endpoint();
    Puppet puppet{scope, {.fault_handler = handler}};

    Answer fault(void const* at, u64 rax = 0) const {
        abi::UserContext r = puppet.registers();
        r.rax = rax;
        r.rdx = 5; // an unknown system call
        puppet.execute(at, r);
        return receive_now(handler);
    }
    bool faulted() const { return receive_now(handler).info != no_message; }
};

void check_unknown_syscall() {
    Handled h;
    Words reply = h.fault(do_int_158).words; // after SYSRET rcx, r11 and rsp would be as 4.2 says
    reply.count = 18;
    for (unsigned i = 0; i < 15; ++i) reply.values[i] = 0x100 + i;
    reply.values[15] = address(do_int_158) + 2;
    reply.values[16] = h.puppet.registers().rsp - 64;
    reply.values[17] = 0x202 | 0x41 | 0x3100; // CF, ZF; TF and IOPL are not for users
    reply_with(0, reply);
    abi::UserContext const& r = h.puppet.state().registers;
    check("9.3 UnknownSyscall: the thread goes on at the FaultIP of the reply", h.puppet.returned());
    struct Row {
        char const* what;
        u64 value, expected;
    };
    Row const rows[] = {
        {"9.3 UnknownSyscall: MR0 is rax", r.rax, 0x100},
        {"9.3 UnknownSyscall: MR1 is rbx", r.rbx, 0x101},
        {"9.3 UnknownSyscall: MR2 is rcx", r.rcx, 0x102},
        {"9.3 UnknownSyscall: MR3 is rdx", r.rdx, 0x103},
        {"9.3 UnknownSyscall: MR4 is rsi", r.rsi, 0x104},
        {"9.3 UnknownSyscall: MR5 is rdi", r.rdi, 0x105},
        {"9.3 UnknownSyscall: MR6 is rbp", r.rbp, 0x106},
        {"9.3 UnknownSyscall: MR7 is r8", r.r8, 0x107},
        {"9.3 UnknownSyscall: MR8 is r9", r.r9, 0x108},
        {"9.3 UnknownSyscall: MR9 is r10", r.r10, 0x109},
        {"9.3 UnknownSyscall: MR10 is r11", r.r11, 0x10a},
        {"9.3 UnknownSyscall: MR11 is r12", r.r12, 0x10b},
        {"9.3 UnknownSyscall: MR12 is r13", r.r13, 0x10c},
        {"9.3 UnknownSyscall: MR13 is r14", r.r14, 0x10d},
        {"9.3 UnknownSyscall: MR14 is r15", r.r15, 0x10e},
        {"9.3 UnknownSyscall: MR16 is rsp", r.rsp, reply.values[16]},
        {"9.3 UnknownSyscall: MR17 is rflags, sanitised", r.rflags, 0x243},
    };
    for (Row const& row : rows) check_equal(row.what, row.value, row.expected);

    reply.values[15] = address(puppet_after_syscall);
    h.fault(puppet_syscall);
    reply_with(0, {0x55});
    check("9.3 UnknownSyscall: a reply without FaultIP repeats the call", h.faulted());
    reply_with(0);
    check("9.3 UnknownSyscall: an empty reply as well", h.faulted());
    reply_with(1, reply);
    check("9.3 UnknownSyscall: another label -> Inactive", !h.faulted() && !h.puppet.returned());
    invoke(h.puppet.tcb(), Label::tcb_resume);
    check("9.3 ... Resume goes on at the FaultIP of the reply", h.puppet.returned() && r.rax == 0x100);
    h.fault(puppet_syscall);
    reply.values[15] = 0x0000800000000000;
    reply_with(0, reply);
    Answer const next = receive_now(h.handler);
    check("9.3 a non-canonical FaultIP becomes 0", next.info == abi::MessageInfo::make(5, 4).word && next.words[0] == 0);
}

void check_user_exception() {
    Handled h;
    h.fault(do_ud2, 0x31);
    u64 const stack = h.puppet.registers().rsp - 128;
    reply_with(0, {address(do_ud2) + 2, stack, 0xa03});
    abi::UserContext const& r = h.puppet.state().registers;
    check("9.3 UserException: the thread goes on at MR0", h.puppet.returned());
    check_equal("9.3 UserException: MR1 is rsp", r.rsp, stack);
    check_equal("9.3 UserException: MR2 is rflags", r.rflags, 0xa03);
    check_equal("9.3 UserException: other registers are kept", r.rax, 0x31);
    h.fault(do_ud2);
    reply_with(0, {address(do_ud2) + 2, stack, 0x202, 99, 99, 99});
    check("9.3 UserException: only 3 words count", h.puppet.returned());
    h.fault(do_ud2);
    reply_with(0);
    check("9.3 UserException: an empty reply repeats the instruction", h.faulted());
    reply_with(0, {address(do_ud2) + 2});
    check("9.3 UserException: one word is enough", h.puppet.returned());
    h.fault(do_ud2);
    reply_with(7, {address(do_ud2) + 2});
    check("9.3 UserException: another label -> Inactive", !h.puppet.returned() && !h.faulted());
    invoke(h.puppet.tcb(), Label::tcb_resume);
    check("9.3 ... Resume goes on at the FaultIP of the reply", h.puppet.returned());
}

void check_restarting_faults() {
    Handled h;
    constexpr u64 page = 0x23456789000;
    AddressSpace const own(h.scope, root_vspace);
    own.map_all(page);
    CPtr const frame = h.scope.make(ObjectType::small_page);
    h.fault(do_read, page);
    reply_with(0);
    check("9.3 VMFault: a reply repeats the instruction", h.faulted());
    must("map", invoke(frame, Label::x86_page_map, {page, 3, 0}, {root_vspace}));
    reply_with(0);
    check("9.3 ... which succeeds if the page is there now", h.puppet.returned());
    must("unmap", invoke(frame, Label::x86_page_unmap));
    h.fault(do_read, page);
    must("map", invoke(frame, Label::x86_page_map, {page, 3, 0}, {root_vspace}));
    reply_with(77, {1, 2, 3});
    check("9.3 VMFault: label and words of the reply don't matter", h.puppet.returned());

    CPtr const slot = h.scope.slot(), endpoint = h.scope.endpoint();
    h.puppet.receive(slot);
    check("9.3 CapFault", h.faulted());
    must("put the endpoint there", copy_cap(slot, endpoint));
    reply_with(99, {5});
    check("9.3 CapFault: a reply repeats the system call, whatever its label", !h.faulted() && !h.puppet.returned());
    user::send_if_awaited(endpoint, user::Message::make(3, 0));
    check("9.3 ... which succeeds", h.puppet.returned() && h.puppet.answer().info == abi::MessageInfo::make(3, 0).word);
}

void check_ways_to_reply() {
    Handled h;
    CPtr const saved = h.scope.slot();
    h.fault(do_ud2);
    must("save", invoke(root_cnode, Label::cnode_save_caller, {saved, depth}));
    user::send(saved, user::Message::make(0, 1, address(do_ud2) + 2));
    check("9.3 through a saved reply capability", h.puppet.returned());
    Puppet const server(h.scope);
    server.receive(h.handler);
    h.puppet.execute(do_ud2, h.puppet.registers());
    server.enter(abi::Syscall::reply_recv, h.handler, abi::MessageInfo::make(0, 1).word, {address(do_ud2) + 2});
    check("9.3 through ReplyRecv", h.puppet.returned() && !server.returned());
    server.suspend();

    abi::UserContext next = h.puppet.registers();
    next.rip = address(puppet_store);
    next.rax = 0x77;
    h.fault(do_read, 0x1000);
    must("write registers", user::Tcb{h.puppet.tcb()}.write_registers(next, false).has_value());
    check("9.3 WriteRegisters leaves a faulted thread blocked", !h.puppet.returned());
    reply_with(0);
    check("9.3 ... the reply lets it go on there", h.puppet.returned() && h.puppet.state().registers.rax == 0x77);
    h.fault(do_read, 0x1000);
    must("write registers", user::Tcb{h.puppet.tcb()}.write_registers(next, true).has_value());
    check("9.3 WriteRegisters with resume cancels the reply", h.puppet.returned());
    reply_with(0);
    check_equal("9.3 ... which does nothing then", h.puppet.state().returned, 1);
    h.fault(do_read, 0x1000);
    invoke(h.puppet.tcb(), Label::tcb_resume);
    check("9.3 Resume repeats the instruction", h.faulted());
    must("delete the reply", (receive_now(h.handler), done()));
    reply_with(0);
    check("9.3 a receive drops the reply: the thread stays blocked", !h.puppet.returned() && !h.faulted());
    h.puppet.suspend();
}

} // namespace

void check_fault_replies() {
    begin_group("9.3 fault replies");
    check_unknown_syscall();
    check_user_exception();
    check_restarting_faults();
    check_ways_to_reply();
}
