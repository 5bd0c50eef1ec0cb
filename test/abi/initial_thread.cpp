// SPDX-License-Identifier: Apache-2.0
// 2.5: the thread that the kernel starts.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/initial.hpp"
#include "test/abi/world.hpp"

namespace {

void check_initial_registers() {
    abi::UserContext const& r = initial_registers;
    struct Row {
        char const* what;
        u64 value;
    };
    Row const zero[] = {
        {"2.5 rsp is 0 at entry", r.rsp}, {"2.5 rax is 0 at entry", r.rax}, {"2.5 rbx is 0 at entry", r.rbx},
        {"2.5 rcx is 0 at entry", r.rcx}, {"2.5 rdx is 0 at entry", r.rdx}, {"2.5 rsi is 0 at entry", r.rsi},
        {"2.5 rbp is 0 at entry", r.rbp}, {"2.5 r8 is 0 at entry", r.r8},   {"2.5 r9 is 0 at entry", r.r9},
        {"2.5 r10 is 0 at entry", r.r10}, {"2.5 r11 is 0 at entry", r.r11}, {"2.5 r12 is 0 at entry", r.r12},
        {"2.5 r13 is 0 at entry", r.r13}, {"2.5 r14 is 0 at entry", r.r14}, {"2.5 r15 is 0 at entry", r.r15},
    };
    for (Row const& row : zero) check_equal(row.what, row.value, 0);
    check("2.5 rdi is the page of BootInfo", r.rdi % 4096 == 0 && r.rdi == reinterpret_cast<u64>(&boot_info()));
    check_equal("2.5 RFLAGS is 0x202 at entry", r.rflags, 0x202);
}

} // namespace

void check_initial_thread() {
    begin_group("2.5 initial thread");
    check_initial_registers();
    check_equal("2.5 CS after an interrupt return is 0x2B", initial_selectors[0], 0x2b);
    check_equal("2.5 SS after an interrupt return is 0x33", initial_selectors[1], 0x33);
    u32 const selectors = initial_selectors[0] | u32{initial_selectors[1]} << 16;
    check_equal("2.5 FS base is 0", selectors_through_fs, selectors);
    check_equal("2.5 GS base is 0", selectors_through_gs, selectors);
    check_equal("2.5 x87 control word is that of FNINIT", initial_x87_control, 0x37f);
    check_equal("2.5 MXCSR", initial_mxcsr, 0x1f80);
    bool zero = true;
    for (u8 const byte : initial_xmm) zero = zero && byte == 0;
    check("2.5 XMM registers are 0", zero);

    check_answer("2.5 MCP is 255: priority 255 may be given", invoke(initial_tcb, Label::tcb_set_priority, {255}, {initial_tcb}),
                 done());
    check_answer("2.5 MCP is 255: 256 may not", invoke(initial_tcb, Label::tcb_set_priority, {256}, {initial_tcb}),
                 range_error(0, 255));
    check_answer("2.5 no notification is bound", invoke(initial_tcb, Label::tcb_unbind_notification), illegal_operation);
    check_answer("2.5 the FPU is enabled: flags are 0", invoke(initial_tcb, Label::tcb_set_flags, {0, 0}), done({0}));
    check_equal("2.5 the IPC buffer lies behind the image", boot_info().ipc_buffer, reinterpret_cast<u64>(&boot_info()) - 0x1000);
}
