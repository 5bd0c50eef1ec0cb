// SPDX-License-Identifier: Apache-2.0
// 6: object types, sizes, and Retype with all its checks in their order.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

constexpr u64 untyped = 0, tcb = 1, endpoint = 2, notification = 3, cnode = 4, pdpt = 5, pml4 = 6, small_page = 8, large_page = 9;

void check_errors() {
    Scope scope;
    CPtr const memory = scope.untyped(14), nodes = scope.cnode(4), free = scope.slot(), full = scope.endpoint();
    constexpr Label label = Label::untyped_retype;
    must("occupy a slot", invoke(nodes, Label::cnode_copy, {3, 4, full, depth, 15}, {root_cnode}));
    Words const c{root_cnode};
    Case const cases[] = {
        {"6.3 1: other label -> IllegalOperation", memory, Label::tcb_resume, {2, 0, 0, 0, free, 1}, c, illegal_operation},
        {"6.3 2: 5 words -> TruncatedMessage", memory, label, {2, 0, 0, 0, free}, c, truncated},
        {"6.3 2: no capability -> TruncatedMessage", memory, label, {2, 0, 0, 0, free, 1}, {}, truncated},
        {"6.3 2 before 3", memory, label, {99, 0, 0, 0, free, 1}, {}, truncated},
        {"6.3 3: one type too many -> InvalidArgument(0)", memory, label, {static_cast<u64>(ObjectType::count), 0, 0, 0, free, 1}, c, invalid_argument(0)},
        {"6.3 3: type of 64 bits -> InvalidArgument(0)",
         memory,
         label,
         {u64{1} << 32 | 2, 0, 0, 0, free, 1},
         c,
         invalid_argument(0)},
        {"6.1 name of an unavailable type, IOPageTable -> InvalidArgument(0)",
         memory,
         label,
         {0xffffff, 0, 0, 0, free, 1},
         c,
         invalid_argument(0)},
        {"6.1 name of an unavailable type, VCPU -> InvalidArgument(0)",
         memory,
         label,
         {0xfffffe, 14, 0, 0, free, 1},
         c,
         invalid_argument(0)},
        {"6.3 3 before 4", memory, label, {static_cast<u64>(ObjectType::count), 99, 0, 0, free, 1}, c, invalid_argument(0)},
        {"6.3 4: size_bits 64 -> RangeError(0, 47)", memory, label, {untyped, 64, 0, 0, free, 1}, c, range_error(0, 47)},
        {"6.3 4: untyped of 48 bits -> RangeError(0, 47)", memory, label, {untyped, 48, 0, 0, free, 1}, c, range_error(0, 47)},
        {"6.3 4: CNode of 2^43 slots -> RangeError(0, 47)", memory, label, {cnode, 43, 0, 0, free, 1}, c, range_error(0, 47)},
        {"6.3 4: size_bits counts for fixed sizes too -> RangeError(0, 47)",
         memory,
         label,
         {endpoint, 64, 0, 0, free, 1},
         c,
         range_error(0, 47)},
        {"6.3 4: ... but below 64 it is not used", memory, label, {endpoint, 63, 0, 0, free, 0}, c, range_error(1, 256)},
        {"6.3 4: size_bits of 64 bits -> RangeError(0, 47)",
         memory,
         label,
         {untyped, u64{1} << 40, 0, 0, free, 1},
         c,
         range_error(0, 47)},
        {"6.3 4: CNode of 2^42 slots is a size", memory, label, {cnode, 42, 0, 0, free, 0}, c, range_error(1, 256)},
        {"6.3 5: CNode of one slot -> InvalidArgument(1)", memory, label, {cnode, 0, 0, 0, free, 1}, c, invalid_argument(1)},
        {"6.3 6: untyped of 8 bytes -> InvalidArgument(1)", memory, label, {untyped, 3, 0, 0, free, 1}, c, invalid_argument(1)},
        {"6.3 6 before 7", memory, label, {untyped, 3, 0, 65, free, 1}, c, invalid_argument(1)},
        {"6.3 7: depth 65 -> RangeError(1, 64)", memory, label, {endpoint, 0, 0, 65, free, 1}, c, range_error(1, 64)},
        {"6.3 7: root not a CNode -> InvalidRoot as destination",
         memory,
         label,
         {endpoint, 0, 0, 64, free, 1},
         {full},
         invalid_root(0)},
        {"6.3 7: guard differs -> FailedLookup",
         memory,
         label,
         {endpoint, 0, ~u64{0}, 64, free, 1},
         c,
         guard_mismatch(0, 64, 0, 51)},
        {"6.3 7: too few bits -> FailedLookup", memory, label, {endpoint, 0, 0, 60, free, 1}, c, depth_mismatch(0, 60, 64)},
        {"6.3 8: node_depth 0 and root not a CNode -> MissingCapability(0)",
         memory,
         label,
         {endpoint, 0, 0, 0, free, 1},
         {full},
         missing(0, 0)},
        {"6.3 8: node_depth 0 and root empty -> MissingCapability(0)",
         memory,
         label,
         {endpoint, 0, 0, 0, free, 1},
         {0},
         missing(0, 0)},
        {"6.3 8: slot found holds no CNode -> MissingCapability(64)",
         memory,
         label,
         {endpoint, 0, full, 64, 0, 1},
         c,
         missing(0, 64)},
        {"6.3 8: slot found is empty -> MissingCapability(64)", memory, label, {endpoint, 0, free, 64, 0, 1}, c, missing(0, 64)},
        {"6.3 8: depth of the lookup is what is told", memory, label, {endpoint, 0, 5, 4, 0, 1}, {nodes}, missing(0, 4)},
        {"6.3 8 before 9", memory, label, {endpoint, 0, full, 64, 99, 0}, c, missing(0, 64)},
        {"6.3 9: offset 16 of 16 slots -> RangeError(0, 15)",
         memory,
         label,
         {endpoint, 0, nodes, 64, 16, 1},
         c,
         range_error(0, 15)},
        {"6.3 9: offset of 64 bits -> RangeError(0, 15)",
         memory,
         label,
         {endpoint, 0, nodes, 64, u64{1} << 40, 1},
         c,
         range_error(0, 15)},
        {"6.3 9 before 10", memory, label, {endpoint, 0, nodes, 64, 16, 0}, c, range_error(0, 15)},
        {"6.3 10: no objects -> RangeError(1, 256)", memory, label, {endpoint, 0, nodes, 64, 0, 0}, c, range_error(1, 256)},
        {"6.3 10: 257 objects -> RangeError(1, 256)", memory, label, {endpoint, 0, nodes, 64, 0, 257}, c, range_error(1, 256)},
        {"6.3 10 before 11", memory, label, {endpoint, 0, nodes, 64, 15, 257}, c, range_error(1, 256)},
        {"6.3 11: 17 objects in 16 slots -> RangeError(1, 16)",
         memory,
         label,
         {endpoint, 0, nodes, 64, 0, 17},
         c,
         range_error(1, 16)},
        {"6.3 11: 2 objects in the last slot -> RangeError(1, 1)",
         memory,
         label,
         {endpoint, 0, nodes, 64, 15, 2},
         c,
         range_error(1, 1)},
        {"6.3 11 before 12", memory, label, {endpoint, 0, nodes, 64, 3, 14}, c, range_error(1, 13)},
        {"6.3 12: slot occupied -> DeleteFirst", memory, label, {endpoint, 0, nodes, 64, 3, 1}, c, delete_first},
        {"6.3 12: one of several slots occupied -> DeleteFirst", memory, label, {endpoint, 0, nodes, 64, 1, 3}, c, delete_first},
        {"6.3 12 before 13", memory, label, {large_page, 0, nodes, 64, 3, 1}, c, delete_first},
        {"6.3 13: 2 MiB from 16 KiB -> NotEnoughMemory(16384)",
         memory,
         label,
         {large_page, 0, nodes, 64, 0, 1},
         c,
         not_enough_memory(16384)},
        {"6.3 13: 5 pages from 16 KiB -> NotEnoughMemory(16384)",
         memory,
         label,
         {small_page, 0, nodes, 64, 4, 5},
         c,
         not_enough_memory(16384)},
    };
    check_cases(cases);
    check("6.3 no failed Retype made anything", empty(free));
    must("use a little", retype(memory, ObjectType::endpoint, 0, free));
    check_answer("6.3 13: free bytes are those behind the marker, before alignment",
                 invoke(memory, label, {small_page, 0, nodes, 64, 4, 4}, {root_cnode}), not_enough_memory(16384 - 16));
    check_answer("6.3 13: what passes fits when aligned, too",
                 invoke(memory, label, {small_page, 0, nodes, 64, 4, 3}, {root_cnode}), done());
    check_answer("6.3 13: full", invoke(memory, label, {endpoint, 0, nodes, 64, 8, 1}, {root_cnode}), not_enough_memory(0));
}

void check_device() {
    CPtr const device = device_untyped(13);
    Scope scope;
    CPtr const free = scope.slot(2);
    struct Row {
        char const* what;
        u64 type, size_bits;
    };
    Row const refused[] = {
        {"6.3 14: a TCB of device memory -> InvalidArgument(1)", tcb, 0},
        {"6.3 14: an endpoint of device memory -> InvalidArgument(1)", endpoint, 0},
        {"6.3 14: a notification of device memory -> InvalidArgument(1)", notification, 0},
        {"6.3 14: a CNode of device memory -> InvalidArgument(1)", cnode, 1},
        {"6.3 14: a PML4 of device memory -> InvalidArgument(1)", pml4, 0},
        {"6.3 14: a PDPT of device memory -> InvalidArgument(1)", pdpt, 0},
    };
    for (Row const& row : refused)
        check_answer(row.what, invoke(device, Label::untyped_retype, {row.type, row.size_bits, 0, 0, free, 1}, {root_cnode}),
                     invalid_argument(1));
    check_answer("6.3 13 before 14", invoke(device, Label::untyped_retype, {cnode, 42, 0, 0, free, 1}, {root_cnode}),
                 not_enough_memory(u64{1} << boot_info().untyped_list[device - boot_info().untyped.start].size_bits));
    check_answer("6.4 a page of device memory", retype(device, ObjectType::small_page, 0, free), done());
    Answer const address = invoke(free, Label::x86_page_get_address);
    check_answer("6.4 ... is at the untyped's start", address,
                 done({boot_info().untyped_list[device - boot_info().untyped.start].physical}));
    check_answer("6.4 device frames cannot be IPC buffers", invoke(scope.tcb(), Label::tcb_set_ipc_buffer, {0x1000}, {free}),
                 illegal_operation);
    check_answer("6.4 an untyped of device memory", retype(device, ObjectType::untyped, 12, free + 1), done());
    check_answer("6.4 ... is a device untyped itself", retype(free + 1, ObjectType::endpoint, 0, scope.slot()),
                 invalid_argument(1));
}

void check_sizes() {
    Scope scope;
    struct Row {
        char const* what;
        ObjectType type;
        u64 size_bits, bytes;
    };
    Row const rows[] = {
        {"6.1 a TCB has 2^11 bytes", ObjectType::tcb, 0, 1 << 11},
        {"6.1 an endpoint has 2^4 bytes", ObjectType::endpoint, 0, 1 << 4},
        {"6.1 a notification has 2^5 bytes", ObjectType::notification, 0, 1 << 5},
        {"6.1 a CNode has 2^5 bytes per slot", ObjectType::cnode, 3, 1 << 8},
        {"6.1 a PDPT has 2^12 bytes", ObjectType::pdpt, 0, 1 << 12},
        {"6.1 a PML4 has 2^12 bytes", ObjectType::pml4, 0, 1 << 12},
        {"6.1 a page has 2^12 bytes", ObjectType::small_page, 0, 1 << 12},
        {"6.1 a page table has 2^12 bytes", ObjectType::page_table, 0, 1 << 12},
        {"6.1 a page directory has 2^12 bytes", ObjectType::page_directory, 0, 1 << 12},
        {"6.1 an untyped of 2^4 bytes", ObjectType::untyped, 4, 1 << 4},
        {"6.1 an untyped of 2^13 bytes", ObjectType::untyped, 13, 1 << 13},
        {"6.1 a large page has 2^21 bytes", ObjectType::large_page, 0, 1 << 21},
    };
    for (Row const& row : rows) {
        unsigned const bits = row.bytes > 1 << 13 ? 22 : 14;
        CPtr const memory = scope.untyped(bits), slot = scope.slot();
        must("an object", retype(memory, row.type, row.size_bits, slot));
        // What is left shows in the error of a request for more.
        check_answer(row.what, retype(memory, ObjectType::untyped, 40, scope.slot()),
                     not_enough_memory((u64{1} << bits) - row.bytes));
    }
}

u64 address_of(CPtr frame) { return invoke(frame, Label::x86_page_get_address).words[0]; }

void check_placement() {
    Scope scope;
    CPtr const memory = scope.untyped(16), frames = scope.slot(8), other = scope.slot(4);
    must("frames", retype(memory, ObjectType::small_page, 0, frames, 4));
    u64 const base = address_of(frames);
    check("6.4 objects start at the untyped's start", base % (1 << 16) == 0);
    check("6.4 objects lie one after the other, in the order of the slots", address_of(frames + 1) == base + 0x1000 &&
                                                                                address_of(frames + 2) == base + 0x2000 &&
                                                                                address_of(frames + 3) == base + 0x3000);
    must("something small", retype(memory, ObjectType::endpoint, 0, other));
    must("a frame behind it", retype(memory, ObjectType::small_page, 0, frames + 4));
    check_equal("6.4 an object's start is the marker rounded up to its size", address_of(frames + 4), base + 0x5000);
    must("something small again", retype(memory, ObjectType::endpoint, 0, other + 1));
    check_answer("6.4 the marker is behind the last object", retype(memory, ObjectType::untyped, 40, other + 2),
                 not_enough_memory(0xa000 - 16));
    for (CPtr i = 0; i < 5; ++i) delete_cap(frames + i);
    check_answer("10.5 deleting single objects gives nothing back", retype(memory, ObjectType::untyped, 40, other + 2),
                 not_enough_memory(0xa000 - 16));
    delete_cap(other);
    delete_cap(other + 1);
    check_answer("6.3 13: without children everything is free", retype(memory, ObjectType::untyped, 40, other + 2),
                 not_enough_memory(0x10000));
    must("a frame", retype(memory, ObjectType::small_page, 0, frames));
    check_equal("6.4 without children the marker is back at 0", address_of(frames), base);
}

void check_new_objects() {
    Scope scope;
    CPtr const made = scope.slot(1);
    CPtr const tcb_made = scope.tcb(), node = scope.cnode(2), e = scope.endpoint(), n = scope.notification(),
               frame = scope.make(ObjectType::small_page);
    check_answer("6.4 a TCB's registers are 0 but for RFLAGS 0x202", invoke(tcb_made, Label::tcb_read_registers, {0, 4}),
                 done({0, 0, 0x202, 0}));
    check_answer("6.4 a TCB has flags 0", invoke(tcb_made, Label::tcb_set_flags, {0, 0}), done({0}));
    check_answer("6.4 a TCB has MCP 0", invoke(initial_tcb, Label::tcb_set_priority, {1}, {tcb_made}), range_error(0, 0));
    check_answer("6.4 a TCB has no notification", invoke(tcb_made, Label::tcb_unbind_notification), illegal_operation);
    check_answer("6.4 a CNode's slots are empty", invoke(root_cnode, Label::cnode_move, {made, depth, 3, 2}, {node}),
                 missing(1, 2));
    check_answer("6.4 an endpoint cap has all rights: cancelling badged sends is allowed",
                 invoke(root_cnode, Label::cnode_cancel_badged_sends, {e, depth}), done());
    check("6.4 an endpoint is idle", receive_now(e).info == no_message);
    check("6.4 a notification is idle", poll(n) == 0);
    check_answer("6.4 badge 0: the notification cap can be minted", mint_cap(scope.slot(), n, 5), done());
    check_answer("6.4 badge 0: the endpoint cap can be minted", mint_cap(scope.slot(), e, 5), done());
    check_answer("6.4 a frame is unmapped: it can be mapped anywhere, where tables are missing",
                 invoke(frame, Label::x86_page_map, {0x10000000000, 3, 0}, {root_vspace}), missing(0, 39));
    check_answer("6.4 256 objects at once", retype(scope.untyped(12), ObjectType::endpoint, 0, scope.slot(256), 256), done());
    CPtr const deep = scope.cnode(3);
    must("a CNode in a CNode", invoke(node, Label::cnode_copy, {1, 2, deep, depth, 15}, {root_cnode}));
    check_answer("6.2 node_index and node_depth lead to another CNode",
                 invoke(scope.memory(), Label::untyped_retype, {endpoint, 0, 1, 2, 7, 1}, {node}), done());
    check_answer("6.2 ... where the object is", invoke(deep, Label::cnode_move, {6, 3, 7, 3}, {deep}), done());
    CPtr const middle = scope.copy(node);
    check_answer("6.2 with depth 0 the root is the CNode, without its guard",
                 invoke(scope.memory(), Label::untyped_retype, {endpoint, 0, 77, 0, 3, 1}, {middle}), done());
}

} // namespace

void check_retype() {
    begin_group("6 Retype");
    check_errors();
    check_device();
    check_sizes();
    check_placement();
    check_new_objects();
}
