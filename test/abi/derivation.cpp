// SPDX-License-Identifier: Apache-2.0
// 10.1 to 10.3: who is derived from whom, as revocation shows.
#include "test/abi/address_space.hpp"
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

void check_endpoints() {
    Scope scope;
    CPtr const original = scope.endpoint(), copy = scope.copy(original), copy_of_copy = scope.copy(copy),
               weak = scope.copy(original, 0);
    CPtr const badged = scope.mint(original, 5), badged_copy = scope.copy(badged), same_badge = scope.mint(original, 5),
               other_badge = scope.mint(copy, 6);
    CPtr const moved = scope.slot();
    revoke_cap(copy);
    check("10.1 revoking a plain copy deletes nothing",
          !empty(copy_of_copy) && !empty(original) && !empty(badged) && !empty(other_badge));
    revoke_cap(badged);
    check("10.1 revoking a badged capability deletes its copies", empty(badged_copy) && !empty(badged));
    check("10.1 ... not another minted with the same badge", !empty(same_badge));
    revoke_cap(badged_copy);
    must("move the original", move_cap(moved, original));
    CPtr const again = scope.mint(copy, 7), again_copy = scope.copy(again);
    revoke_cap(again);
    check("10.1 a badged capability minted from a copy is an original", empty(again_copy) && !empty(again));
    revoke_cap(moved);
    check("10.1 revoking the original deletes all copies", empty(copy) && empty(copy_of_copy) && empty(weak));
    check("10.1 ... and all badged ones, whatever they were minted from",
          empty(badged) && empty(same_badge) && empty(other_badge) && empty(again));
    check("10.1 a moved original stays one", !empty(moved));

    CPtr const unbadged = scope.mint(moved, 0), second = scope.mint(unbadged, 9);
    revoke_cap(unbadged);
    check("10.1 minting with badge 0 makes a plain copy", !empty(second));
    CPtr const second_copy = scope.copy(second), to = scope.slot();
    must("move a badged copy", move_cap(to, second_copy));
    revoke_cap(second);
    check("10.1 moving keeps the place", empty(to));
    revoke_cap(second_copy);
    delete_cap(moved);
    check("10.4 deleting an original leaves its copies", !empty(unbadged) && !empty(second));
    revoke_cap(unbadged);
    check("10.1 ... which do not become originals", !empty(second));
}

void check_other_kinds() {
    Scope scope;
    struct Row {
        char const* what;
        CPtr original;
    };
    CPtr const handler = scope.slot(), ports = scope.slot(), pool = scope.slot();
    must("a handler", invoke(abi::initial_slot::irq_control, Label::x86_irq_issue_irq_handler_msi,
                             {handler, depth, 0, 0, 0, 0, 62}, {root_cnode}));
    must("ports", invoke(abi::initial_slot::io_port_control, Label::x86_io_port_control_issue, {0x600, 0x607, ports, depth},
                         {root_cnode}));
    must("a pool", invoke(abi::initial_slot::asid_control, Label::x86_asid_control_make_pool, {pool, depth},
                          {scope.untyped(12), root_cnode}));
    Row const originals[] = {
        {"10.1 Revoke of a notification deletes its copies", scope.notification()},
        {"10.1 Revoke of a TCB deletes its copies", scope.tcb()},
        {"10.1 Revoke of a CNode deletes its copies", scope.cnode(2)},
        {"10.1 Revoke of a page deletes its copies", scope.make(ObjectType::small_page)},
        {"10.1 Revoke of a 2 MiB page deletes its copies", scope.make(ObjectType::large_page)},
        {"10.1 Revoke of an untyped deletes its copies", scope.untyped(12)},
        {"10.1 Revoke of an IRQ handler deletes its copies", handler},
        {"10.1 Revoke of an I/O port capability deletes its copies", ports},
    };
    for (Row const& row : originals) {
        CPtr const copy = scope.copy(row.original);
        CPtr const second = scope.slot();
        bool const copied = copy_cap(second, copy) == done();
        revoke_cap(row.original);
        check(row.what, copied && empty(copy) && empty(second) && !empty(row.original));
    }
    CPtr const pool_copy = scope.copy(pool);
    revoke_cap(pool);
    check("10.1 a made ASID pool is no original: Revoke deletes nothing", !empty(pool_copy));
    CPtr const page = scope.make(ObjectType::small_page), plain = scope.copy(page, abi::right::read), third = scope.copy(plain);
    revoke_cap(plain);
    check("10.1 rights make no difference: Revoke of a weaker copy deletes nothing", !empty(third));
    CPtr const node = scope.cnode(2), guarded = scope.mint(node, 60), from_guarded = scope.copy(guarded);
    revoke_cap(guarded);
    check("10.1 a guard makes no difference: Revoke of a minted CNode deletes nothing", !empty(from_guarded));
    revoke_cap(node);
    check("10.1 ... but that of the original does", empty(guarded) && empty(from_guarded));
    CPtr const boot_copy = scope.copy(abi::initial_slot::boot_info_frame),
               boot_copy2 = scope.copy(abi::initial_slot::boot_info_frame);
    revoke_cap(abi::initial_slot::boot_info_frame);
    check("3.2 initial capabilities are originals",
          empty(boot_copy) && empty(boot_copy2) && !empty(abi::initial_slot::boot_info_frame));
}

void check_untypeds() {
    Scope scope;
    CPtr const parent = scope.untyped(16), child = scope.slot(), grandchild = scope.slot(), endpoint = scope.slot();
    must("a child", retype(parent, ObjectType::untyped, 14, child));
    must("a grandchild", retype(child, ObjectType::cnode, 2, grandchild));
    must("an endpoint", retype(child, ObjectType::endpoint, 0, endpoint));
    must("a copy in the CNode", invoke(grandchild, Label::cnode_copy, {1, 2, endpoint, depth, 15}, {root_cnode}));
    CPtr const badged = scope.mint(endpoint, 3), elsewhere = scope.slot();
    must("a capability elsewhere", move_cap(elsewhere, badged));
    revoke_cap(child);
    check("10.1 Revoke of an untyped deletes everything made from it, everywhere",
          empty(grandchild) && empty(endpoint) && empty(elsewhere) && !empty(child));
    must("an endpoint", retype(child, ObjectType::endpoint, 0, endpoint));
    revoke_cap(parent);
    check("10.1 ... and what was made from its parts", empty(child) && empty(endpoint) && !empty(parent));

    must("a child again", retype(parent, ObjectType::untyped, 14, child));
    must("an endpoint in it", retype(child, ObjectType::endpoint, 0, endpoint));
    delete_cap(child);
    check("10.4 deleting an untyped with children leaves them", !empty(endpoint));
    check_answer("10.4 ... its memory belongs to the parent still: no other object gets it",
                 retype(parent, ObjectType::untyped, 40, scope.slot()), not_enough_memory((1 << 16) - (1 << 14)));
    revoke_cap(parent);
    check("10.1 ... and Revoke of the parent deletes them", empty(endpoint));
}

void check_installed_caps() {
    Scope scope;
    CPtr const node = scope.cnode(2), endpoint = scope.endpoint(), handler = scope.endpoint();
    Puppet const puppet(scope);
    must("something to send to", invoke(node, Label::cnode_copy, {1, 2, endpoint, depth, 15}, {root_cnode}));
    must("what it waits for", invoke(node, Label::cnode_copy, {2, 2, puppet.state().park, depth, 15}, {root_cnode}));
    must("a CSpace", invoke(puppet.tcb(), Label::tcb_set_space, {1, 62, 0}, {node, root_vspace}));
    puppet.set_park(2);
    puppet.transfer(abi::Syscall::nb_send, 1, 0, {}, {});
    check("7.1 a CSpace is installed as a copy", puppet.returned());
    revoke_cap(node);
    puppet.transfer(abi::Syscall::nb_send, 1, 0, {}, {});
    // It cannot even wait any more; its system call itself came back.
    check("10.1 Revoke deletes the copy in a TCB: NBSend finds nothing, but returns", puppet.returned());
    check_answer("7.1 ... and the thread can have another",
                 invoke(puppet.tcb(), Label::tcb_set_space, {handler, 0, 0}, {root_cnode, root_vspace}), done());
    CPtr const frame = scope.copy(puppet.buffer_frame());
    must("a buffer", invoke(puppet.tcb(), Label::tcb_set_ipc_buffer, {0x400000}, {frame}));
    delete_cap(frame);
    puppet.set_park(scope.notification());
    puppet.enter(abi::Syscall::send, endpoint, abi::MessageInfo::make(1, 6).word, {1, 2, 3, 4});
    check_equal("7.1 a buffer is installed as a copy, which deleting the source leaves", receive_now(endpoint).info,
                abi::MessageInfo::make(1, 6).word);
}

} // namespace

void check_derivation() {
    begin_group("10.1 derivation");
    check_endpoints();
    check_other_kinds();
    check_untypeds();
    check_installed_caps();
}
