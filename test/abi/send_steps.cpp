// SPDX-License-Identifier: Apache-2.0
// 4.3, 4.8 and 4.11: the message info word, and the order of steps in Send, NBSend and Call.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

constexpr u64 nowhere = ~u64{0};

Answer cap_fault(CPtr cptr, u64 receiving, Words const& why) {
    Words words{reinterpret_cast<u64>(puppet_syscall), cptr, receiving};
    for (unsigned i = 0; i < why.count; ++i) words.values[words.count++] = why[i];
    return message(1, words);
}

void check_faulting_lookups() {
    Scope scope;
    CPtr const handler = scope.endpoint(), endpoint = scope.endpoint(), tcb = scope.tcb();
    Puppet const puppet(scope, {.fault_handler = handler});
    Words const why{4, 64, 0, 51}; // a guard of 51 zeroes (3.2) is not what `nowhere` begins with

    puppet.send(nowhere);
    check_answer("4.11 Send: invoked capability not found -> CapFault in phase 0", receive_now(handler),
                 cap_fault(nowhere, 0, why));
    puppet.call(nowhere);
    check_answer("4.11 Call: the same", receive_now(handler), cap_fault(nowhere, 0, why));
    puppet.transfer(abi::Syscall::nb_send, nowhere, 0, {}, {});
    check("4.11 NBSend: the same returns silently", puppet.returned());
    puppet.send(endpoint, 1, {}, {nowhere - 1});
    check_answer("4.11 Send: extra capability not found -> CapFault with its address", receive_now(handler),
                 cap_fault(nowhere - 1, 0, why));
    puppet.call(tcb, Label::tcb_suspend, {}, {0, nowhere - 2});
    check_answer("4.11 Call of a kernel object: second extra capability not found -> CapFault", receive_now(handler),
                 cap_fault(nowhere - 2, 0, why));
    puppet.transfer(abi::Syscall::nb_send, endpoint, 1, {}, {nowhere});
    check("4.11 NBSend: extra capability not found returns silently", puppet.returned());
    puppet.call(nowhere, 0, {}, {nowhere - 1});
    check_answer("4.11 the invoked capability is looked up before the extra ones", receive_now(handler),
                 cap_fault(nowhere, 0, why));
    puppet.call(0, 0, {}, {nowhere - 1});
    check_answer("4.11 extra capabilities are looked up before the invoked one's type is seen", receive_now(handler),
                 cap_fault(nowhere - 1, 0, why));
    puppet.call(tcb, Label::tcb_suspend, {}, {0, 0, 0});
    check_answer("4.11 empty extra slots are no error", puppet.answer(), done());
    puppet.enter(abi::Syscall::reply_recv, nowhere);
    check_answer("4.11 ReplyRecv: receive phase is 1", receive_now(handler), cap_fault(nowhere, 1, why));
    puppet.enter(abi::Syscall::nb_recv, nowhere);
    check_answer("8.3 NBRecv faults as well", receive_now(handler), cap_fault(nowhere, 1, why));
}

void check_dispatch() {
    Scope scope;
    CPtr const endpoint = scope.endpoint(), notification = scope.notification();
    CPtr const receive_only = scope.copy(endpoint, abi::right::read), wait_only = scope.copy(notification, abi::right::read);
    CPtr const frame = scope.make(ObjectType::small_page), pml4 = scope.make(ObjectType::pml4);
    Case const cases[] = {
        {"4.11 null -> InvalidCapability(0)", 0, Label::tcb_resume, {}, {}, invalid_capability(0)},
        {"4.11 null, whatever the message", 0, Label::cnode_rotate, {1, 2, 3, 4, 5}, {1, 2}, invalid_capability(0)},
        {"4.11 endpoint without send right -> InvalidCapability(0)",
         receive_only,
         Label::tcb_resume,
         {},
         {},
         invalid_capability(0)},
        {"4.11 notification without send right -> InvalidCapability(0)",
         wait_only,
         Label::tcb_resume,
         {},
         {},
         invalid_capability(0)},
        {"4.11 notification: message ignored", notification, Label::cnode_rotate, {1, 2, 3, 4, 5, 6}, {1, 2}, done()},
        {"4.11 PML4 -> IllegalOperation", pml4, Label::x86_page_map, {1, 2, 3}, {3}, illegal_operation},
        {"4.11 PML4 without anything -> IllegalOperation", pml4, Label::invalid_invocation, {}, {}, illegal_operation},
        {"4.11 frame with another object's label -> IllegalOperation", frame, Label::tcb_resume, {}, {}, illegal_operation},
        {"4.11 a label beyond the last -> IllegalOperation", frame, static_cast<Label>(53), {}, {}, illegal_operation},
        {"4.11 the label has 52 bits", frame, static_cast<Label>(u64{1} << 51 | 41), {}, {}, illegal_operation},
        {"7.1 TCB with another object's label -> IllegalOperation", initial_tcb, Label::cnode_copy, {}, {}, illegal_operation},
        {"7.1 TCB with label 0 -> IllegalOperation", initial_tcb, Label::invalid_invocation, {}, {}, illegal_operation},
        {"7.2 CNode with another object's label -> IllegalOperation", root_cnode, Label::tcb_resume, {}, {}, illegal_operation},
        {"6.3 untyped with another object's label -> IllegalOperation",
         scope.memory(),
         Label::tcb_resume,
         {},
         {},
         illegal_operation},
        {"7.4 IRQ control with another object's label -> IllegalOperation",
         abi::initial_slot::irq_control,
         Label::tcb_resume,
         {},
         {},
         illegal_operation},
        {"7.5 domain control with another object's label -> IllegalOperation",
         abi::initial_slot::domain,
         Label::tcb_resume,
         {},
         {},
         illegal_operation},
        {"7.8 ASID control with another object's label -> IllegalOperation",
         abi::initial_slot::asid_control,
         Label::tcb_resume,
         {},
         {},
         illegal_operation},
        {"7.8 ASID pool with another object's label -> IllegalOperation",
         abi::initial_slot::asid_pool,
         Label::tcb_resume,
         {},
         {},
         illegal_operation},
        {"7.9 I/O port control with another object's label -> IllegalOperation",
         abi::initial_slot::io_port_control,
         Label::tcb_resume,
         {},
         {},
         illegal_operation},
        {"7.6 page table with another object's label -> IllegalOperation",
         boot_info().image_paging.end - 1,
         Label::tcb_resume,
         {},
         {},
         illegal_operation},
    };
    check_cases(cases);
    check_equal("4.11 the notification was signalled", poll(notification), 0);
    check("8.3 NBRecv on a notification that is not signalled gives 0", poll(notification) == 0);
}

// The message info word, seen by an invocation that echoes how many words it believes in: TCBWriteRegisters refuses a count of
// more words than there are.
void check_info_word() {
    Scope scope;
    CPtr const tcb = scope.tcb(), endpoint = scope.endpoint();
    Puppet const puppet(scope);
    auto const call = [&](u64 info, Words const& words) {
        puppet.enter(abi::Syscall::call, tcb, info, words);
        return puppet.answer();
    };
    u64 const write = u64{3} << 12; // the label of TCBWriteRegisters
    check_answer("4.3 length 127 counts as 120: 118 registers are there", call(write | 127, {0, 118}), done());
    check_answer("4.3 length 127 counts as 120: 119 are not", call(write | 127, {0, 119}), truncated);
    check_answer("4.3 length 121, the same", call(write | 121, {0, 119}), truncated);
    check_answer("4.3 length 120", call(write | 120, {0, 118}), done());
    check_answer("4.3 capsUnwrapped is ignored in what is sent", call(write | 7 << 9 | 2, {0, 0}), done());

    Puppet const bare(scope, {.ipc_buffer = false});
    bare.enter(abi::Syscall::call, tcb, write | 22, {0, 2});
    check_answer("4.11 without an IPC buffer a length of 22 is cut to 4: 2 registers are there", bare.answer(), done());
    bare.enter(abi::Syscall::call, tcb, write | 22, {0, 3});
    check_answer("4.11 ... 3 are not", bare.answer(), truncated);
    bare.enter(abi::Syscall::call, tcb, u64{6} << 12 | 1 << 7 | 1, {0});
    check_answer("4.11 without an IPC buffer there are no extra capabilities", bare.answer(), truncated);
    bare.enter(abi::Syscall::call, tcb, u64{2} << 12 | 2, {0, 20});
    check_answer("4.3 without an IPC buffer results beyond MR3 are lost, and the length says so", bare.answer(),
                 done({0, 0, 0x202, 0}));
    bare.enter(abi::Syscall::call, root_cnode, u64{18} << 12 | 2, {~u64{0}, 64});
    check_equal("4.8 ... the same with an error's details", bare.answer().info, abi::MessageInfo::make(6, 4).word);
    bare.enter(abi::Syscall::send, endpoint, abi::MessageInfo::make(9, 20).word, {1, 2, 3, 4});
    check_answer("4.3 without an IPC buffer a message of 20 words is one of 4", receive_now(endpoint), message(9, {1, 2, 3, 4}));
}

// Where the kernel finds the buffer: the frame, at the address modulo its size.
void check_buffer_place() {
    Scope scope;
    Puppet const puppet(scope);
    CPtr const endpoint = scope.endpoint();
    auto* const words = reinterpret_cast<u64*>(&puppet.buffer());
    must("another address", invoke(puppet.tcb(), Label::tcb_set_ipc_buffer, {0x7fff12340400}, {puppet.buffer_frame()}));
    words[128 + 1 + 4] = 0x4444; // MR4 of the buffer at offset 1024
    puppet.enter(abi::Syscall::send, endpoint, abi::MessageInfo::make(9, 5).word, {1, 2, 3, 4});
    check_answer("4.3 the buffer is in the frame at its address modulo 4096, mapped or not", receive_now(endpoint),
                 message(9, {1, 2, 3, 4, 0x4444}));

    CPtr const read_only = scope.copy(puppet.buffer_frame(), abi::right::read);
    must("a read-only buffer", invoke(puppet.tcb(), Label::tcb_set_ipc_buffer, {0x1000}, {read_only}));
    puppet.buffer().message[4] = 0x5555;
    puppet.enter(abi::Syscall::send, endpoint, abi::MessageInfo::make(9, 5).word, {1, 2, 3, 4});
    check_answer("4.3 a sender's buffer may be read-only", receive_now(endpoint), message(9, {1, 2, 3, 4, 0x5555}));
    puppet.receive(endpoint);
    user::ipc_buffer().message[4] = 7;
    user::send_if_awaited(endpoint, user::Message::make(9, 5, 1, 2, 3, 4));
    check_answer("4.3 a receiver's must be writable: 4 words arrive", puppet.answer(), message(9, {1, 2, 3, 4}));

    CPtr const no_rights = scope.copy(puppet.buffer_frame(), 0);
    must("a buffer without rights", invoke(puppet.tcb(), Label::tcb_set_ipc_buffer, {0x1000}, {no_rights}));
    puppet.enter(abi::Syscall::send, endpoint, abi::MessageInfo::make(9, 5).word, {1, 2, 3, 4});
    check_answer("4.3 a frame without rights is no buffer", receive_now(endpoint), message(9, {1, 2, 3, 4}));
}

} // namespace

void check_send_steps() {
    begin_group("4.11 steps of Send");
    check_faulting_lookups();
    check_dispatch();
    check_info_word();
    check_buffer_place();
}
