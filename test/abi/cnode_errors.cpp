// SPDX-License-Identifier: Apache-2.0
// 7.2: every error of every CNode invocation, and which one comes first.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

constexpr Label copy = Label::cnode_copy, mint = Label::cnode_mint, move = Label::cnode_move, mutate = Label::cnode_mutate,
                rotate = Label::cnode_rotate, revoke = Label::cnode_revoke, remove = Label::cnode_delete,
                cancel = Label::cnode_cancel_badged_sends, save = Label::cnode_save_caller;

void check_target() {
    Scope scope;
    CPtr const from = scope.endpoint(), to = scope.slot();
    struct Operation {
        char const *one_word, *range, *lookup, *occupied;
        Label label;
    };
#define OPERATION(name, label)                                                                                                   \
    {"7.2 " name ": one word -> TruncatedMessage", "7.2 " name ": depth 0 -> RangeError(1, 64)",                                 \
     "7.2 " name ": target's guard -> GuardMismatch as destination", "7.2 " name ": target occupied -> DeleteFirst", label}
    Operation const operations[] = {OPERATION("Copy", copy),      OPERATION("Mint", mint),
                                    OPERATION("Move", move),      OPERATION("Mutate", mutate),
                                    OPERATION("Rotate", rotate),  OPERATION("Revoke", revoke),
                                    OPERATION("Delete", remove),  OPERATION("CancelBadgedSends", cancel),
                                    OPERATION("SaveCaller", save)};
    for (Operation const& o : operations) {
        check_answer(o.one_word, invoke(root_cnode, o.label, {to}, {root_cnode, root_cnode}), truncated);
        check_answer(o.range, invoke(root_cnode, o.label, {to, 0, from, depth, 15, 0, from, depth}, {root_cnode, root_cnode}),
                     range_error(1, 64));
        check_answer(o.lookup,
                     invoke(root_cnode, o.label, {~u64{0}, depth, from, depth, 15, 0, from, depth}, {root_cnode, root_cnode}),
                     guard_mismatch(0, 64, 0, 51));
    }
    CPtr const full = scope.notification();
    for (Operation const& o : operations) {
        if (o.label == revoke || o.label == remove || o.label == cancel || o.label == rotate) continue;
        check_answer(o.occupied,
                     invoke(root_cnode, o.label, {full, depth, from, depth, 15, 0, from, depth}, {root_cnode, root_cnode}),
                     delete_first);
    }
}

void check_copies() {
    Scope scope;
    CPtr const from = scope.endpoint(), to = scope.slot(), none = scope.slot(), full = scope.notification();
    CPtr const parent = scope.untyped(12), table = scope.make(ObjectType::page_table), pml4 = scope.make(ObjectType::pml4);
    must("a child", retype(parent, ObjectType::endpoint, 0, scope.slot()));
    Words const c{root_cnode};
    Case const cases[] = {
        {"7.2 Copy 2: 3 words -> TruncatedMessage", root_cnode, copy, {to, depth, from}, c, truncated},
        {"7.2 Copy 2: no capability -> TruncatedMessage", root_cnode, copy, {to, depth, from, depth, 15}, {}, truncated},
        {"7.2 Copy 2 before 3", root_cnode, copy, {full, depth, from, depth, 15}, {}, truncated},
        {"7.2 Copy: lookup of the target before 2", root_cnode, copy, {~u64{0}, depth}, {}, guard_mismatch(0, 64, 0, 51)},
        {"7.2 Copy 3 before 4", root_cnode, copy, {full, depth, from, 0, 15}, {full}, delete_first},
        {"7.2 Copy 4: source root not a CNode -> InvalidRoot",
         root_cnode,
         copy,
         {to, depth, from, depth, 15},
         {full},
         invalid_root(1)},
        {"7.2 Copy 4: source depth 65 -> RangeError(1, 64)", root_cnode, copy, {to, depth, from, 65, 15}, c, range_error(1, 64)},
        {"7.2 Copy 4: source's guard -> GuardMismatch as source",
         root_cnode,
         copy,
         {to, depth, ~u64{0}, depth, 15},
         c,
         guard_mismatch(1, 64, 0, 51)},
        {"7.2 Copy 5: source empty -> MissingCapability(depth)",
         root_cnode,
         copy,
         {to, depth, none, depth, 15},
         c,
         missing(1, 64)},
        {"7.2 Copy 5 before 6", root_cnode, copy, {to, depth, none, depth}, c, missing(1, 64)},
        {"7.2 Copy 6: 4 words -> TruncatedMessage", root_cnode, copy, {to, depth, from, depth}, c, truncated},
        {"7.2 Copy 6 before 7", root_cnode, copy, {to, depth, parent, depth}, c, truncated},
        {"7.2 Copy 7: untyped with children -> RevokeFirst", root_cnode, copy, {to, depth, parent, depth, 15}, c, revoke_first},
        {"7.2 Copy 7: unmapped page table -> IllegalOperation",
         root_cnode,
         copy,
         {to, depth, table, depth, 15},
         c,
         illegal_operation},
        {"7.2 Copy 7: PML4 without ASID -> IllegalOperation",
         root_cnode,
         copy,
         {to, depth, pml4, depth, 15},
         c,
         illegal_operation},
        {"7.2 Copy 9: IRQ control -> IllegalOperation", root_cnode, copy, {to, depth, 4, depth, 15}, c, illegal_operation},
        {"7.2 Copy 9: I/O port control -> IllegalOperation", root_cnode, copy, {to, depth, 7, depth, 15}, c, illegal_operation},
        {"7.2 Mint 2: 3 words -> TruncatedMessage", root_cnode, mint, {to, depth, from}, c, truncated},
        {"7.2 Mint 5: source empty -> MissingCapability(depth)",
         root_cnode,
         mint,
         {to, depth, none, depth, 15, 0},
         c,
         missing(1, 64)},
        {"7.2 Mint 6: 5 words -> TruncatedMessage", root_cnode, mint, {to, depth, from, depth, 15}, c, truncated},
        {"7.2 Mint 7: untyped with children -> RevokeFirst",
         root_cnode,
         mint,
         {to, depth, parent, depth, 15, 0},
         c,
         revoke_first},
        {"7.2 Mint 9: IRQ control -> IllegalOperation", root_cnode, mint, {to, depth, 4, depth, 15, 0}, c, illegal_operation},
        {"7.2 Move 2: 3 words -> TruncatedMessage", root_cnode, move, {to, depth, from}, c, truncated},
        {"7.2 Move 2: no capability -> TruncatedMessage", root_cnode, move, {to, depth, from, depth}, {}, truncated},
        {"7.2 Move 4: source depth 0 -> RangeError(1, 64)", root_cnode, move, {to, depth, from, 0}, c, range_error(1, 64)},
        {"7.2 Move 5: source empty -> MissingCapability(depth)", root_cnode, move, {to, depth, none, depth}, c, missing(1, 64)},
        {"7.2 Move 3: to itself -> DeleteFirst", root_cnode, move, {from, depth, from, depth}, c, delete_first},
        {"7.2 Mutate 2: 3 words -> TruncatedMessage", root_cnode, mutate, {to, depth, from}, c, truncated},
        {"7.2 Mutate 5: source empty -> MissingCapability(depth)",
         root_cnode,
         mutate,
         {to, depth, none, depth, 0},
         c,
         missing(1, 64)},
        {"7.2 Mutate 6: 4 words -> TruncatedMessage", root_cnode, mutate, {to, depth, from, depth}, c, truncated},
        {"7.2 Mutate 9: endpoint -> IllegalOperation", root_cnode, mutate, {to, depth, from, depth, 1}, c, illegal_operation},
        {"7.2 Move: an unmapped page table", root_cnode, move, {to, depth, table, depth}, c, done()},
        {"7.2 Move: back", root_cnode, move, {table, depth, to, depth}, c, done()},
        {"7.2 Move: an untyped with children", root_cnode, move, {to, depth, parent, depth}, c, done()},
        {"7.2 Move: back, too", root_cnode, move, {parent, depth, to, depth}, c, done()},
        {"7.2 Move: IRQ control", root_cnode, move, {to, depth, 4, depth}, c, done()},
        {"7.2 Move: IRQ control back", root_cnode, move, {4, depth, to, depth}, c, done()},
        {"7.2 Mutate: a TCB, data ignored", root_cnode, mutate, {to, depth, scope.tcb(), depth, 5}, c, done()},
    };
    check_cases(cases);
}

void check_rotate() {
    Scope scope;
    CPtr const source = scope.tcb(), pivot = scope.cnode(2), target = scope.slot(), none = scope.slot(), full = scope.endpoint();
    Words const c{root_cnode, root_cnode};
    auto const words = [](CPtr to, CPtr over, CPtr from, u64 pivot_data = 0, u64 source_data = 0) {
        return Words{to, depth, pivot_data, over, depth, source_data, from, depth};
    };
    Case const cases[] = {
        {"7.2 Rotate 2: 7 words -> TruncatedMessage",
         root_cnode,
         rotate,
         {target, depth, 0, pivot, depth, 0, source},
         c,
         truncated},
        {"7.2 Rotate 2: 1 capability -> TruncatedMessage",
         root_cnode,
         rotate,
         words(target, pivot, source),
         {root_cnode},
         truncated},
        {"7.2 Rotate 3: source root not a CNode -> InvalidRoot as source",
         root_cnode,
         rotate,
         words(target, pivot, source),
         {root_cnode, full},
         invalid_root(1)},
        {"7.2 Rotate 3: source not found", root_cnode, rotate, words(target, pivot, ~u64{0}), c, guard_mismatch(1, 64, 0, 51)},
        {"7.2 Rotate 3: source depth 0 -> RangeError(1, 64)",
         root_cnode,
         rotate,
         {target, depth, 0, pivot, depth, 0, source, 0},
         c,
         range_error(1, 64)},
        {"7.2 Rotate 3 before 4", root_cnode, rotate, words(target, ~u64{0}, source), {full, full}, invalid_root(1)},
        {"7.2 Rotate 4: pivot root not a CNode -> InvalidRoot as source",
         root_cnode,
         rotate,
         words(target, pivot, source),
         {full, root_cnode},
         invalid_root(1)},
        {"7.2 Rotate 4: pivot not found", root_cnode, rotate, words(target, ~u64{0}, source), c, guard_mismatch(1, 64, 0, 51)},
        {"7.2 Rotate 4: pivot depth 65 -> RangeError(1, 64)",
         root_cnode,
         rotate,
         {target, depth, 0, pivot, 65, 0, source, depth},
         c,
         range_error(1, 64)},
        {"7.2 Rotate 5: pivot is the source -> IllegalOperation", root_cnode, rotate, words(target, source, source), c,
         illegal_operation},
        {"7.2 Rotate 5: pivot is the target -> IllegalOperation", root_cnode, rotate, words(pivot, pivot, source), c,
         illegal_operation},
        {"7.2 Rotate 5 before 6", root_cnode, rotate, words(full, full, source), c, illegal_operation},
        {"7.2 Rotate 6: target occupied -> DeleteFirst", root_cnode, rotate, words(full, pivot, source), c, delete_first},
        {"7.2 Rotate 6 before 7", root_cnode, rotate, words(full, pivot, none), c, delete_first},
        {"7.2 Rotate 7: source empty -> MissingCapability as source", root_cnode, rotate, words(target, pivot, none), c,
         missing(1, 64)},
        {"7.2 Rotate 7 before 8", root_cnode, rotate, {target, depth, 0, none, depth, 0, none + 2000, depth}, c, missing(1, 64)},
        {"7.2 Rotate 8: pivot empty -> MissingCapability as destination", root_cnode, rotate, words(target, none, source), c,
         missing(0, 64)},
        {"7.2 Rotate 9: source's data refused -> IllegalOperation", root_cnode, rotate, words(target, pivot, full), c,
         illegal_operation},
        {"7.2 Rotate 9: pivot's data refused -> IllegalOperation", root_cnode, rotate, words(target, full, source), c,
         illegal_operation},
        {"7.2 Rotate 9: a guard too large -> IllegalOperation", root_cnode, rotate, words(target, pivot, source, 63), c,
         illegal_operation},
        {"7.2 Rotate", root_cnode, rotate, words(target, pivot, source, u64{1} << 6 | 2), c, done()},
        {"7.2 Rotate: the source is at the pivot's place", pivot, Label::tcb_suspend, {}, {}, done()},
        {"7.2 Rotate: the pivot is at the target, its guard is MR2", target, remove, {0x4, 4}, {}, done()},
        {"7.2 Rotate: its guard is MR2", target, remove, {0x8, 4}, {}, guard_mismatch(0, 4, 1, 2)},
        {"7.2 Rotate: the source's place is empty", source, Label::tcb_suspend, {}, {}, invalid_capability(0)},
        {"7.2 Rotate with target = source swaps", root_cnode, rotate, words(target, pivot, target, 0, u64{3} << 6 | 2), c,
         done()},
        {"7.2 ... the pivot's capability is here", target, Label::tcb_suspend, {}, {}, done()},
        {"7.2 ... and the source's there, its guard is MR5", pivot, remove, {0x0, 4}, {}, guard_mismatch(0, 4, 3, 2)},
    };
    check_cases(cases);
}

void check_others() {
    Scope scope;
    CPtr const none = scope.slot(), endpoint = scope.endpoint(), notification = scope.notification();
    Case const cases[] = {
        {"7.2 Revoke of an empty slot", root_cnode, revoke, {none, depth}, {}, done()},
        {"7.2 Revoke of a capability without descendants", root_cnode, revoke, {endpoint, depth}, {}, done()},
        {"7.2 ... leaves it", root_cnode, copy, {scope.slot(), depth, endpoint, depth, 15}, {root_cnode}, done()},
        {"7.2 Delete of an empty slot", root_cnode, remove, {none, depth}, {}, done()},
        {"7.2 CancelBadgedSends: empty slot -> IllegalOperation", root_cnode, cancel, {none, depth}, {}, illegal_operation},
        {"7.2 CancelBadgedSends: a notification -> IllegalOperation",
         root_cnode,
         cancel,
         {notification, depth},
         {},
         illegal_operation},
        {"7.2 CancelBadgedSends: badge 0", root_cnode, cancel, {endpoint, depth}, {}, done()},
        {"7.2 SaveCaller without a caller", root_cnode, save, {none, depth}, {}, done()},
        {"7.2 ... leaves the target empty", root_cnode, move, {scope.slot(), depth, none, depth}, {root_cnode}, missing(1, 64)},
    };
    check_cases(cases);
}

} // namespace

void check_cnode_errors() {
    begin_group("7.2 CNode errors");
    check_target();
    check_copies();
    check_rotate();
    check_others();
}
