// SPDX-License-Identifier: Apache-2.0
// 4.9 and 4.10: how a CPtr is looked up, and what is said about a lookup that fails.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

constexpr u64 guard(u64 value, unsigned bits) { return value << 6 | bits; }

Answer remove(CPtr root, u64 index, u64 bits) { return invoke(root, Label::cnode_delete, {index, bits}); }

// A tree: `top` (guard 5 of 3 bits, radix 4) holds at 2 `middle` (guard 2 of 2 bits, radix 3), which holds at 6 an endpoint and
// at 7 `bottom` (no guard, radix 1).
struct Tree {
    Scope scope;
    CPtr bare = scope.cnode(4), bare_middle = scope.cnode(3), bottom = scope.cnode(1);
    CPtr endpoint = scope.endpoint();
    CPtr middle = scope.mint(bare_middle, guard(2, 2)), top = scope.mint(bare, guard(5, 3));

    Tree() {
        must("put middle into top", invoke(bare, Label::cnode_mint, {2, 4, middle, depth, 15, guard(2, 2)}, {root_cnode}));
        must("put an endpoint into middle", invoke(bare_middle, Label::cnode_copy, {6, 3, endpoint, depth, 15}, {root_cnode}));
        must("put bottom into middle", invoke(bare_middle, Label::cnode_copy, {7, 3, bottom, depth, 15}, {root_cnode}));
    }
};

void check_slot_lookup() {
    Tree t;
    Case const cases[] = {
        {"4.10 root is not a CNode -> InvalidRoot",
         root_cnode,
         Label::cnode_copy,
         {t.scope.slot(), depth, 1, depth, 15},
         {t.endpoint},
         invalid_root(1)},
        {"4.10 root is an empty slot -> InvalidRoot",
         root_cnode,
         Label::cnode_copy,
         {t.scope.slot(), depth, 1, depth, 15},
         {0},
         invalid_root(1)},
        {"4.10 depth 0 -> RangeError(1, 64)", t.top, Label::cnode_delete, {0, 0}, {}, range_error(1, 64)},
        {"4.10 depth 65 -> RangeError(1, 64)", t.top, Label::cnode_delete, {0, 65}, {}, range_error(1, 64)},
        {"4.10 depth has 64 bits -> RangeError(1, 64)",
         t.top,
         Label::cnode_delete,
         {0, (u64{1} << 32) + 7},
         {},
         range_error(1, 64)},
        {"4.10 root is not a CNode before depth 0 is seen",
         root_cnode,
         Label::cnode_copy,
         {t.scope.slot(), depth, 1, 0, 15},
         {t.endpoint},
         invalid_root(1)},
        {"4.10 guard differs -> GuardMismatch", t.top, Label::cnode_delete, {0x40, 7}, {}, guard_mismatch(0, 7, 5, 3)},
        {"4.10 fewer bits than the guard -> GuardMismatch", t.top, Label::cnode_delete, {1, 2}, {}, guard_mismatch(0, 2, 5, 3)},
        {"4.10 fewer bits than guard and radix -> DepthMismatch",
         t.top,
         Label::cnode_delete,
         {0x5 << 3, 6},
         {},
         depth_mismatch(0, 6, 7)},
        {"4.10 guard is looked at before the depth", t.top, Label::cnode_delete, {0x4 << 3, 6}, {}, guard_mismatch(0, 6, 5, 3)},
        {"4.10 the slot of one level", t.top, Label::cnode_delete, {0x5f, 7}, {}, done()},
        {"4.10 bits of the index above the depth don't matter", t.top, Label::cnode_delete, {0xff00 | 0x5f, 7}, {}, done()},
        {"4.10 no CNode at the second level -> bits are left over",
         t.top,
         Label::cnode_delete,
         {0x5f << 5, 12},
         {},
         depth_mismatch(0, 5, 0)},
        {"4.10 one bit too many", t.top, Label::cnode_delete, {0x5f << 1, 8}, {}, depth_mismatch(0, 1, 0)},
        {"4.10 second level: guard differs",
         t.top,
         Label::cnode_delete,
         {0x52 << 5 | 1 << 3, 12},
         {},
         guard_mismatch(0, 5, 2, 2)},
        {"4.10 second level: fewer bits than the guard",
         t.top,
         Label::cnode_delete,
         {0x52 << 1, 8},
         {},
         guard_mismatch(0, 1, 2, 2)},
        {"4.10 second level: fewer bits than guard and radix",
         t.top,
         Label::cnode_delete,
         {0x52 << 4 | 2 << 2, 11},
         {},
         depth_mismatch(0, 4, 5)},
        {"4.10 second level: found, nothing in it", t.top, Label::cnode_delete, {0x52 << 5 | 2 << 3, 12}, {}, done()},
        {"4.10 third level: found", t.top, Label::cnode_delete, {(0x52 << 5 | 2 << 3 | 7) << 1, 13}, {}, done()},
        {"4.10 third level: bits are left over",
         t.top,
         Label::cnode_delete,
         {(0x52 << 5 | 2 << 3 | 7) << 4, 16},
         {},
         depth_mismatch(0, 3, 0)},
        {"4.10 an endpoint on the way ends the lookup",
         t.top,
         Label::cnode_delete,
         {(0x52 << 5 | 2 << 3 | 6) << 4, 16},
         {},
         depth_mismatch(0, 4, 0)},
        {"4.10 source lookups say 1",
         root_cnode,
         Label::cnode_copy,
         {t.scope.slot(), depth, 0x40, 7, 15},
         {t.top},
         guard_mismatch(1, 7, 5, 3)},
        {"4.10 source lookups say 1, DepthMismatch too",
         root_cnode,
         Label::cnode_copy,
         {t.scope.slot(), depth, 0x5 << 3, 6, 15},
         {t.top},
         depth_mismatch(1, 6, 7)},
        {"4.10 source slot through two levels",
         root_cnode,
         Label::cnode_copy,
         {t.scope.slot(), depth, 0x52 << 5 | 2 << 3 | 6, 12, 15},
         {t.top},
         done()},
        {"4.10 a fresh CNode has guard 0 of size 0", t.bottom, Label::cnode_delete, {1, 1}, {}, done()},
        {"4.10 ... so two bits are one too many", t.bottom, Label::cnode_delete, {1, 2}, {}, depth_mismatch(0, 1, 0)},
    };
    check_cases(cases);
}

void check_invoked_cap() {
    Tree t;
    CPtr const handler = t.scope.endpoint();
    Puppet const puppet(t.scope, {.fault_handler = 0, .cspace = t.top});
    // The puppet's CSpace: 3 bits of guard, 4 of radix; its handler and what it waits for are reached through slot 2's CNode.
    u64 const prefix = u64{0x52} << 57;                       // to middle
    u64 const to_endpoint = prefix | (u64{2} << 3 | 6) << 52; // and to the endpoint in it
    must("a handler in the puppet's CSpace", invoke(t.bare_middle, Label::cnode_copy, {0, 3, handler, depth, 15}, {root_cnode}));
    must("what the puppet waits for",
         invoke(t.bare_middle, Label::cnode_copy, {1, 3, puppet.state().park, depth, 15}, {root_cnode}));
    puppet.set_park(prefix | (u64{2} << 3 | 1) << 52);
    u64 const handler_cptr = prefix | (u64{2} << 3) << 52;
    must("set the handler", invoke(puppet.tcb(), Label::tcb_set_space, {handler_cptr, 0, 0}, {t.top, root_vspace}));

    puppet.enter(abi::Syscall::nb_send, to_endpoint);
    check("4.10 invoked capability through two levels, bits left over are ignored", puppet.returned());
    puppet.send(to_endpoint, 3, {9});
    check_answer("4.10 ... and the message arrives", receive_now(t.endpoint), message(3, {9}));
    puppet.send(to_endpoint | 0xfffff, 4, {10});
    check_answer("4.10 bits beyond the slot are ignored", receive_now(t.endpoint), message(4, {10}));

    struct Row {
        char const* what;
        u64 cptr;
        Words why;
    };
    Row const rows[] = {
        {"4.9 Send: GuardMismatch in the fault", u64{0x42} << 57, {4, 64, 5, 3}},
        {"4.9 Send: GuardMismatch at the second level", u64{0x52} << 57 | u64{1} << 55, {4, 57, 2, 2}},
    };
    for (Row const& row : rows) {
        puppet.send(row.cptr);
        Words expected{reinterpret_cast<u64>(puppet_syscall), row.cptr, 0};
        for (unsigned i = 0; i < row.why.count; ++i) expected.values[expected.count++] = row.why[i];
        check_answer(row.what, receive_now(handler), message(1, expected));
    }
    puppet.call((u64{0x5f} << 57) | 77, Label::tcb_resume);
    check_answer("4.11 Call of an empty slot: found, InvalidCapability(0)", puppet.answer(), invalid_capability(0));
    puppet.receive(u64{0x42} << 57);
    check_answer("4.9 Recv: the lookup failure with phase 1", receive_now(handler),
                 message(1, {reinterpret_cast<u64>(puppet_syscall), u64{0x42} << 57, 1, 4, 64, 5, 3}));
    puppet.receive(u64{0x5f} << 57);
    check_answer("8.3 Recv on an empty slot: MissingCapability with 0 bits left", receive_now(handler),
                 message(1, {reinterpret_cast<u64>(puppet_syscall), u64{0x5f} << 57, 1, 2, 0}));

    // A CSpace that is too deep for 64 bits: its last level wants more bits than are left.
    must("a CNode that wants more bits than are left",
         invoke(t.bare, Label::cnode_mint, {3, 4, t.bare_middle, depth, 15, guard(0, 55)}, {root_cnode}));
    u64 const deep = u64{0x53} << 57;
    puppet.send(deep);
    check_answer("4.9 Send: DepthMismatch in the fault", receive_now(handler),
                 message(1, {reinterpret_cast<u64>(puppet_syscall), deep, 0, 3, 57, 58}));
}

void check_long_chain() {
    Scope scope;
    // 64 CNodes of one bit each, every one reached through slot 1 of the one before.
    CPtr const first = scope.make(ObjectType::cnode, 1, 64);
    for (CPtr i = 0; i < 63; ++i)
        must("chain", invoke(first + i, Label::cnode_copy, {1, 1, first + i + 1, depth, 15}, {root_cnode}));
    CPtr const endpoint = scope.endpoint();
    must("an endpoint at the end", invoke(first, Label::cnode_copy, {~u64{0}, 64, endpoint, depth, 15}, {root_cnode}));
    check_answer("4.10 64 CNodes of radix 1 work: the last slot is occupied",
                 invoke(first, Label::cnode_copy, {~u64{0}, 64, endpoint, depth, 15}, {root_cnode}), delete_first);
    check_answer("4.10 ... and its neighbour is not",
                 invoke(first, Label::cnode_copy, {~u64{1}, 64, endpoint, depth, 15}, {root_cnode}), done());
    check_answer("4.10 a slot half way", remove(first, (u64{1} << 32) - 2, 32), done());
    Puppet const puppet(scope, {.cspace = first});
    puppet.enter(abi::Syscall::nb_send, ~u64{0});
    puppet.set_park(~u64{1});
    puppet.send(~u64{0}, 1, {2});
    check_answer("4.10 a thread's lookup walks 64 levels", receive_now(endpoint), message(1, {2}));
}

} // namespace

void check_lookup() {
    begin_group("4.10 lookup");
    check_slot_lookup();
    check_invoked_cap();
    check_long_chain();
}
