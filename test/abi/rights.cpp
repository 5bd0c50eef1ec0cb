// SPDX-License-Identifier: Apache-2.0
// 5: rights, guard words, badges.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

constexpr u64 write = abi::right::write, read = abi::right::read, grant = abi::right::grant,
              grant_reply = abi::right::grant_reply;

void check_endpoint_rights() {
    Scope scope;
    CPtr const endpoint = scope.endpoint(), extra = scope.endpoint();
    Puppet const puppet(scope, {.fault_handler = scope.endpoint()});
    struct Row {
        char const* what;
        u64 rights;
        bool sends, calls, grants;
    };
    Row const rows[] = {
        {"5.1 endpoint with all rights: sends, calls, grants", 15, true, true, true},
        {"5.1 other bits of the rights word don't matter", ~u64{0}, true, true, true},
        {"5.1 endpoint with write: sends only", write, true, false, false},
        {"5.1 endpoint with write and grantReply: sends and calls", write | grant_reply, true, true, false},
        {"5.1 endpoint with write and grant: sends, calls, grants", write | grant, true, true, true},
        {"5.1 endpoint with read and grant: none", read | grant | grant_reply, false, false, false},
        {"5.1 endpoint without rights: none", 0, false, false, false},
    };
    CPtr const destination = scope.slot();
    user::ipc_buffer().receive_cnode = root_cnode;
    user::ipc_buffer().receive_index = destination;
    user::ipc_buffer().receive_depth = depth;
    for (Row const& row : rows) {
        CPtr const cap = scope.copy(endpoint, row.rights);
        puppet.send(cap, 1, {}, {extra});
        Answer const seen = receive_now(endpoint);
        bool const sends = seen.info != no_message, grants = sends && abi::MessageInfo{seen.info}.extra_caps() == 1;
        delete_cap(destination);
        puppet.call(cap, 2);
        bool const called = receive_now(endpoint).info != no_message;
        reply_with(3);
        bool const calls = called && puppet.returned();
        check(row.what, sends == row.sends && grants == row.grants && calls == row.calls);
    }
    CPtr const only_read = scope.copy(endpoint, read);
    check_answer("5.1 rights can only be removed", copy_cap(scope.slot(), only_read), done());
    puppet.receive(scope.copy(only_read));
    check("5.1 read is enough to receive", !puppet.returned());
    puppet.suspend();
    check_answer("5.1 a copy with all rights of a cap with one has that one", invoke(scope.copy(only_read), Label::tcb_resume),
                 invalid_capability(0));
    check_answer("7.2 CancelBadgedSends wants all four",
                 invoke(root_cnode, Label::cnode_cancel_badged_sends, {scope.copy(endpoint, 7), depth}), illegal_operation);
}

void check_notification_rights() {
    Scope scope;
    CPtr const notification = scope.mint(scope.notification(), 1), handler = scope.endpoint();
    Puppet const puppet(scope, {.fault_handler = handler});
    CPtr const only_write = scope.copy(notification, write), only_read = scope.copy(notification, read);
    user::signal(only_write);
    check_equal("5.1 write is enough to signal, read to wait", poll(only_read), 1);
    user::signal(only_read);
    check_equal("5.1 signalling without write does nothing", poll(notification), 0);
    puppet.receive(only_write);
    check_answer("5.1 waiting without read faults", receive_now(handler),
                 message(1, {reinterpret_cast<u64>(puppet_syscall), only_write, 1, 2, 0}));
    check_answer("5.1 binding wants read", invoke(scope.tcb(), Label::tcb_bind_notification, {}, {only_write}),
                 illegal_operation);
    check_answer("5.1 ... which is enough", invoke(scope.tcb(), Label::tcb_bind_notification, {}, {only_read}), done());
}

void check_guard_word() {
    Scope scope;
    CPtr const node = scope.cnode(4);
    auto const guarded = [&](u64 data) {
        CPtr const to = scope.slot();
        must("mint a guard", mint_cap(to, node, data));
        return to;
    };
    check_answer("5.2 guard of 60 bits and radix 4 fit", invoke(guarded(60), Label::cnode_delete, {5, 64}), done());
    check_answer("5.2 61 bits don't -> IllegalOperation", mint_cap(scope.slot(), node, 61), illegal_operation);
    check_answer("5.2 63 bits don't, whatever the guard", mint_cap(scope.slot(), node, u64{7} << 6 | 63), illegal_operation);
    check_answer("5.2 the guard is cut to its size", invoke(guarded(u64{0xfd} << 6 | 3), Label::cnode_delete, {0x50, 7}), done());
    check_answer("5.2 ... and shows so in a mismatch", invoke(guarded(u64{0xfd} << 6 | 3), Label::cnode_delete, {0, 7}),
                 guard_mismatch(0, 7, 5, 3));
    check_answer("5.2 a guard of 58 bits", invoke(guarded(~u64{0} << 6 | 58), Label::cnode_delete, {0, 64}),
                 guard_mismatch(0, 64, (u64{1} << 58) - 1, 58));
    check_answer("5.2 a guard of 60 bits has 58 of value", invoke(guarded(~u64{0} << 6 | 60), Label::cnode_delete, {0, 64}),
                 guard_mismatch(0, 64, (u64{1} << 58) - 1, 60));
    CPtr const with_guard = guarded(u64{1} << 6 | 1);
    CPtr const without = scope.mint(with_guard, 0);
    check_answer("5.2 Mint with data 0 sets guard size 0", invoke(without, Label::cnode_delete, {5, 4}), done());
    CPtr const plain_copy = scope.copy(with_guard);
    check_answer("5.2 Copy keeps the guard", invoke(plain_copy, Label::cnode_delete, {0x15, 5}), done());

    Puppet const puppet(scope, {.fault_handler = 0, .cspace = root_cnode});
    CPtr const tcb = puppet.tcb();
    check_answer("5.2 CSpace data 0 leaves the guard", invoke(tcb, Label::tcb_set_space, {0, 0, 0}, {root_cnode, root_vspace}),
                 done());
    puppet.call(initial_tcb, Label::tcb_resume);
    check("5.2 ... so that CPtrs are slot numbers still", puppet.returned());
    check_answer("5.2 CSpace data with a guard too large -> IllegalOperation",
                 invoke(tcb, Label::tcb_set_space, {0, 61, 0}, {node, root_vspace}), illegal_operation);
    check_answer("5.2 CSpace data with a guard", invoke(tcb, Label::tcb_set_space, {0, 60, 0}, {node, root_vspace}), done());
}

void check_badges() {
    Scope scope;
    CPtr const endpoint = scope.endpoint(), notification = scope.notification(), frame = scope.make(ObjectType::small_page);
    constexpr u64 all_bits = ~u64{0};
    CPtr const e = scope.mint(endpoint, all_bits), n = scope.mint(notification, all_bits);
    Puppet const puppet(scope);
    puppet.send(e);
    check_equal("5.3 an endpoint's badge has 64 bits", receive_now(endpoint).badge, all_bits);
    user::signal(n);
    check_equal("5.3 a notification's badge has 64 bits", poll(notification), all_bits);
    Case const cases[] = {
        {"7.3 Mint of a badged endpoint -> IllegalOperation",
         root_cnode,
         Label::cnode_mint,
         {scope.slot(), depth, e, depth, 15, 5},
         {root_cnode},
         illegal_operation},
        {"7.3 Mint of a badged endpoint with data 0 -> IllegalOperation",
         root_cnode,
         Label::cnode_mint,
         {scope.slot(), depth, e, depth, 15, 0},
         {root_cnode},
         illegal_operation},
        {"7.3 Mint of a badged endpoint with the same badge -> IllegalOperation",
         root_cnode,
         Label::cnode_mint,
         {scope.slot(), depth, e, depth, 15, all_bits},
         {root_cnode},
         illegal_operation},
        {"7.3 Mint of a badged notification -> IllegalOperation",
         root_cnode,
         Label::cnode_mint,
         {scope.slot(), depth, n, depth, 15, 5},
         {root_cnode},
         illegal_operation},
        {"7.3 Mint of an unbadged endpoint with data 0",
         root_cnode,
         Label::cnode_mint,
         {scope.slot(), depth, endpoint, depth, 15, 0},
         {root_cnode},
         done()},
        {"7.3 Mutate of an unbadged endpoint -> IllegalOperation",
         root_cnode,
         Label::cnode_mutate,
         {scope.slot(), depth, endpoint, depth, 5},
         {root_cnode},
         illegal_operation},
        {"7.3 Mutate of an unbadged endpoint with data 0 -> IllegalOperation",
         root_cnode,
         Label::cnode_mutate,
         {scope.slot(), depth, endpoint, depth, 0},
         {root_cnode},
         illegal_operation},
        {"7.3 Mutate of a badged notification -> IllegalOperation",
         root_cnode,
         Label::cnode_mutate,
         {scope.slot(), depth, n, depth, 0},
         {root_cnode},
         illegal_operation},
        {"7.3 Mint of a frame: data is ignored",
         root_cnode,
         Label::cnode_mint,
         {scope.slot(), depth, frame, depth, 15, 77},
         {root_cnode},
         done()},
        {"7.3 Mutate of a frame: data is ignored",
         root_cnode,
         Label::cnode_mutate,
         {scope.slot(), depth, frame, depth, 77},
         {root_cnode},
         done()},
        {"7.3 Mint of a TCB: data is ignored",
         root_cnode,
         Label::cnode_mint,
         {scope.slot(), depth, puppet.tcb(), depth, 0, 77},
         {root_cnode},
         done()},
        {"7.3 Mutate of a CNode: guard set",
         root_cnode,
         Label::cnode_mutate,
         {scope.slot(), depth, scope.cnode(2), depth, 62},
         {root_cnode},
         done()},
        {"7.3 Mutate of a CNode: guard too large -> IllegalOperation",
         root_cnode,
         Label::cnode_mutate,
         {scope.slot(), depth, scope.cnode(2), depth, 63},
         {root_cnode},
         illegal_operation},
    };
    check_cases(cases);
}

} // namespace

void check_rights() {
    begin_group("5 rights, guards, badges");
    check_endpoint_rights();
    check_notification_rights();
    check_guard_word();
    check_badges();
}
