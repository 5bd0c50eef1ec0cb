// SPDX-License-Identifier: Apache-2.0
// 7.1: every error of every TCB invocation, and which one comes first.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

void check_register_calls() {
    Scope scope;
    CPtr const tcb = scope.tcb(), endpoint = scope.endpoint();
    Case const cases[] = {
        {"7.1 ReadRegisters 1: one word -> TruncatedMessage", tcb, Label::tcb_read_registers, {0}, {}, truncated},
        {"7.1 ReadRegisters 2: count 0 -> RangeError(1, 20)", tcb, Label::tcb_read_registers, {0, 0}, {}, range_error(1, 20)},
        {"7.1 ReadRegisters 2: count 21 -> RangeError(1, 20)", tcb, Label::tcb_read_registers, {0, 21}, {}, range_error(1, 20)},
        {"7.1 ReadRegisters 2: count of 64 bits -> RangeError(1, 20)",
         tcb,
         Label::tcb_read_registers,
         {0, u64{1} << 32 | 1},
         {},
         range_error(1, 20)},
        {"7.1 ReadRegisters 3: own TCB -> IllegalOperation",
         initial_tcb,
         Label::tcb_read_registers,
         {0, 1},
         {},
         illegal_operation},
        {"7.1 ReadRegisters 2 before 3", initial_tcb, Label::tcb_read_registers, {0, 21}, {}, range_error(1, 20)},
        {"7.1 ReadRegisters: architecture flags are ignored", tcb, Label::tcb_read_registers, {0xff00, 1}, {}, done({0})},
        {"7.1 WriteRegisters 1: one word -> TruncatedMessage", tcb, Label::tcb_write_registers, {0}, {}, truncated},
        {"7.1 WriteRegisters 2: fewer words than registers -> TruncatedMessage",
         tcb,
         Label::tcb_write_registers,
         {0, 2, 7},
         {},
         truncated},
        {"7.1 WriteRegisters 2: count of 64 bits -> TruncatedMessage",
         tcb,
         Label::tcb_write_registers,
         {0, u64{1} << 32},
         {},
         truncated},
        {"7.1 WriteRegisters 3: own TCB -> IllegalOperation",
         initial_tcb,
         Label::tcb_write_registers,
         {0, 0},
         {},
         illegal_operation},
        {"7.1 WriteRegisters 2 before 3", initial_tcb, Label::tcb_write_registers, {0, 1}, {}, truncated},
        {"7.1 WriteRegisters: no registers are allowed", tcb, Label::tcb_write_registers, {0, 0}, {}, done()},
        {"7.1 CopyRegisters 1: no words -> TruncatedMessage", tcb, Label::tcb_copy_registers, {}, {tcb}, truncated},
        {"7.1 CopyRegisters 1: no capability -> TruncatedMessage", tcb, Label::tcb_copy_registers, {0}, {}, truncated},
        {"7.1 CopyRegisters 2: source not a TCB -> InvalidCapability(1)",
         tcb,
         Label::tcb_copy_registers,
         {0},
         {endpoint},
         invalid_capability(1)},
        {"7.1 CopyRegisters 2: source empty -> InvalidCapability(1)",
         tcb,
         Label::tcb_copy_registers,
         {0},
         {0},
         invalid_capability(1)},
        {"7.1 CopyRegisters: nothing asked for", tcb, Label::tcb_copy_registers, {0}, {tcb}, done()},
        {"7.1 CopyRegisters: of the caller", tcb, Label::tcb_copy_registers, {0xff00}, {initial_tcb}, done()},
        {"7.1 SetTLSBase: no word -> TruncatedMessage", tcb, Label::tcb_set_tls_base, {}, {}, truncated},
        {"7.1 SetTLSBase", tcb, Label::tcb_set_tls_base, {0x1000}, {}, done()},
        {"7.1 SetFlags: one word -> TruncatedMessage", tcb, Label::tcb_set_flags, {1}, {}, truncated},
        {"7.1 SetFlags: sets fpuDisabled", tcb, Label::tcb_set_flags, {0, 1}, {}, done({1})},
        {"7.1 SetFlags: only bit 0 (and ours, 1) can be set", tcb, Label::tcb_set_flags, {1, ~u64{3}}, {}, done({0})},
        {"7.1 SetFlags: set counts more than clear", tcb, Label::tcb_set_flags, {~u64{0}, ~u64{2}}, {}, done({1})},
        {"7.1 SetFlags: nothing changes nothing", tcb, Label::tcb_set_flags, {0, 0}, {}, done({1})},
        {"7.1 SetFlags: clears", tcb, Label::tcb_set_flags, {1, 0}, {}, done({0})},
        {"7.1 Suspend of a new TCB", tcb, Label::tcb_suspend, {}, {}, done()},
        {"7.1 Resume of the caller: no effect", initial_tcb, Label::tcb_resume, {}, {}, done()},
    };
    check_cases(cases);
}

void check_space_calls() {
    Scope scope;
    CPtr const tcb = scope.tcb(), node = scope.cnode(2), endpoint = scope.endpoint();
    CPtr const frame = scope.make(ObjectType::small_page), table = scope.make(ObjectType::page_table),
               bare_pml4 = scope.make(ObjectType::pml4);
    CPtr const parent = scope.untyped(12), irq_control = abi::initial_slot::irq_control;
    must("a child", retype(parent, ObjectType::endpoint, 0, scope.slot()));
    CPtr const device = scope.slot();
    must("a device frame", retype(device_untyped(13), ObjectType::small_page, 0, device));
    constexpr Label configure = Label::tcb_configure, set_space = Label::tcb_set_space, set_buffer = Label::tcb_set_ipc_buffer;
    constexpr u64 v = root_vspace, buffer = 0x400;
    Case const cases[] = {
        {"7.1 Configure 1: 3 words -> TruncatedMessage", tcb, configure, {0, 0, 0}, {node, v, frame}, truncated},
        {"7.1 Configure 1: 2 capabilities -> TruncatedMessage", tcb, configure, {0, 0, 0, 0}, {node, v}, truncated},
        {"7.1 Configure 2: buffer is an untyped with children -> RevokeFirst",
         tcb,
         configure,
         {0, 0, 0, buffer},
         {node, v, parent},
         revoke_first},
        {"7.1 Configure 2: buffer is an unmapped table -> IllegalOperation",
         tcb,
         configure,
         {0, 0, 0, buffer},
         {node, v, table},
         illegal_operation},
        {"7.1 Configure 3: buffer is no frame -> IllegalOperation",
         tcb,
         configure,
         {0, 0, 0, buffer},
         {node, v, endpoint},
         illegal_operation},
        {"7.1 Configure 3: buffer is an empty slot -> IllegalOperation",
         tcb,
         configure,
         {0, 0, 0, buffer},
         {node, v, 0},
         illegal_operation},
        {"7.1 Configure 4: buffer is a device frame -> IllegalOperation",
         tcb,
         configure,
         {0, 0, 0, buffer},
         {node, v, device},
         illegal_operation},
        {"7.1 Configure 4 before 5", tcb, configure, {0, 0, 0, 8}, {node, v, device}, illegal_operation},
        {"7.1 Configure 5: buffer not at a multiple of 1024 -> AlignmentError",
         tcb,
         configure,
         {0, 0, 0, 512},
         {node, v, frame},
         alignment_error},
        {"7.1 Configure 5 before 8", tcb, configure, {0, 0, 0, 512}, {endpoint, v, frame}, alignment_error},
        {"7.1 Configure 7: CSpace is an untyped with children -> RevokeFirst",
         tcb,
         configure,
         {0, 0, 0, 0},
         {parent, v, 0},
         revoke_first},
        {"7.1 Configure 8: CSpace is no CNode -> IllegalOperation",
         tcb,
         configure,
         {0, 0, 0, 0},
         {endpoint, v, 0},
         illegal_operation},
        {"7.1 Configure 8: CSpace is empty -> IllegalOperation", tcb, configure, {0, 0, 0, 0}, {0, v, 0}, illegal_operation},
        {"7.1 Configure 8: CSpace is IRQ control -> IllegalOperation",
         tcb,
         configure,
         {0, 0, 0, 0},
         {irq_control, v, 0},
         illegal_operation},
        {"7.1 Configure 8: CSpace with a guard too large -> IllegalOperation",
         tcb,
         configure,
         {0, 63, 0, 0},
         {node, v, 0},
         illegal_operation},
        {"7.1 Configure 7 before 9", tcb, configure, {0, 0, 0, 0}, {parent, endpoint, 0}, revoke_first},
        {"7.1 Configure 9: VSpace without ASID -> IllegalOperation",
         tcb,
         configure,
         {0, 0, 0, 0},
         {node, bare_pml4, 0},
         illegal_operation},
        {"7.1 Configure 9: VSpace is an untyped with children -> RevokeFirst",
         tcb,
         configure,
         {0, 0, 0, 0},
         {node, parent, 0},
         revoke_first},
        {"7.1 Configure 10: VSpace is no PML4 -> IllegalOperation",
         tcb,
         configure,
         {0, 0, 0, 0},
         {node, endpoint, 0},
         illegal_operation},
        {"7.1 Configure 10: VSpace is empty -> IllegalOperation", tcb, configure, {0, 0, 0, 0}, {node, 0, 0}, illegal_operation},
        {"7.1 Configure: VSpace data is ignored", tcb, configure, {0, 0, ~u64{0}, 0}, {node, v, 0}, done()},
        {"7.1 Configure: with buffer address 0 the frame is not looked at",
         tcb,
         configure,
         {0, 0, 0, 0},
         {node, v, endpoint},
         done()},
        {"7.1 Configure: again, replacing everything", tcb, configure, {7, 0, 0, buffer}, {node, v, frame}, done()},
        {"7.1 SetSpace: 2 words -> TruncatedMessage", tcb, set_space, {0, 0}, {node, v}, truncated},
        {"7.1 SetSpace: 1 capability -> TruncatedMessage", tcb, set_space, {0, 0, 0}, {node}, truncated},
        {"7.1 SetSpace 7: CSpace is an untyped with children -> RevokeFirst",
         tcb,
         set_space,
         {0, 0, 0},
         {parent, v},
         revoke_first},
        {"7.1 SetSpace 8: CSpace is no CNode -> IllegalOperation", tcb, set_space, {0, 0, 0}, {endpoint, v}, illegal_operation},
        {"7.1 SetSpace 8: guard too large -> IllegalOperation", tcb, set_space, {0, 63, 0}, {node, v}, illegal_operation},
        {"7.1 SetSpace 9: VSpace without ASID -> IllegalOperation",
         tcb,
         set_space,
         {0, 0, 0},
         {node, bare_pml4},
         illegal_operation},
        {"7.1 SetSpace 10: VSpace is no PML4 -> IllegalOperation",
         tcb,
         set_space,
         {0, 0, 0},
         {node, endpoint},
         illegal_operation},
        {"7.1 SetSpace", tcb, set_space, {0, 0, 0}, {node, v}, done()},
        {"7.1 SetIPCBuffer: no word -> TruncatedMessage", tcb, set_buffer, {}, {frame}, truncated},
        {"7.1 SetIPCBuffer: no capability -> TruncatedMessage", tcb, set_buffer, {buffer}, {}, truncated},
        {"7.1 SetIPCBuffer: address 0 wants a capability too -> TruncatedMessage", tcb, set_buffer, {0}, {}, truncated},
        {"7.1 SetIPCBuffer 2: untyped with children -> RevokeFirst", tcb, set_buffer, {buffer}, {parent}, revoke_first},
        {"7.1 SetIPCBuffer 3: no frame -> IllegalOperation", tcb, set_buffer, {buffer}, {endpoint}, illegal_operation},
        {"7.1 SetIPCBuffer 4: device frame -> IllegalOperation", tcb, set_buffer, {buffer}, {device}, illegal_operation},
        {"7.1 SetIPCBuffer 5: not aligned -> AlignmentError", tcb, set_buffer, {0x401}, {frame}, alignment_error},
        {"7.1 SetIPCBuffer: address 0 takes the buffer away", tcb, set_buffer, {0}, {0}, done()},
        {"7.1 SetIPCBuffer: any address", tcb, set_buffer, {0xfffffffffffffc00}, {frame}, done()},
    };
    check_cases(cases);

    must("the CNode is the TCB's alone", delete_cap(node));
    check_answer("7.1 SetSpace 6: the TCB holds the last capability of its CNode -> IllegalOperation",
                 invoke(tcb, set_space, {0, 0, 0}, {root_cnode, v}), illegal_operation);
    check_answer("7.1 Configure 6: the same", invoke(tcb, configure, {0, 0, 0, 0}, {root_cnode, v, 0}), illegal_operation);
    check_answer("7.1 Configure 5 before 6", invoke(tcb, configure, {0, 0, 0, 512}, {root_cnode, v, frame}), alignment_error);
    check_answer("7.1 Configure 6 before 7", invoke(tcb, configure, {0, 0, 0, 0}, {parent, v, 0}), illegal_operation);
}

void check_priority_calls() {
    Scope scope;
    CPtr const tcb = scope.tcb(), weak = scope.tcb(), endpoint = scope.endpoint();
    must("an authority of 20", invoke(weak, Label::tcb_set_mc_priority, {20}, {initial_tcb}));
    constexpr Label priority = Label::tcb_set_priority, maximum = Label::tcb_set_mc_priority, both = Label::tcb_set_sched_params;
    Case const cases[] = {
        {"7.1 SetPriority 1: no word -> TruncatedMessage", tcb, priority, {}, {weak}, truncated},
        {"7.1 SetPriority 1: no capability -> TruncatedMessage", tcb, priority, {1}, {}, truncated},
        {"7.1 SetPriority 2: authority not a TCB -> InvalidCapability(1)", tcb, priority, {1}, {endpoint}, invalid_capability(1)},
        {"7.1 SetPriority 2: authority empty -> InvalidCapability(1)", tcb, priority, {1}, {0}, invalid_capability(1)},
        {"7.1 SetPriority 2 before 3", tcb, priority, {256}, {endpoint}, invalid_capability(1)},
        {"7.1 SetPriority 3: above the authority's MCP -> RangeError(0, 20)", tcb, priority, {21}, {weak}, range_error(0, 20)},
        {"7.1 SetPriority 3: 64-bit compare -> RangeError(0, 20)", tcb, priority, {u64{1} << 32}, {weak}, range_error(0, 20)},
        {"7.1 SetPriority: the authority's MCP itself", tcb, priority, {20}, {weak}, done()},
        {"7.1 SetPriority: may exceed the target's own MCP", tcb, priority, {255}, {initial_tcb}, done()},
        {"7.1 SetMCPriority 1: no word -> TruncatedMessage", tcb, maximum, {}, {weak}, truncated},
        {"7.1 SetMCPriority 1: no capability -> TruncatedMessage", tcb, maximum, {1}, {}, truncated},
        {"7.1 SetMCPriority 2: authority not a TCB -> InvalidCapability(1)",
         tcb,
         maximum,
         {1},
         {endpoint},
         invalid_capability(1)},
        {"7.1 SetMCPriority 3: above the authority's MCP -> RangeError(0, 20)", tcb, maximum, {21}, {weak}, range_error(0, 20)},
        {"7.1 SetMCPriority", tcb, maximum, {20}, {weak}, done()},
        {"7.1 SetSchedParams 1: one word -> TruncatedMessage", tcb, both, {1}, {weak}, truncated},
        {"7.1 SetSchedParams 1: no capability -> TruncatedMessage", tcb, both, {1, 1}, {}, truncated},
        {"7.1 SetSchedParams 2: authority not a TCB -> InvalidCapability(1)",
         tcb,
         both,
         {1, 1},
         {endpoint},
         invalid_capability(1)},
        {"7.1 SetSchedParams 3: MCP above the authority's -> RangeError(0, 20)", tcb, both, {21, 1}, {weak}, range_error(0, 20)},
        {"7.1 SetSchedParams 3: priority above the authority's -> RangeError(0, 20)",
         tcb,
         both,
         {1, 21},
         {weak},
         range_error(0, 20)},
        {"7.1 SetSchedParams: the first word is the MCP", tcb, both, {7, 20}, {weak}, done()},
        {"7.1 ... as its authority shows", weak, priority, {8}, {tcb}, range_error(0, 7)},
        {"7.1 a TCB may be its own authority", tcb, priority, {7}, {tcb}, done()},
    };
    check_cases(cases);
}

void check_binding() {
    Scope scope;
    CPtr const tcb = scope.tcb(), other = scope.tcb(), notification = scope.notification(), second = scope.notification();
    CPtr const no_read = scope.copy(second, abi::right::write), awaited = scope.notification();
    Puppet const waiter(scope);
    waiter.receive(awaited);
    constexpr Label bind = Label::tcb_bind_notification, unbind = Label::tcb_unbind_notification;
    Case const cases[] = {
        {"7.1 BindNotification 1: no capability -> TruncatedMessage", tcb, bind, {}, {}, truncated},
        {"7.1 BindNotification 3: an endpoint -> IllegalOperation", tcb, bind, {}, {scope.endpoint()}, illegal_operation},
        {"7.1 BindNotification 3: empty -> IllegalOperation", tcb, bind, {}, {0}, illegal_operation},
        {"7.1 BindNotification 4: no read right -> IllegalOperation", tcb, bind, {}, {no_read}, illegal_operation},
        {"7.1 BindNotification 5: somebody waits -> IllegalOperation", tcb, bind, {}, {awaited}, illegal_operation},
        {"7.1 UnbindNotification: none -> IllegalOperation", tcb, unbind, {}, {}, illegal_operation},
        {"7.1 BindNotification", tcb, bind, {}, {notification}, done()},
        {"7.1 BindNotification 2: the TCB has one -> IllegalOperation", tcb, bind, {}, {second}, illegal_operation},
        {"7.1 BindNotification 5: the notification has one -> IllegalOperation",
         other,
         bind,
         {},
         {notification},
         illegal_operation},
        {"7.1 UnbindNotification", tcb, unbind, {}, {}, done()},
        {"7.1 ... then another may have it", other, bind, {}, {notification}, done()},
    };
    check_cases(cases);
}

} // namespace

void check_tcb_errors() {
    begin_group("7.1 TCB errors");
    check_register_calls();
    check_space_calls();
    check_priority_calls();
    check_binding();
}
