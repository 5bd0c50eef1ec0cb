// SPDX-License-Identifier: Apache-2.0
// 1.3, 4.1, 4.6 and 4.7: calls other than messages, and numbers that are no calls.
#include "test/abi/check.hpp"
#include "test/abi/console.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/instructions.hpp"
#include "test/abi/puppet.hpp"

namespace {

constexpr u64 unknown_syscall = 2;
constexpr unsigned number_word = 18;

u64 address(void const* at) { return reinterpret_cast<u64>(at); }

// A puppet whose faults the main thread sees.
struct Watched {
    Scope scope;
    CPtr handler = scope.endpoint();
    Puppet puppet{scope, {.fault_handler = handler}};

    // The number of the unknown system call that it was, or `none`.
    static constexpr u64 none = 0x1234567;
    u64 unknown(u64 number, u64 rdi = 0) {
        abi::UserContext r = puppet.registers();
        r.rdx = number;
        r.rdi = rdi;
        puppet.execute(puppet_syscall, r);
        Answer const fault = receive_now(handler);
        return fault.info == abi::MessageInfo::make(unknown_syscall, 19).word ? fault.words[number_word] : none;
    }
};

void check_debug_calls() {
    Watched w;
    bool const release = w.unknown(static_cast<u64>(-9), '\n') != Watched::none;
    print(release ? "abi: profile: release\n" : "abi: profile: debug\n");
    struct Row {
        char const* what;
        i64 number;
    };
    Row const debug[] = {{"1.3 DebugPutChar is unknown in the release profile, and only there", -9},
                         {"1.3 DebugDumpScheduler, the same", -10},
                         {"1.3 DebugCapIdentify, the same", -12}};
    for (Row const& row : debug) {
        u64 const number = static_cast<u64>(row.number);
        check_equal(row.what, w.unknown(number), release ? number : Watched::none);
    }
    if (release) {
        check_equal("1.3 DebugHalt is unknown in the release profile", w.unknown(static_cast<u64>(-11)), static_cast<u64>(-11));
        check_equal("1.3 DebugSnapshot is unknown in the release profile", w.unknown(static_cast<u64>(-13)),
                    static_cast<u64>(-13));
        check_equal("1.3 DebugNameThread is unknown in the release profile", w.unknown(static_cast<u64>(-14)),
                    static_cast<u64>(-14));
        return;
    }
    struct Kind {
        char const* what;
        CPtr cptr;
        u64 type;
    };
    CPtr const badged = w.scope.mint(w.handler, 3);
    CPtr const port_slot = w.scope.slot(), pool_memory = w.scope.untyped(12);
    must("issue a port", invoke(abi::initial_slot::io_port_control, Label::x86_io_port_control_issue,
                                {0x700, 0x700, port_slot, depth}, {root_cnode}));
    Kind const kinds[] = {
        {"4.6 DebugCapIdentify: null", 0, 0},
        {"4.6 DebugCapIdentify: a lookup that fails reads as null", ~u64{0}, 0},
        {"5.6 frame", abi::initial_slot::boot_info_frame, 1},
        {"5.6 untyped", pool_memory, 2},
        {"5.6 page table", boot_info().image_paging.end - 1, 3},
        {"5.6 endpoint", badged, 4},
        {"5.6 page directory", boot_info().image_paging.start + 1, 5},
        {"5.6 notification", w.scope.notification(), 6},
        {"5.6 PDPT", boot_info().image_paging.start, 7},
        {"5.6 PML4", root_vspace, 9},
        {"5.6 CNode", root_cnode, 10},
        {"5.6 ASID control", abi::initial_slot::asid_control, 11},
        {"5.6 TCB", initial_tcb, 12},
        {"5.6 ASID pool", abi::initial_slot::asid_pool, 13},
        {"5.6 IRQ control", abi::initial_slot::irq_control, 14},
        {"5.6 I/O port", port_slot, 19},
        {"5.6 domain", abi::initial_slot::domain, 20},
        {"5.6 I/O port control", abi::initial_slot::io_port_control, 31},
    };
    for (Kind const& kind : kinds) {
        w.unknown(static_cast<u64>(-12), kind.cptr);
        check_equal(kind.what, w.puppet.returned() ? w.puppet.badge() : ~u64{0}, kind.type);
    }
    check_equal("4.6 DebugNameThread takes a TCB", w.unknown(static_cast<u64>(-14), w.puppet.tcb()), Watched::none);
    check("4.6 DebugNameThread returns", w.puppet.returned());
}

void check_unknown_numbers() {
    Watched w;
    struct Row {
        char const* what;
        u64 number;
    };
    Row const rows[] = {
        {"4.7 number 0 is an unknown system call", 0},
        {"4.7 number 1", 1},
        {"4.7 number -31, beyond the last", static_cast<u64>(-31)},
        {"4.7 the number has 64 bits: -1 in 32 bits", 0xffffffff},
        {"4.7 the number has 64 bits: the smallest", u64{1} << 63},
        {"4.1 -15, DebugSendIPI: one core has none", static_cast<u64>(-15)},
        {"4.1 -16, DebugGetThreadAffinity: one core has none", static_cast<u64>(-16)},
        {"4.1 -17, DebugRun: switched off", static_cast<u64>(-17)},
        {"4.1 -18, BenchmarkFlushCaches: switched off", static_cast<u64>(-18)},
        {"4.1 -22, BenchmarkNullSyscall: switched off", static_cast<u64>(-22)},
        {"4.1 -26, the last benchmark call: switched off", static_cast<u64>(-26)},
        {"4.1 -27, X86DangerousWRMSR: switched off", static_cast<u64>(-27)},
        {"4.1 -28, X86DangerousRDMSR: switched off", static_cast<u64>(-28)},
        {"4.6 -29, VMEnter: unknown for a thread without a VCPU", static_cast<u64>(-29)},
    };
    for (Row const& row : rows) check_equal(row.what, w.unknown(row.number), row.number);
    check_equal("4.1 -30, SetTLSBase, is a call", w.unknown(static_cast<u64>(-30), w.puppet.registers().fs_base), Watched::none);
}

void check_tls_base() {
    Watched w;
    u64 storage[32]{}; // the words after it take the registers of the puppet, which finds them through FS
    storage[0] = 0xabcdef;
    PuppetState& other = *reinterpret_cast<PuppetState*>(storage);
    other.park = w.puppet.state().park;
    other.stack_top = w.puppet.state().stack_top;
    w.unknown(static_cast<u64>(-30), address(storage));
    check_equal("4.6 SetTLSBase takes effect at once", other.returned, 1);
    check_equal("4.6 SetTLSBase leaves rdi", other.registers.rdi, address(storage));
    w.unknown(static_cast<u64>(-30), 0x0000800000000000);
    check("4.6 SetTLSBase ignores a non-canonical address: the lowest", w.puppet.returned());
    w.unknown(static_cast<u64>(-30), 0xffff7fffffffffff);
    check("4.6 SetTLSBase ignores a non-canonical address: the highest", w.puppet.returned());
}

void check_interrupts() {
    Watched w;
    struct Row {
        char const* what;
        void const* at;
        u64 vector;
    };
    Row const calls[] = {
        {"4.7 int 158 is an unknown system call of 32 bits, sign-extended", do_int_158, 158},
        {"4.7 int 200, the same", do_int_200, 200},
        {"4.7 int 254, the same", do_int_254, 254},
    };
    for (Row const& row : calls) {
        abi::UserContext r = w.puppet.registers();
        r.rax = 0x123456789abcdef0;
        w.puppet.execute(row.at, r);
        Answer const fault = receive_now(w.handler);
        u64 const number = 0xffffffff00000000 | row.vector << 24 | 0xbcdef0;
        check_equal(row.what, fault.words[number_word], number);
        check_equal("4.7 software interrupt: FaultIP is the INT instruction", fault.words[15], address(row.at));
        check_equal("4.7 software interrupt: rsp is the real one", fault.words[16], r.rsp);
    }
    w.puppet.execute(do_int_255, w.puppet.registers());
    check("4.7 int 255 is ignored", w.puppet.returned());

    Row const refused[] = {
        {"4.7 int 0 is #GP", do_int_0, 0},       {"4.7 int 32 is #GP", do_int_32, 32},    {"4.7 int 48 is #GP", do_int_48, 48},
        {"4.7 int 128 is #GP", do_int_128, 128}, {"4.7 int 157 is #GP", do_int_157, 157},
    };
    for (Row const& row : refused) {
        w.puppet.execute(row.at, w.puppet.registers());
        Answer const fault = receive_now(w.handler);
        bool const code = fault.words[4] == row.vector * 8 + 2 || fault.words[4] == row.vector * 16 + 2; // hardware; QEMU's TCG
        check(row.what, fault.info == abi::MessageInfo::make(3, 5).word && fault.words[0] == address(row.at) &&
                            fault.words[3] == 13 && code);
    }
}

} // namespace

void check_special_calls() {
    begin_group("4.6 special calls");
    check_debug_calls();
    check_unknown_numbers();
    check_tls_base();
    check_interrupts();
}
