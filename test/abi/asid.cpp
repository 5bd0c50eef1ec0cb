// SPDX-License-Identifier: Apache-2.0
// 7.8: ASID pools.
#include "test/abi/address_space.hpp"
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/instructions.hpp"
#include "test/abi/puppet.hpp"

namespace {

constexpr CPtr control = abi::initial_slot::asid_control;
constexpr Label make_pool = Label::x86_asid_control_make_pool, assign = Label::x86_asid_pool_assign;

void check_make_pool() {
    Scope scope;
    CPtr const memory = scope.untyped(12), big = scope.untyped(13), parent = scope.untyped(12), to = scope.slot(),
               full = scope.endpoint();
    CPtr const device = scope.slot();
    must("a child", retype(parent, ObjectType::endpoint, 0, scope.slot()));
    must("device memory", retype(device_untyped(13), ObjectType::untyped, 12, device));
    Case const cases[] = {
        {"7.8 MakePool 2: one word -> TruncatedMessage", control, make_pool, {to}, {memory, root_cnode}, truncated},
        {"7.8 MakePool 2: one capability -> TruncatedMessage", control, make_pool, {to, depth}, {memory}, truncated},
        {"7.8 MakePool 4: not an untyped -> InvalidCapability(1)",
         control,
         make_pool,
         {to, depth},
         {full, root_cnode},
         invalid_capability(1)},
        {"7.8 MakePool 4: empty -> InvalidCapability(1)",
         control,
         make_pool,
         {to, depth},
         {0, root_cnode},
         invalid_capability(1)},
        {"7.8 MakePool 4: 13 bits -> InvalidCapability(1)",
         control,
         make_pool,
         {to, depth},
         {big, root_cnode},
         invalid_capability(1)},
        {"7.8 MakePool 4: device memory -> InvalidCapability(1)",
         control,
         make_pool,
         {to, depth},
         {device, root_cnode},
         invalid_capability(1)},
        {"7.8 MakePool 4 before 6", control, make_pool, {to, 0}, {big, root_cnode}, invalid_capability(1)},
        {"7.8 MakePool 5: untyped with children -> RevokeFirst",
         control,
         make_pool,
         {to, depth},
         {parent, root_cnode},
         revoke_first},
        {"7.8 MakePool 5 before 6", control, make_pool, {to, 0}, {parent, root_cnode}, revoke_first},
        {"7.8 MakePool 6: root not a CNode -> InvalidRoot", control, make_pool, {to, depth}, {memory, full}, invalid_root(0)},
        {"7.8 MakePool 6: depth 0 -> RangeError(1, 64)", control, make_pool, {to, 0}, {memory, root_cnode}, range_error(1, 64)},
        {"7.8 MakePool 7: slot occupied -> DeleteFirst", control, make_pool, {full, depth}, {memory, root_cnode}, delete_first},
        {"7.8 MakePool", control, make_pool, {to, depth}, {memory, root_cnode}, done()},
        {"7.8 MakePool: the untyped is full",
         memory,
         Label::untyped_retype,
         {0, 4, 0, 0, scope.slot(), 1},
         {root_cnode},
         not_enough_memory(0)},
        {"7.8 MakePool: the pool is its child", control, make_pool, {scope.slot(), depth}, {memory, root_cnode}, revoke_first},
    };
    check_cases(cases);
    CPtr const pools = scope.slot(6);
    for (CPtr i = 0; i < 6; ++i)
        must("all pools", invoke(control, make_pool, {pools + i, depth}, {scope.untyped(12), root_cnode}));
    check_answer("7.8 MakePool 3: 8 pools in use -> DeleteFirst",
                 invoke(control, make_pool, {scope.slot(), depth}, {scope.untyped(12), root_cnode}), delete_first);
    check_answer("7.8 MakePool 3 before 4", invoke(control, make_pool, {scope.slot(), depth}, {full, root_cnode}), delete_first);
    delete_cap(pools + 3);
    check_answer("7.8 deleting a pool frees its number",
                 invoke(control, make_pool, {scope.slot(), depth}, {scope.untyped(12), root_cnode}), done());
}

void check_assign() {
    Scope scope;
    CPtr const memory = scope.untyped(12), pool = scope.slot(), pml4 = scope.make(ObjectType::pml4, 0, 2),
               endpoint = scope.endpoint();
    must("a pool", invoke(control, make_pool, {pool, depth}, {memory, root_cnode}));
    CPtr const stale = scope.copy(pool);
    Case const cases[] = {
        {"7.8 Assign 2: no capability -> TruncatedMessage", pool, assign, {}, {}, truncated},
        {"7.8 Assign 3: not a PML4 -> InvalidCapability(1)", pool, assign, {}, {endpoint}, invalid_capability(1)},
        {"7.8 Assign 3: a PDPT -> InvalidCapability(1)", pool, assign, {}, {scope.make(ObjectType::pdpt)}, invalid_capability(1)},
        {"7.8 Assign", pool, assign, {}, {pml4}, done()},
        {"7.8 Assign 3: it has an ASID -> InvalidCapability(1)", pool, assign, {}, {pml4}, invalid_capability(1)},
        {"7.8 Assign 3: the root task's own -> InvalidCapability(1)", pool, assign, {}, {root_vspace}, invalid_capability(1)},
        {"10.2 with an ASID a PML4 can be copied",
         root_cnode,
         Label::cnode_copy,
         {scope.slot(), depth, pml4, depth, 15},
         {root_cnode},
         done()},
        {"10.2 an ASID pool can be copied",
         root_cnode,
         Label::cnode_copy,
         {scope.slot(), depth, pool, depth, 15},
         {root_cnode},
         done()},
        {"10.1 Revoke of the untyped deletes the pool", root_cnode, Label::cnode_revoke, {memory, depth}, {}, done()},
        {"10.1 ... and its copies", stale, assign, {}, {pml4 + 1}, invalid_capability(0)},
        {"7.8 an address space that lost its pool: has an ASID, can be copied",
         root_cnode,
         Label::cnode_copy,
         {scope.slot(), depth, pml4, depth, 15},
         {root_cnode},
         done()},
        {"7.8 ... cannot be assigned again -> InvalidCapability(1)",
         abi::initial_slot::asid_pool,
         assign,
         {},
         {pml4},
         invalid_capability(1)},
        {"7.6 PDPTMap 6: ... and maps nothing -> InvalidRoot",
         scope.make(ObjectType::pdpt),
         Label::x86_pdpt_map,
         {0x1000, 0},
         {pml4},
         invalid_root(0)},
        {"7.7 PageMap 4: ... no page either -> InvalidRoot",
         scope.make(ObjectType::small_page),
         Label::x86_page_map,
         {0x1000, 3, 0},
         {pml4},
         invalid_root(0)},
        {"7.7 PageMap 3d before 4",
         scope.make(ObjectType::small_page),
         Label::x86_page_map,
         {u64{1} << 47, 3, 0},
         {pml4},
         invalid_argument(0)},
        {"7.7 PageMap 4 before 6",
         scope.make(ObjectType::small_page),
         Label::x86_page_map,
         {0x1008, 3, 0},
         {pml4},
         invalid_root(0)},
        {"7.6 PDPTMap 5 before 6",
         scope.make(ObjectType::pdpt),
         Label::x86_pdpt_map,
         {u64{1} << 47, 0},
         {pml4},
         invalid_argument(0)},
    };
    check_cases(cases);
    // A pool of the same number: the ASIDs of the old one are other spaces' now.
    CPtr const second = scope.slot(), fresh = scope.make(ObjectType::pml4);
    must("another pool", invoke(control, make_pool, {second, depth}, {memory, root_cnode}));
    must("another space", invoke(second, assign, {}, {fresh}));
    check_answer("7.6 PDPTMap 7: the ASID belongs to another PML4 -> InvalidCapability(1)",
                 invoke(scope.make(ObjectType::pdpt), Label::x86_pdpt_map, {0x1000, 0}, {pml4}), invalid_capability(1));
    check_answer("7.7 PageMap 5: the same -> InvalidCapability(1)",
                 invoke(scope.make(ObjectType::small_page), Label::x86_page_map, {0x1000, 3, 0}, {pml4}), invalid_capability(1));
}

void check_full_pool() {
    Scope scope;
    CPtr const pool = scope.slot(), spaces = scope.make(ObjectType::pml4, 0, 256), more = scope.make(ObjectType::pml4, 0, 256),
               last = scope.make(ObjectType::pml4);
    must("a pool", invoke(control, make_pool, {pool, depth}, {scope.untyped(12), root_cnode}));
    bool all = true;
    for (CPtr i = 0; i < 256; ++i)
        all = all && invoke(pool, assign, {}, {spaces + i}) == done() && invoke(pool, assign, {}, {more + i}) == done();
    check("7.8 a pool has 512 ASIDs", all);
    check_answer("7.8 Assign 6: no more -> DeleteFirst", invoke(pool, assign, {}, {last}), delete_first);
    check_answer("7.8 Assign 3 before 6", invoke(pool, assign, {}, {spaces}), invalid_capability(1));
    delete_cap(spaces + 100);
    check_answer("10.4 deleting a PML4 frees its ASID", invoke(pool, assign, {}, {last}), done());
}

// A thread in an address space that goes away.
void check_lost_space() {
    Scope scope;
    AddressSpace const space(scope);
    CPtr const handler = scope.endpoint();
    Puppet const puppet(scope, {.fault_handler = handler});
    must("another address space", invoke(puppet.tcb(), Label::tcb_set_space, {handler, 0, 0}, {root_cnode, space.root}));
    puppet.execute(do_read, puppet.registers());
    check("7.8 in an empty address space the first instruction faults",
          receive_now(handler).words[1] == reinterpret_cast<u64>(do_read));
    must("delete the address space", revoke_cap(space.root));
    must("delete the address space", delete_cap(space.root));
    puppet.execute(do_read, puppet.registers());
    check("7.8 in one that was deleted as well", receive_now(handler).words[1] == reinterpret_cast<u64>(do_read));

    CPtr const pool = scope.slot(), lost = scope.make(ObjectType::pml4);
    must("a pool", invoke(control, make_pool, {pool, depth}, {scope.untyped(12), root_cnode}));
    must("an ASID of it", invoke(pool, assign, {}, {lost}));
    must("an address space", invoke(puppet.tcb(), Label::tcb_set_space, {handler, 0, 0}, {root_cnode, lost}));
    delete_cap(pool);
    puppet.execute(do_read, puppet.registers());
    check("7.8 in one that lost its pool, too", receive_now(handler).words[1] == reinterpret_cast<u64>(do_read));
}

} // namespace

void check_asid() {
    begin_group("7.8 ASIDs");
    check_make_pool();
    check_assign();
    check_full_pool();
    check_lost_space();
}
