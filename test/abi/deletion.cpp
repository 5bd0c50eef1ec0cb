// SPDX-License-Identifier: Apache-2.0
// 10.4, 10.5 and 11: what goes with a capability, the life of untyped memory, and what start-up code relies on.
#include "test/abi/address_space.hpp"
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

Answer put(CPtr node, u64 index, u64 bits, CPtr from) {
    return invoke(node, Label::cnode_copy, {index, bits, from, depth, 15}, {root_cnode});
}

void check_cnodes() {
    Scope scope;
    CPtr const outer = scope.cnode(3), inner = scope.cnode(2), endpoint = scope.endpoint(), badged = scope.mint(endpoint, 4);
    Puppet const puppet(scope);
    must("inner in outer", put(outer, 1, 3, inner));
    must("the endpoint in inner", invoke(inner, Label::cnode_move, {2, 2, badged, depth}, {root_cnode}));
    delete_cap(inner);
    check_answer("10.4 deleting one of two capabilities of a CNode leaves its slots",
                 invoke(outer, Label::cnode_copy, {1 << 2 | 3, 5, 1 << 2 | 2, 5, 15}, {outer}), done());
    CPtr const twin = scope.copy(outer);
    delete_cap(outer);
    check_answer("10.4 ... all levels", invoke(twin, Label::cnode_delete, {1 << 2 | 3, 5}), done());
    puppet.send(endpoint, 1);
    delete_cap(twin);
    check("10.4 the last deletes what is in it", invoke(twin, Label::cnode_delete, {1, 3}) == invalid_capability(0));
    delete_cap(endpoint);
    check("10.4 ... at every level: no capability keeps the endpoint, its senders are restarted", puppet.returned());
}

void check_cycles() {
    Scope scope;
    CPtr const memory = scope.untyped(12), self = scope.slot(), a = scope.slot(), b = scope.slot(), nodes = scope.slot(2);
    must("a CNode", retype(memory, ObjectType::cnode, 2, self));
    must("in itself", put(self, 1, 2, self));
    check_answer("10.4 a CNode that contains itself: its other capability is not the last", delete_cap(self), done());
    check("10.4 ... the slot is empty", empty(self));
    check_answer("10.4 ... it is still there, though nobody reaches it", retype(memory, ObjectType::untyped, 40, a),
                 not_enough_memory((1 << 12) - 128));
    revoke_cap(memory);
    check_answer("10.4 ... until its untyped is revoked", retype(memory, ObjectType::untyped, 40, a), not_enough_memory(1 << 12));
    must("two CNodes", retype(memory, ObjectType::cnode, 2, nodes, 2));
    must("the second in the first", put(nodes, 1, 2, nodes + 1));
    must("the first in the second", put(nodes + 1, 1, 2, nodes));
    check_answer("10.4 two CNodes that contain each other", delete_cap(nodes), done());
    check_answer("10.4 ... one after the other", delete_cap(nodes + 1), done());
    revoke_cap(memory);
    check_answer("10.4 ... are gone with their memory", retype(memory, ObjectType::untyped, 40, b), not_enough_memory(1 << 12));

    // A thread's CSpace that holds the last capability of its own root.
    must("a CNode", retype(memory, ObjectType::cnode, 2, self));
    Puppet const puppet(scope);
    must("in itself", put(self, 3, 2, self));
    must("as CSpace", invoke(puppet.tcb(), Label::tcb_set_space, {0, 62, 0}, {self, root_vspace}));
    delete_cap(self);
    puppet.set_park(0);
    puppet.call(3, Label::cnode_delete, {3, 64});
    check("10.4 a thread can delete its CSpace's capability to itself", puppet.returned());
}

void check_tcbs() {
    Scope scope;
    CPtr const endpoint = scope.endpoint(), memory = scope.untyped(12), node = scope.slot(), inner = scope.slot();
    Puppet const sender(scope), other(scope);
    CPtr const second = scope.copy(sender.tcb());
    sender.send(endpoint, 1);
    delete_cap(sender.tcb());
    check("10.4 deleting one of two capabilities of a TCB leaves the thread",
          receive_now(endpoint).info == abi::MessageInfo::make(1, 0).word);
    must("put it back", move_cap(sender.tcb(), second));
    sender.send(endpoint, 2);
    delete_cap(sender.tcb());
    check("10.4 the last: the thread has left the queue", receive_now(endpoint).info == no_message);
    must("a CNode", retype(memory, ObjectType::cnode, 2, node));
    must("an endpoint", retype(memory, ObjectType::endpoint, 0, inner));
    must("the endpoint in the CNode", invoke(node, Label::cnode_move, {1, 2, inner, depth}, {root_cnode}));
    must("the CNode as CSpace", invoke(other.tcb(), Label::tcb_set_space, {0, 62, 0}, {node, root_vspace}));
    delete_cap(node);
    check_answer("10.4 a CSpace that only the TCB holds", retype(memory, ObjectType::untyped, 40, inner),
                 not_enough_memory((1 << 12) - 128 - 16));
    delete_cap(other.tcb());
    check_answer("10.4 ... goes with the TCB", retype(memory, ObjectType::untyped, 40, inner), not_enough_memory(1 << 12));
    Puppet const suicide(scope);
    suicide.call(root_cnode, Label::cnode_delete, {suicide.tcb(), depth});
    check("10.4 a thread can delete itself", !suicide.returned() && empty(suicide.tcb()));
}

void check_life_cycle() {
    Scope scope;
    CPtr const memory = scope.untyped(14), frame = scope.slot(), child = scope.slot(), copy = scope.slot(), free = scope.slot();
    AddressSpace const own(scope, root_vspace);
    constexpr u64 page = 0x34567000000;
    own.map_all(page);
    auto* const words = reinterpret_cast<u64 volatile*>(page);
    must("a frame", retype(memory, ObjectType::small_page, 0, frame));
    must("map", invoke(frame, Label::x86_page_map, {page, 3, 0}, {root_vspace}));
    for (unsigned i = 0; i < 512; ++i) words[i] = ~u64{0};
    delete_cap(frame);
    must("the same frame", retype(memory, ObjectType::small_page, 0, frame));
    must("map", invoke(frame, Label::x86_page_map, {page, 3, 0}, {root_vspace}));
    u64 all = 0;
    for (unsigned i = 0; i < 512; ++i) all |= words[i];
    check_equal("6.4 memory that was used is cleared before it is used again", all, 0);
    revoke_cap(memory);
    check("10.1 Revoke took the frame", empty(frame));

    must("an unused child", retype(memory, ObjectType::untyped, 13, child));
    check_answer("10.5 an unused child counts", retype(memory, ObjectType::untyped, 40, free), not_enough_memory(1 << 13));
    check_answer("10.5 an untyped with children cannot be copied", copy_cap(copy, memory), revoke_first);
    delete_cap(child);
    check_answer("6.4 copying an untyped without children", copy_cap(copy, memory), done());
    check_answer("6.4 ... makes the source full", retype(memory, ObjectType::untyped, 40, free), not_enough_memory(0));
    must("use the copy", retype(copy, ObjectType::endpoint, 0, child));
    check_answer("6.4 the copy can be used", retype(copy, ObjectType::untyped, 40, free), not_enough_memory((1 << 14) - 16));
    check_answer("6.4 ... the source cannot", retype(memory, ObjectType::endpoint, 0, free), not_enough_memory(0));
    revoke_cap(copy);
    check("10.1 Revoke of the copy deletes what was made from it", empty(child) && !empty(copy));
    delete_cap(copy);
    check_answer("6.4 without copies the source can be used again", retype(memory, ObjectType::endpoint, 0, free), done());
}

// 11: what the usual start-up code and its memory managers do.
void check_start_up() {
    Scope scope;
    CPtr const port = scope.slot();
    bool again = true;
    for (unsigned i = 0; i < 3; ++i) {
        again = again && invoke(abi::initial_slot::io_port_control, Label::x86_io_port_control_issue, {0x620, 0x620, port, depth},
                                {root_cnode}) == done();
        again = again && invoke(port, Label::x86_io_port_in8, {0x620}) == done({0xff}) && delete_cap(port) == done();
    }
    check("11.2 a port is issued, read, deleted, over and over", again);

    CPtr const memory = scope.untyped(16), halves = scope.slot(2), objects = scope.slot(300);
    bool split = true;
    for (unsigned i = 0; i < 3; ++i) {
        split = split && retype(memory, ObjectType::untyped, 15, halves, 2) == done() &&
                retype(halves, ObjectType::notification, 0, objects, 256) == done() &&
                retype(halves + 1, ObjectType::small_page, 0, objects + 256, 8) == done() && revoke_cap(memory) == done() &&
                empty(objects) && empty(objects + 263) && empty(halves);
    }
    check("11.4 split, retype, revoke, over and over", split);

    // Page by page: the level that is missing is in MR2 of the error.
    AddressSpace const space(scope);
    CPtr const frame = scope.make(ObjectType::small_page);
    u64 levels[3]{};
    for (u64& level : levels) {
        Answer const answer = invoke(frame, Label::x86_page_map, {0x7ffe00000000, 3, 0}, {space.root});
        level = answer.words[2];
        if (level == 39) space.map_pdpt(0x7ffe00000000);
        if (level == 30) space.map_pd(0x7ffe00000000);
        if (level == 21) space.map_pt(0x7ffe00000000);
    }
    check("11.2 FailedLookup says which structure is missing: 39, 30, 21", levels[0] == 39 && levels[1] == 30 && levels[2] == 21);
    check_answer("11.2 ... then the page can be mapped", invoke(frame, Label::x86_page_map, {0x7ffe00000000, 3, 0}, {space.root}),
                 done());
    CPtr const shared = scope.copy(frame);
    check_answer("11.2 a page is shared by mapping a copy of its capability",
                 invoke(shared, Label::x86_page_map, {0x7ffe00001000, 3, 0}, {space.root}), done());
    check_answer("11.1 the IPC buffer's frame is mapped at BootInfo's address for it",
                 invoke(abi::initial_slot::ipc_buffer_frame, Label::x86_page_map, {boot_info().ipc_buffer, 3, 0}, {root_vspace}),
                 done());
}

} // namespace

void check_deletion() {
    begin_group("10.4 deletion, 10.5 untyped, 11 start-up");
    check_cnodes();
    check_cycles();
    check_tcbs();
    check_life_cycle();
    check_start_up();
}
