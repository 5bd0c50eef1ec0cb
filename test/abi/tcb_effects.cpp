// SPDX-License-Identifier: Apache-2.0
// 7.1: what TCB invocations do.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/instructions.hpp"
#include "test/abi/puppet.hpp"
#include "user/tcb.hpp"

namespace {

u64 address(void const* at) { return reinterpret_cast<u64>(at); }

Answer read(CPtr tcb, u64 count, u64 flags = 0) { return invoke(tcb, Label::tcb_read_registers, {flags, count}); }

Answer write(CPtr tcb, Words const& registers, u64 flags = 0) {
    Words words{flags, registers.count};
    for (unsigned i = 0; i < registers.count; ++i) words.values[words.count++] = registers[i];
    return invoke(tcb, Label::tcb_write_registers, words);
}

void check_reading_and_writing() {
    Scope scope;
    CPtr const tcb = scope.tcb();
    Words const values{0x400000, 0x1111, 0x202, 0x3,  0x4,  0x5,  0x6,  0x7,  0x8,  0x9,
                       0x10,     0x11,   0x12,  0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19};
    check_answer("7.1 WriteRegisters: 20 registers", write(tcb, values), done());
    check_answer("7.1.1 ReadRegisters: the same 20 in the same order", read(tcb, 20), message(0, values));
    check_answer("7.1 ReadRegisters: fewer", read(tcb, 3), done({0x400000, 0x1111, 0x202}));
    check_answer("7.1 WriteRegisters: fewer leave the rest", write(tcb, {0x500000, 0x2222}), done());
    check_answer("7.1 ... as they were", read(tcb, 4), done({0x500000, 0x2222, 0x202, 3}));
    Words many = values;
    many.values[many.count++] = 0x55;
    many.values[many.count++] = 0x66;
    check_answer("7.1 WriteRegisters: more than 20 count as 20", write(tcb, many), done());
    check_answer("7.1 ...", read(tcb, 20), message(0, values));

    struct Row {
        char const* what;
        unsigned index;
        u64 written, seen;
    };
    constexpr u64 lowest = 0x0000800000000000, highest = 0xffff7fffffffffff;
    Row const rows[] = {
        {"7.1.2 rip: lowest non-canonical -> 0", 0, lowest, 0},
        {"7.1.2 rip: highest non-canonical -> 0", 0, highest, 0},
        {"7.1.2 rip: highest of the lower half stays", 0, lowest - 1, lowest - 1},
        {"7.1.2 rip: lowest of the upper half stays", 0, highest + 1, highest + 1},
        {"7.1.2 rsp is not changed", 1, lowest, lowest},
        {"7.1.2 rflags 0 -> 0x202", 2, 0, 0x202},
        {"7.1.2 rflags: all ones -> bits 11..0 but 3, 5 and TF", 2, ~u64{0}, 0xed7},
        {"7.1.2 rflags: TF is cleared", 2, 0x100, 0x202},
        {"7.1.2 rflags: IOPL, NT, RF, AC, ID are cleared", 2, 0x257000, 0x202},
        {"7.1.2 rflags: DF and OF stay", 2, 0xc00, 0xe02},
        {"7.1.2 rax is not changed", 3, ~u64{0}, ~u64{0}},
        {"7.1.2 fs_base: non-canonical -> 0", 18, lowest, 0},
        {"7.1.2 fs_base: canonical stays", 18, highest + 1, highest + 1},
        {"7.1.2 gs_base: non-canonical -> 0", 19, highest, 0},
        {"7.1.2 gs_base: canonical stays", 19, lowest - 1, lowest - 1},
    };
    for (Row const& row : rows) {
        Words registers = values;
        registers.values[row.index] = row.written;
        must("write", write(tcb, registers));
        check_equal(row.what, read(tcb, 20).words[row.index], row.seen);
    }
}

void check_write_to_waiting_thread() {
    Scope scope;
    CPtr const notification = scope.notification(), endpoint = scope.endpoint();
    CPtr const badged = scope.mint(endpoint, endpoint); // a receive that is repeated finds its CPtr where the badge was put
    Puppet const puppet(scope);
    puppet.receive(endpoint);
    must("write nothing", write(puppet.tcb(), {}));
    user::send_if_awaited(badged, user::Message::make(1, 0));
    check("7.1 WriteRegisters sets NextIP to FaultIP, even of no registers: the receive is repeated", !puppet.returned());
    user::send_if_awaited(badged, user::Message::make(2, 0));
    check("7.1 ... once", puppet.returned());
    check_equal("7.1 ... with the second message", puppet.answer().info, abi::MessageInfo::make(2, 0).word);

    // All registers as written, rcx and r11 too, which SYSRET would overwrite.
    abi::UserContext r = puppet.registers();
    r.rcx = 0xcccc, r.r11 = 0x1b1b, r.rax = 0xaaaa, r.gs_base = 0x5000;
    puppet.execute(puppet_store, r);
    check("7.1 rcx, r11 and rax arrive as written", puppet.state().registers.rcx == 0xcccc &&
                                                        puppet.state().registers.r11 == 0x1b1b &&
                                                        puppet.state().registers.rax == 0xaaaa);
    check_equal("7.1 rsp arrives as written", puppet.state().registers.rsp, r.rsp);
    check_equal("7.1 gs_base arrives as written", read(puppet.tcb(), 20).words[19], 0x5000);
    puppet.receive(notification);
    check_equal("4.5 ReadRegisters of a thread that waits: FaultIP is the syscall instruction", read(puppet.tcb(), 1).words[0],
                address(puppet_syscall));
    check_answer("7.1 ReadRegisters with the suspend flag suspends", read(puppet.tcb(), 1, 1), done({address(puppet_syscall)}));
    user::signal(notification);
    check("7.1 ... so that a signal does not wake it", !puppet.returned());
    check_equal("7.1 ... but stays in the notification", poll(notification), 0);
}

void check_copy() {
    Scope scope;
    CPtr const source = scope.tcb(), to = scope.tcb();
    Words const values{0x400000, 0x1111, 0x246, 0x3,  0x4,  0x5,  0x6,  0x7,  0x8,  0x9,
                       0x10,     0x11,   0x12,  0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19};
    must("source", write(source, values));
    must("copy frame", invoke(to, Label::tcb_copy_registers, {4}, {source}));
    Words frame_only = values;
    frame_only.values[18] = frame_only.values[19] = 0;
    check_answer("7.1 CopyRegisters bit 2: registers 0 to 17", read(to, 20), message(0, frame_only));
    must("something else", write(to, {0x1000, 2}));
    must("copy integer", invoke(to, Label::tcb_copy_registers, {8}, {source}));
    Words integer_only = values;
    integer_only.values[0] = 0x1000, integer_only.values[1] = 2;
    check_answer("7.1 CopyRegisters bit 3: FS and GS base", read(to, 20), message(0, integer_only));

    Puppet const a(scope), b(scope);
    CPtr const notification = scope.notification();
    a.receive(notification);
    must("suspend the source", invoke(to, Label::tcb_copy_registers, {1}, {a.tcb()}));
    user::signal(notification);
    check("7.1 CopyRegisters bit 0 suspends the source", !a.returned());
    poll(notification);
    abi::UserContext r = b.registers();
    r.rip = address(puppet_store);
    r.rax = 0x77;
    must("prepare", user::Tcb{b.tcb()}.write_registers(r, false).has_value());
    must("prepare the destination", user::Tcb{a.tcb()}.write_registers(a.registers(), false).has_value());
    must("copy and resume", invoke(a.tcb(), Label::tcb_copy_registers, {2 | 4 | 8}, {b.tcb()}));
    check("7.1 CopyRegisters bit 1 resumes the destination", b.returned() && b.state().registers.rax == 0x77);
}

void check_suspend_and_resume() {
    Scope scope;
    CPtr const notification = scope.notification(), endpoint = scope.endpoint();
    Puppet const puppet(scope);
    puppet.receive(endpoint);
    puppet.suspend();
    user::send_if_awaited(endpoint, user::Message::make(1, 0));
    check("7.1 a suspended receiver has left the queue", !puppet.returned());
    check_answer("7.1 Resume", invoke(puppet.tcb(), Label::tcb_resume), done());
    user::send_if_awaited(endpoint, user::Message::make(2, 0));
    check("7.1 Resume repeats the receive", puppet.returned() && puppet.answer().info == abi::MessageInfo::make(2, 0).word);
    puppet.send(endpoint, 5);
    puppet.suspend();
    check("7.1 a suspended sender has left the queue", receive_now(endpoint).info == no_message);
    invoke(puppet.tcb(), Label::tcb_resume);
    check("7.1 Resume repeats the send", receive_now(endpoint).info == abi::MessageInfo::make(5, 0).word && puppet.returned());
    puppet.receive(notification);
    invoke(puppet.tcb(), Label::tcb_resume);
    check("7.1 Resume of a blocked thread: waits again", !puppet.returned());
    user::signal(notification);
    check("7.1 ... and is woken once", puppet.returned());
    puppet.call(puppet.tcb(), Label::tcb_suspend);
    check("7.1 a thread may suspend itself", !puppet.returned());
    check_equal("7.1 ... at its system call", read(puppet.tcb(), 1).words[0], address(puppet_syscall));
    invoke(puppet.tcb(), Label::tcb_resume);
    check("7.1 resumed, it suspends itself again", !puppet.returned());
    puppet.call(puppet.tcb(), Label::tcb_resume);
    check("7.1 Resume of oneself has no effect", puppet.returned() && puppet.answer() == done());
}

void check_own_tcb() {
    Scope scope;
    Puppet const puppet(scope);
    CPtr const other = scope.tcb();
    must("source", write(other, {address(puppet_store), 0x1234, 0x202, 0x33}));
    must("the source's FS base", invoke(other, Label::tcb_set_tls_base, {address(&puppet.state())}));
    puppet.call(puppet.tcb(), Label::tcb_copy_registers, {4 | 8}, {other});
    check("7.1 CopyRegisters to the caller: it goes on with the copied registers",
          puppet.returned() && puppet.state().registers.rax == 0x33); // rsp is undefined after SYSCALL
    puppet.call(puppet.tcb(), Label::tcb_set_tls_base, {address(&puppet.state())});
    check("7.1 SetTLSBase of the caller", puppet.answer() == done());
    puppet.call(puppet.tcb(), Label::tcb_set_priority, {puppet_priority + 1}, {initial_tcb});
    check("7.1 SetPriority of the caller", puppet.answer() == done());
    puppet.call(puppet.tcb(), Label::tcb_set_ipc_buffer, {0}, {0});
    puppet.enter(abi::Syscall::call, other, abi::MessageInfo::make(3, 22).word, {0, 3});
    check_answer("7.1 SetIPCBuffer of the caller is active at once", puppet.answer(), truncated);
}

void check_fpu() {
    Scope scope;
    CPtr const handler = scope.endpoint();
    Puppet const puppet(scope, {.fault_handler = handler});
    puppet.execute(do_sse, puppet.registers());
    check("6.4 a new TCB has an FPU", puppet.returned());
    check_answer("7.1 SetFlags: fpuDisabled", invoke(puppet.tcb(), Label::tcb_set_flags, {0, 1}), done({1}));
    puppet.execute(do_sse, puppet.registers());
    Answer const fault = receive_now(handler);
    check("7.1 then an SSE instruction is UserException 7",
          fault.info == abi::MessageInfo::make(3, 5).word && fault.words[0] == address(do_sse) && fault.words[3] == 7);
    puppet.execute(do_fpu, puppet.registers());
    check_equal("7.1 and an x87 instruction, too", receive_now(handler).words[3], 7);
    check_answer("7.1 SetFlags: fpuDisabled cleared", invoke(puppet.tcb(), Label::tcb_set_flags, {1, 0}), done({0}));
    puppet.execute(do_sse, puppet.registers());
    check("7.1 then the FPU works again", puppet.returned());
}

} // namespace

void check_tcb_effects() {
    begin_group("7.1 TCB effects");
    check_reading_and_writing();
    check_write_to_waiting_thread();
    check_copy();
    check_suspend_and_resume();
    check_own_tcb();
    check_fpu();
}
