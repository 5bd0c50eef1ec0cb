// SPDX-License-Identifier: Apache-2.0
#include "test/hostile/family.hpp"

using abi::Label;

namespace {

constexpr u64 window = 0x40000000, kernel_window = 0xffffff8000000000;
constexpr u64 max_calls_per_turn = 1'000'000; // more is no count: the orders were overwritten
constexpr unsigned radix = Child::cnode_radix, loose_bits = 16, memory_bits = 18;
constexpr u64 first_own_slot = 48; // from here on it puts what it makes
enum Slots : u64 { fault_receive = Child::first_free_slot, worker_tcb };
constexpr Label none = Label::invalid_invocation;

struct Labels {
    Label first, last;
};
Labels labels_of(abi::CapType type) {
    switch (type) {
    case abi::CapType::frame: return {Label::x86_page_map, Label::x86_page_get_address};
    case abi::CapType::page_table: return {Label::x86_page_table_map, Label::x86_page_table_unmap};
    case abi::CapType::page_directory: return {Label::x86_page_directory_map, Label::x86_page_directory_unmap};
    case abi::CapType::pdpt: return {Label::x86_pdpt_map, Label::x86_pdpt_unmap};
    default: return {none, none};
    }
}

} // namespace

Family::Family(Supply& supply, Kind kind, Shared const& shared, u64 seed)
    : worker_(supply), handler_(supply, worker_), orders_(*reinterpret_cast<Orders*>(worker_.data_view)),
      loose_(supply.make<user::Untyped>(loose_bits)), kind_(kind) {
    orders_.random = seed | 1;
    orders_.buffer = Child::buffer;
    orders_.handler_buffer = Child::buffer + page_size;
    orders_.window = kind == Kind::faulting ? kernel_window : window;
    orders_.worker = Child::address_of(reinterpret_cast<void const*>(hostile_worker));
    orders_.stack = Child::stack_top;
    orders_.fault_slot = fault_receive;
    orders_.worker_slot = worker_tcb;
    give_threads(shared);
    if (kind == Kind::everything) give_authority(supply, shared);
    if (kind == Kind::everything || kind == Kind::paging || kind == Kind::self_destruct) give_paging(supply);
    if (kind == Kind::self_destruct) {
        for (u64 const cptr : supply.structures()) give_away(cptr);
        for (u64 const cptr : worker_.frames) give_away(cptr);
    }
    supply.structures().clear();
}

void Family::allow(u64 slot, Label first, Label last, unsigned weight) {
    for (unsigned i = 0; i < weight; ++i)
        orders_.pairs[orders_.pair_count++] = {static_cast<u16>(slot), static_cast<u16>(first), static_cast<u16>(last)};
}

void Family::give(u64 cptr, Label first, Label last) {
    grants_.push({next_slot_, cptr});
    allow(next_slot_++, first, last);
}

void Family::give_new(abi::ObjectType type, Label first, Label last) {
    grants_.push({next_slot_, 0, type});
    allow(next_slot_++, first, last);
}

// The very capability: deleting it deletes the mapping.
void Family::give_away(u64 cptr) {
    Labels const labels = labels_of(user::debug_identify(cptr));
    must("give a capability away", worker_.cnode.move(next_slot_, own_cnode.at(cptr), radix));
    allow(next_slot_++, labels.first, labels.last);
}

void Family::give_threads(Shared const& shared) {
    give(worker_.faults.cptr, none, none);
    give(worker_.tcb.cptr, Label::tcb_read_registers, Label::tcb_set_flags);
    give(handler_.tcb.cptr, Label::tcb_read_registers, Label::tcb_set_flags);
    give(shared.endpoint.cptr, none, none);
    give(shared.notification.cptr, none, none);
}

void Family::give_paging(Supply& supply) {
    for (int i = 0; i < 6; ++i) give(supply.make<user::Frame>().cptr, Label::x86_page_map, Label::x86_page_get_address);
    for (int i = 0; i < 2; ++i) give_new(abi::ObjectType::page_table, Label::x86_page_table_map, Label::x86_page_table_unmap);
    give_new(abi::ObjectType::page_directory, Label::x86_page_directory_map, Label::x86_page_directory_unmap);
    give_new(abi::ObjectType::pdpt, Label::x86_pdpt_map, Label::x86_pdpt_unmap);
    give(worker_.space.cptr, none, none);
    give(worker_.cnode.cptr, Label::cnode_revoke, Label::cnode_save_caller);
}

void Family::give_authority(Supply& supply, Shared const& shared) {
    u64 const memory = next_slot_;
    give(supply.make<user::Untyped>(memory_bits).cptr, Label::untyped_retype, Label::untyped_retype);
    allow(memory, Label::untyped_retype, Label::untyped_retype, 4);
    give(shared.ports, Label::x86_io_port_in8, Label::x86_io_port_out32);
    give(shared.interrupt, Label::irq_ack_irq, Label::irq_clear_irq_handler);
    give(abi::initial_slot::asid_pool, Label::x86_asid_pool_assign, Label::x86_asid_pool_assign);
    give(abi::initial_slot::asid_control, Label::x86_asid_control_make_pool, Label::x86_asid_control_make_pool);
    give(abi::initial_slot::domain, Label::domain_set_set, Label::domain_set_set);
    give_new(abi::ObjectType::tcb, Label::tcb_read_registers, Label::tcb_set_flags);
    give_new(abi::ObjectType::cnode, Label::cnode_revoke, Label::cnode_save_caller);
    allow(worker_tcb, Label::tcb_set_ept_root, Label::vcpu_write_msr);
    allow(worker_tcb, Label::tcb_set_upcall, Label::tcb_set_upcall);
    allow(worker_tcb, Label::tcb_set_shared_root, Label::tcb_set_shared_root);
    // What Retype and the CNode operations put somewhere is used, too.
    for (u64 slot = first_own_slot; slot < u64{1} << radix; ++slot) {
        allow(slot, Label::tcb_read_registers, Label::x86_asid_pool_assign);
        allow(slot, Label::tcb_set_ept_root, Label::x86_page_map_ept);
        allow(slot, Label::frame_carve, Label::tcb_set_shared_root);
    }
}

void Family::repair() {
    for (auto const* const child : {&worker_, &handler_}) {
        u64 const buffer = child == &worker_ ? Child::buffer : Child::buffer + page_size;
        u64 const frame = child->frames[child->frames.size() - 1];
        // What it gave away itself it does not get back.
        [[maybe_unused]] auto const done = child->tcb.configure({Child::fault_slot, child->cnode, user::plain_guard(radix), child->space},
                                                                {buffer}, {frame});
        [[maybe_unused]] auto const off = child->tcb.set_upcall({});
    }
    [[maybe_unused]] auto const endpoint = worker_.cnode.mint(Child::fault_slot, own_cnode.at(worker_.faults.cptr),
                                                              abi::right::write | abi::right::grant_reply, 0x77, radix);
    for (Grant const& grant : grants_) { // most are there: refused with DeleteFirst
        if (grant.cptr) {
            [[maybe_unused]] auto const copied = worker_.cnode.copy(grant.slot, own_cnode.at(grant.cptr), abi::right::all, radix);
            continue;
        }
        auto const made = loose_.retype(grant.type, 2, worker_.cnode, grant.slot); // size_bits is for CNodes
        if (!made && made.error().code == abi::Error::not_enough_memory) must("revoke", own_cnode.revoke(loose_.cptr));
    }
}

void Family::start() {
    repair();
    auto const handler = kind_ == Kind::faulting ? hostile_stubborn_handler : hostile_handler;
    auto registers = handler_.at(Child::address_of(reinterpret_cast<void const*>(handler)));
    registers.rdi = Child::data;
    handler_.start(registers);
    registers = worker_.at(Child::address_of(reinterpret_cast<void const*>(hostile_worker)));
    registers.rdi = Child::data;
    worker_.start(registers);
}

u64 Family::calls() {
    u64 const now = orders_.calls;
    u64 const made = now - counted_;
    counted_ = now;
    return made < max_calls_per_turn ? made : 0;
}
