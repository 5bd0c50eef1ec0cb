// SPDX-License-Identifier: Apache-2.0
// 9.1 and 9.2: faults: who is told, and in which words.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/instructions.hpp"
#include "test/abi/puppet.hpp"

namespace {

constexpr u64 cap_fault = 1, unknown_syscall = 2, user_exception = 3, vm_fault = 5;

u64 address(void const* at) { return reinterpret_cast<u64>(at); }

struct Faulty {
    Scope scope;
    CPtr endpoint = scope.endpoint(), handler = scope.mint(endpoint, 0x77);
    Puppet puppet{scope, {.fault_handler = handler}};

    Answer fault(void const* at, u64 rax = 0, u64 rflags = 0x202) const {
        abi::UserContext r = puppet.registers();
        r.rax = rax;
        r.rflags = rflags;
        puppet.execute(at, r);
        return receive_now(endpoint);
    }
    u64 stack() const { return puppet.registers().rsp; }
};

void check_unknown_syscall() {
    Faulty f;
    abi::UserContext r = f.puppet.registers();
    r.rax = 0xa, r.rbx = 0xb, r.rdx = 5, r.rsi = 0x51, r.rdi = 0xd1, r.rbp = 0xb9;
    r.r8 = 8, r.r9 = 9, r.r10 = 10, r.r12 = 12, r.r13 = 13, r.r14 = 14, r.r15 = 15;
    r.rflags = 0x202 | 0x4d5;
    f.puppet.execute(puppet_syscall, r);
    Answer const fault = receive_now(f.endpoint);
    check_equal("9.2 UnknownSyscall: label 2, 19 words", fault.info, abi::MessageInfo::make(unknown_syscall, 19).word);
    check_equal("9.1 the handler gets the badge of the fault handler's capability", fault.badge, 0x77);
    struct Row {
        char const* what;
        unsigned index;
        u64 value;
    };
    Row const rows[] = {
        {"9.2.1 MR0 rax", 0, 0xa},
        {"9.2.1 MR1 rbx", 1, 0xb},
        {"9.2.1 MR3 rdx", 3, 5},
        {"9.2.1 MR4 rsi", 4, 0x51},
        {"9.2.1 MR5 rdi", 5, 0xd1},
        {"9.2.1 MR6 rbp", 6, 0xb9},
        {"9.2.1 MR7 r8", 7, 8},
        {"9.2.1 MR8 r9", 8, 9},
        {"9.2.1 MR9 r10", 9, 10},
        {"9.2.1 MR11 r12", 11, 12},
        {"9.2.1 MR12 r13", 12, 13},
        {"9.2.1 MR13 r14", 13, 14},
        {"9.2.1 MR14 r15", 14, 15},
        {"9.2.1 MR15 FaultIP is the SYSCALL", 15, address(puppet_syscall)},
        {"9.2.1 MR17 rflags", 17, r.rflags},
        {"9.2.1 MR18 number", 18, 5},
    };
    for (Row const& row : rows) check_equal(row.what, fault.words[row.index], row.value);
}

void check_user_exceptions() {
    Faulty f;
    struct Row {
        char const* what;
        void const* at;
        u64 number, code, instruction;
    };
    Row const rows[] = {
        {"9.2.2 DIV by 0 is exception 0", do_divide, 0, 0, address(do_divide)},
        {"9.2.2 UD2 is exception 6", do_ud2, 6, 0, address(do_ud2)},
        {"9.2.2 INT3 is exception 3, FaultIP behind it", do_int3, 3, 0, address(do_int3) + 1},
        {"9.2.2 INT 3 of two bytes, the same", do_int_3, 3, 0, address(do_int_3) + 2},
        {"4.7 IN is exception 13", do_in, 13, 0, address(do_in)},
        {"4.7 OUT is exception 13", do_out, 13, 0, address(do_out)},
        {"4.7 CLI is exception 13", do_cli, 13, 0, address(do_cli)},
        {"4.7 HLT is exception 13", do_hlt, 13, 0, address(do_hlt)},
        {"4.7 RDMSR is exception 13", do_rdmsr, 13, 0, address(do_rdmsr)},
        {"2.5 RDFSBASE is exception 6: CR4.FSGSBASE is clear", do_rdfsbase, 6, 0, address(do_rdfsbase)},
        {"9.2.2 an x87 error is exception 16", do_x87_error, 16, 0, address(do_x87_wait)},
    };
    for (Row const& row : rows) {
        Answer const fault = f.fault(row.at, 1);
        Words expected{row.instruction, f.stack(), fault.words[2], row.number, row.code};
        check_answer(row.what, fault, message(user_exception, expected, 0x77));
    }
    Answer const flags = f.fault(do_ud2, 0, 0x202 | 0x4d5);
    check_equal("9.2 UserException: MR2 is rflags", flags.words[2] & ~u64{0x10000}, 0x202 | 0x4d5); // hardware may set RF
    Answer const step = f.fault(do_single_step, 0x302);
    check("9.2.2 single step is exception 1, FaultIP behind the instruction",
          step.info == abi::MessageInfo::make(user_exception, 5).word && step.words[0] == address(do_single_step_end) - 0 &&
              step.words[3] == 1);
    constexpr u64 non_canonical = 0x0000800000000000;
    Answer const fault = f.fault(do_read, non_canonical);
    check("9.2.2 a non-canonical address is exception 13",
          fault.info == abi::MessageInfo::make(user_exception, 5).word && fault.words[3] == 13 && fault.words[4] == 0);
}

void check_vm_faults() {
    Faulty f;
    auto const expected = [&](void const* at, u64 where, u64 status) {
        return message(vm_fault, {address(at), where, 0, status}, 0x77);
    };
    constexpr u64 nowhere = 0x7fff00000123, kernel = 0xffffffff80000000;
    check_answer("9.2 VMFault: read of nothing -> status 4", f.fault(do_read, nowhere), expected(do_read, nowhere, 4));
    check_answer("9.2 VMFault: write of nothing -> status 6", f.fault(do_write, nowhere), expected(do_write, nowhere, 6));
    u64 const behind_boot_info =
        reinterpret_cast<u64>(&boot_info()) + 0x1000 + (boot_info().extra_frames.end - boot_info().extra_frames.start) * 0x1000;
    check_answer("2.4 nothing is mapped behind the extra boot info", f.fault(do_read, behind_boot_info),
                 expected(do_read, behind_boot_info, 4));
    check("2.4 the extra boot info can be written",
          f.fault(do_write, behind_boot_info - 8).info == no_message && f.puppet.returned());
    Answer const sysenter = f.fault(do_sysenter);
    check("4.7 SYSENTER is exception 6 or 13",
          sysenter.info == abi::MessageInfo::make(user_exception, 5).word && (sysenter.words[3] == 6 || sysenter.words[3] == 13));
    check_answer("9.2 VMFault: address 0", f.fault(do_read, 0), expected(do_read, 0, 4));
    Answer const fetch = f.fault(do_jump, nowhere);
    check("9.2 VMFault: fetch of nothing -> FaultIP and address are the target, status 4 or 0x14",
          fetch.info == abi::MessageInfo::make(vm_fault, 4).word && fetch.words[0] == nowhere && fetch.words[1] == nowhere &&
              (fetch.words[3] == 4 || fetch.words[3] == 0x14) && fetch.words[2] == fetch.words[3] >> 4);
    Answer const reading = f.fault(do_read, kernel);
    check("9.2 VMFault: the kernel's memory, whether it shows a page there or not",
          reading.info == abi::MessageInfo::make(vm_fault, 4).word && reading.words[1] == kernel && (reading.words[3] | 1) == 5);
    check_answer("9.2 CapFault: len 5 for MissingCapability", (f.puppet.receive(0), receive_now(f.endpoint)),
                 message(cap_fault, {address(puppet_syscall), 0, 1, 2, 0}, 0x77));
}

void check_delivery() {
    Scope scope;
    CPtr const endpoint = scope.endpoint(), slot = scope.slot();
    Puppet const puppet(scope, {.fault_handler = slot}), handler(scope), bare(scope, {.ipc_buffer = false});
    auto const delivered = [&] {
        puppet.execute(do_ud2, puppet.registers());
        return receive_now(endpoint).info != no_message;
    };
    struct Row {
        char const* what;
        u64 rights;
        bool arrives;
    };
    Row const rows[] = {
        {"9.1 a handler with all rights is told", 15, true},
        {"9.1 write and grant are enough", abi::right::write | abi::right::grant, true},
        {"9.1 write and grantReply are enough", abi::right::write | abi::right::grant_reply, true},
        {"9.1 write alone is not", abi::right::write, false},
        {"9.1 grant without write is not", abi::right::grant | abi::right::grant_reply | abi::right::read, false},
    };
    for (Row const& row : rows) {
        must("set the handler", copy_cap(slot, endpoint, row.rights));
        check(row.what, delivered() == row.arrives);
        delete_cap(slot);
    }
    check("9.1 an empty slot is no handler", !delivered());
    must("a notification", copy_cap(slot, scope.notification()));
    check("9.1 nor is a notification", !delivered());
    delete_cap(slot);
    must("set the handler", copy_cap(slot, endpoint));
    check("9.1 without handler the thread is Inactive: Resume tries again, and the handler is looked up anew",
          invoke(puppet.tcb(), Label::tcb_resume) == done() &&
              receive_now(endpoint).info == abi::MessageInfo::make(user_exception, 5).word);

    handler.receive(endpoint);
    puppet.execute(do_ud2, puppet.registers());
    check("9.1 a handler that waits gets it at once", handler.returned() && handler.answer().words[3] == 6);
    bare.receive(endpoint);
    puppet.execute(do_ud2, puppet.registers());
    check_equal("9.1 a handler without IPC buffer gets 4 words", bare.answer().info,
                abi::MessageInfo::make(user_exception, 4).word);
    puppet.execute(do_ud2, puppet.registers());
    puppet.suspend();
    check("9.1 a faulted thread that waits for its handler leaves the queue when it is suspended",
          receive_now(endpoint).info == no_message);

    // The handler's CPtr is looked up in the faulting thread's own CSpace.
    CPtr const node = scope.cnode(1);
    must("a handler in a small CSpace", invoke(node, Label::cnode_copy, {1, 1, endpoint, depth, 15}, {root_cnode}));
    must("the small CSpace", invoke(puppet.tcb(), Label::tcb_set_space, {1, 63, 0}, {node, root_vspace}));
    puppet.execute(do_ud2, puppet.registers());
    check("9.1 the handler's CPtr is looked up in the faulting thread's own CSpace", receive_now(endpoint).words[3] == 6);
    must("a CPtr that is not found there", invoke(puppet.tcb(), Label::tcb_set_space, {slot, 63, 0}, {node, root_vspace}));
    puppet.execute(do_ud2, puppet.registers());
    check("9.1 ... where others' CPtrs lead nowhere", receive_now(endpoint).info == no_message);
}

} // namespace

void check_faults() {
    begin_group("9.2 fault messages");
    check_unknown_syscall();
    check_user_exceptions();
    check_vm_faults();
    check_delivery();
}
