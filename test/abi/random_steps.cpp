// SPDX-License-Identifier: Apache-2.0
// What a random step may be. Left out is what no two kernels agree on (physical addresses), what would run code of the checks'
// own (registers of the main thread), and what the original leaves undone (CNodes in CNodes: README.md).
#include "test/abi/random.hpp"
#include "test/abi/world.hpp"

namespace {

class Steps {
public:
    Steps(Random& random, Slots const& slots) : random_(random), slots_(slots) {}

    Step retype() {
        u64 const type = random_.pick({0, 0, 0, 1, 2, 2, 3, 3, 5, 6, 8, 8, 10, 11, 12});
        u64 const size = random_.pick({0, 3, 4, 5, 8, 10, 12, 12, 13, 14, 47, 48, 63, 64});
        u64 const root = random_.below(8) == 0 ? slot() : root_cnode;
        u64 const index = random_.below(8) == 0 ? slot() : 0, bits = random_.pick({0, 0, 0, 0, 0, 64, 65});
        return invocation(slot(), Label::untyped_retype,
                          {type, size, index, bits, slot(), random_.pick({1, 1, 1, 2, 3, 4, 0, 257})}, {root});
    }
    Step cnode() {
        Words const c{root(), root()};
        u64 const rights = random_.below(16), data = random_.pick({0, 1, 5, 60, 63, ~u64{0}});
        switch (random_.below(12)) {
        case 0:
        case 1: return invocation(root_cnode, Label::cnode_copy, {slot(), bits(), slot(), bits(), rights | 1}, c);
        case 2:
        case 3: return invocation(root_cnode, Label::cnode_mint, {slot(), bits(), slot(), bits(), rights | 2, data}, c);
        case 4: return invocation(root_cnode, Label::cnode_move, {slot(), bits(), slot(), bits()}, c);
        case 5: return invocation(root_cnode, Label::cnode_mutate, {slot(), bits(), slot(), bits(), data}, c);
        case 6: return invocation(root_cnode, Label::cnode_rotate, {slot(), bits(), data, slot(), bits(), 0, slot(), bits()}, c);
        case 7: return invocation(root_cnode, Label::cnode_revoke, {slot(), bits()});
        case 8:
        case 9: return invocation(root_cnode, Label::cnode_delete, {slot(), bits()});
        case 10: return invocation(root_cnode, Label::cnode_cancel_badged_sends, {slot(), bits()});
        default: return invocation(root_cnode, Label::cnode_save_caller, {slot(), bits()});
        }
    }
    // CNodes and what is looked up in them.
    Step nodes() {
        u64 const index = random_.below(64), depth_in = random_.below(9),
                  data = random_.pick({0, 1, 2, 61, 62, 63, 64 | 1, 192 | 3});
        switch (random_.below(8)) {
        case 0:
            return invocation(slot(), Label::untyped_retype, {4, random_.below(4), 0, 0, node(), random_.below(3)}, {root_cnode});
        case 1: return invocation(root_cnode, Label::cnode_mint, {node(), depth, node(), depth, 15, data}, {root_cnode});
        case 2: return invocation(root_cnode, Label::cnode_mutate, {node(), depth, node(), depth, data}, {root_cnode});
        case 3:
            return invocation(root_cnode, Label::cnode_rotate, {node(), depth, data, node(), depth, data, node(), depth},
                              {root_cnode, root_cnode});
        case 4:
        case 5: return invocation(node(), Label::cnode_copy, {index, depth_in, slots_.endpoint, depth, 15}, {root_cnode});
        case 6: return invocation(node(), random_.below(2) == 0 ? Label::cnode_delete : Label::cnode_revoke, {index, depth_in});
        default:
            return invocation(root_cnode, random_.below(2) == 0 ? Label::cnode_delete : Label::cnode_revoke, {node(), depth});
        }
    }
    Step tcb() {
        u64 const priority = random_.pick({101, 110, 120, 130, 140, 150, 256});
        u64 const buffer = random_.pick({0, 0x400, 0x800, 0x200, 0x7ffff000});
        Words const spaces{root_cnode, random_.below(2) == 0 ? root_vspace : slot(), slot()};
        u64 const authority = random_.below(4) == 0 ? slot() : slots_.authority;
        switch (random_.below(16)) {
        case 0: return invocation(slot(), Label::tcb_read_registers, {random_.below(4), random_.pick({0, 1, 1, 21})});
        case 1:
            return invocation(slot(), Label::tcb_write_registers,
                              {random_.below(2), random_.below(3), random_.pick({0, 0x1000, u64{1} << 47}), 5});
        case 2:
            return invocation(slot(), Label::tcb_copy_registers, {random_.below(16) & ~u64{4}},
                              {slot()}); // bit 2: copying its own rip, a thread repeats its call forever
        case 3: return invocation(slot(), Label::tcb_configure, {0, 0, 0, buffer}, spaces);
        case 4: return invocation(slot(), Label::tcb_set_space, {0, random_.pick({0, 0, 63}), 0}, spaces);
        case 5: return invocation(slot(), Label::tcb_set_ipc_buffer, {buffer}, {slot()});
        case 6: return invocation(slot(), Label::tcb_set_priority, {priority}, {authority});
        case 7: return invocation(slot(), Label::tcb_set_mc_priority, {priority}, {authority});
        case 8: return invocation(slot(), Label::tcb_set_sched_params, {priority, random_.pick({101, 150, 300})}, {authority});
        case 9: return invocation(slot(), Label::tcb_suspend);
        case 10: return invocation(slot(), Label::tcb_resume);
        case 11:
        case 12: return invocation(slot(), Label::tcb_bind_notification, {}, {slot()});
        case 13: return invocation(slot(), Label::tcb_unbind_notification);
        case 14: return invocation(slot(), Label::tcb_set_flags, {random_.below(2), random_.below(2)});
        default: return invocation(slot(), Label::domain_set_set, {random_.below(2)}, {slot()});
        }
    }
    Step memory() {
        u64 const address = random_.pick(
            {0x1000, 0x2000, 0x200000, 0x40000000, 0x8000000000, 0x1008, 0x7fffffffe000, 0x7ffffffff000, u64{1} << 47});
        switch (random_.below(12)) {
        case 0:
        case 1: return invocation(abi::initial_slot::asid_pool, Label::x86_asid_pool_assign, {}, {slot()});
        case 2:
            return invocation(abi::initial_slot::asid_control, Label::x86_asid_control_make_pool, {slot(), bits()},
                              {slot(), root()});
        case 3: return invocation(slot(), Label::x86_asid_pool_assign, {}, {slot()});
        case 4: return invocation(slot(), Label::x86_pdpt_map, {address, random_.below(8)}, {slot()});
        case 5: return invocation(slot(), Label::x86_page_directory_map, {address, random_.below(8)}, {slot()});
        case 6: return invocation(slot(), Label::x86_page_table_map, {address, random_.below(8)}, {slot()});
        case 7:
        case 8: return invocation(slot(), Label::x86_page_map, {address, random_.below(4), random_.below(8)}, {slot()});
        case 9: return invocation(slot(), Label::x86_page_unmap);
        case 10: return invocation(slot(), Label::x86_page_table_unmap);
        default: return invocation(slot(), random_.below(2) == 0 ? Label::x86_pdpt_unmap : Label::x86_page_directory_unmap);
        }
    }
    Step device() {
        u64 const first = 0x700 + random_.below(16);
        switch (random_.below(8)) {
        case 0:
        case 1:
            return invocation(abi::initial_slot::io_port_control, Label::x86_io_port_control_issue,
                              {first, first + random_.below(4) - 1, slot(), bits()}, {root()});
        case 2:
            return invocation(slot(), static_cast<Label>(std::to_underlying(Label::x86_io_port_in8) + random_.below(3)), {first});
        case 3:
        case 4:
            return invocation(abi::initial_slot::irq_control, Label::x86_irq_issue_irq_handler_msi,
                              {slot(), bits(), 0, 0, random_.below(9), 0, 90 + random_.below(4)}, {root()});
        case 5: return invocation(slot(), Label::irq_set_irq_handler, {}, {slot()});
        case 6: return invocation(slot(), Label::irq_ack_irq);
        default: return invocation(slot(), Label::irq_clear_irq_handler);
        }
    }
    Step message() {
        Step step{.call = static_cast<abi::Syscall>(-1 - static_cast<i64>(random_.below(8))),
                  .cptr = slot(),
                  .label = random_.below(4),
                  .words = {},
                  .caps = {}};
        step.words.count = static_cast<unsigned>(random_.below(9));
        for (unsigned i = 0; i < step.words.count; ++i) step.words.values[i] = (u64{1} << 40) + random_.below(1000);
        step.caps.count = static_cast<unsigned>(random_.pick({0, 0, 1, 1, 2, 3}));
        for (unsigned i = 0; i < step.caps.count; ++i) step.caps.values[i] = slot();
        return step;
    }

private:
    static Step invocation(CPtr object, Label label, Words const& words = {}, Words const& caps = {}) {
        return {.call = abi::Syscall::call, .cptr = object, .label = std::to_underlying(label), .words = words, .caps = caps};
    }
    CPtr slot() { return random_.below(40) == 0 ? 0 : slots_.first + random_.below(slots_.count); }
    CPtr node() { return slots_.first_node + random_.below(slots_.nodes); }
    CPtr root() { return random_.below(20) == 0 ? slot() : root_cnode; }
    u64 bits() { return random_.below(20) == 0 ? random_.pick({0, 1, 60, 63, 65}) : depth; }

    Random& random_;
    Slots const& slots_;
};

} // namespace

Step random_step(Random& random, Slots const& slots) {
    Steps steps(random, slots);
    u64 const kind = random.below(100);
    if (kind < 20) return steps.retype();
    if (kind < 42) return steps.cnode();
    if (kind < 48) return steps.nodes();
    if (kind < 60) return steps.tcb();
    if (kind < 70) return steps.memory();
    if (kind < 76) return steps.device();
    return steps.message();
}
