// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "kernel/testing/ipc_world.hpp"

#include <algorithm>

#include "kernel/capability/derivation.hpp"
#include "kernel/device/vcpu.hpp"

using namespace abi::initial_slot;

namespace {

constexpr unsigned radix = 7; // of the root CNode
constexpr unsigned inner_radix = 4;
constexpr u64 buffer_address = 0x10000000;
constexpr unsigned irq_line = 3;

u64 guard_word(u64 guard, unsigned size) { return guard << 6 | size; }

TestKernel::Options options() {
    TestKernel::Options options;
    options.kernel.debug_calls = DebugCalls::none;
    options.root_radix = radix;
    return options;
}

} // namespace

IpcWorld::IpcWorld() : world_(options()), state_(world_) {
    world_.checking = false;
    world_.machine.guests = {.present = true, .nested_paging = true, .asids = 4, .cr4_bits = 0x7ff, .efer_bits = 0xd01, .physical_mask = 0xffffffffff,
                             .msr_permissions = {0x3000}, .composed_root = {0x8000}};
    make_objects();
    make_state();
}

void IpcWorld::make_objects() {
    u64 const own[] = {abi::right::all, abi::right::write, abi::right::read, abi::right::write | abi::right::grant,
                       abi::right::write | abi::right::grant_reply, abi::right::read | abi::right::grant};
    for (unsigned i = 0; i < endpoints; ++i) {
        endpoint_caps_[i].push_back(world_.endpoint());
        for (u64 const rights : own) endpoint_caps_[i].push_back(world_.mint(endpoint_caps_[i][0], 0x10 + i, rights));
    }
    for (unsigned i = 0; i < notifications; ++i) {
        notification_caps_[i].push_back(world_.notification());
        notification_caps_[i].push_back(world_.mint(notification_caps_[i][0], u64{1} << i, abi::right::write));
        notification_caps_[i].push_back(world_.mint(notification_caps_[i][0], u64{1} << (8 + i)));
        notification_caps_[i].push_back(world_.mint(notification_caps_[i][0], 0, abi::right::read));
    }
    for (unsigned i = 0; i < threads; ++i) {
        Thread& thread = world_.thread();
        CPtr const frame = thread.cptr() - 1;
        members_.push_back({&thread, frame, world_.mint(frame, 0, abi::right::read), 0});
    }
    vspaces_.push_back(vspace);
    for (unsigned i = 0; i < 2; ++i) {
        vspaces_.push_back(world_.object(ObjectType::pml4));
        EXPECT_EQ(world_.invoke(asid_pool, Label::x86_asid_pool_assign, {}, {vspaces_.back()}), success);
    }
    // One is an address space that has lost its ASID.
    auto const lost = world_.get<Pml4Cap>(vspaces_.back());
    world_.kernel.asids.release(lost.asid, lost.table);
    // A CNode that leads to the root CNode twice: directly, and with a guard in between.
    inner_cnode_ = world_.cnode(inner_radix);
    for (u64 const guard : {u64{0}, u64{5}})
        EXPECT_EQ(world_.invoke(inner_cnode_, Label::cnode_mint,
                                {guard == 0 ? 5u : 9u, inner_radix, cnode, 64, abi::right::all,
                                 guard_word(guard, 64 - radix - inner_radix)},
                                {cnode}),
                  success);
    flat_cnode_ = world_.mint(cnode, guard_word(0, 0));
    vcpu_ = world_.object(ObjectType::vcpu);
    nested_root_ = world_.object(ObjectType::ept_pml4);
    EXPECT_EQ(world_.invoke(asid_pool, Label::x86_asid_pool_assign, {}, {nested_root_}), success);
    CPtr const handler = world_.next_slot();
    EXPECT_EQ(world_.invoke(irq_control, Label::x86_irq_issue_irq_handler_io_apic, {handler, 64, 0, 5, 0, 0, irq_line}, {cnode}),
              success);
    EXPECT_EQ(world_.invoke(handler, Label::irq_set_irq_handler, {}, {notification_caps_[0][2]}), success);
    for (unsigned i = 0; i < 8; ++i) empty_slots_.push_back(world_.next_slot());
}

void IpcWorld::make_state() {
    state_.add_kernel();
    state_.add_thread("root thread", world_.root().tcb());
    for (unsigned i = 0; i < threads; ++i) state_.add_thread("thread " + std::to_string(i), members_[i].thread->tcb());
    state_.add("root CNode", &world_.slot(0), world_.root_size() * sizeof(Slot));
    state_.add("inner CNode", world_.get<CNodeCap>(inner_cnode_).slots, sizeof(Slot) << inner_radix);
    for (unsigned i = 0; i < endpoints; ++i)
        state_.add("endpoint " + std::to_string(i), &world_.at<Endpoint>(endpoint_caps_[i][0]), sizeof(Endpoint));
    for (unsigned i = 0; i < notifications; ++i)
        state_.add("notification " + std::to_string(i), &world_.at<Notification>(notification_caps_[i][0]), sizeof(Notification));
    // Of the Vcpu, the I/O permission map between these two stays.
    Vcpu& vcpu = world_.at<Vcpu>(vcpu_);
    auto* const behind_map = reinterpret_cast<std::byte*>(&vcpu) + 0x3000;
    state_.add("vcpu, page 0", &vcpu, sizeof vcpu.vmcb());
    state_.add("vcpu, page 3", behind_map, sizeof vcpu - 0x3000);
    state_.watch_rest_of_arena({u64{1} << 20}, machine::physical(&world_.at<PageTable>(nested_root_)) + sizeof(PageTable));
}

void IpcWorld::configure(Random& random) {
    steps_ = 0;
    for (Member& member : members_) set_up(member, random);
    if (random.one_in(4)) {
        CPtr const thread = random.pick_in(members_).thread->cptr();
        EXPECT_EQ(world_.invoke(vcpu_, Label::vcpu_set_tcb, {}, {thread}), success);
        if (random.pick(4)) world_.invoke(thread, Label::tcb_set_ept_root, {}, {nested_root_});
        if (random.pick(4)) world_.invoke(thread, Label::tcb_bind_notification, {}, {notification_caps_[0][0]});
    }
    world_.root().invoke(tcb, Label::tcb_suspend);
}

void IpcWorld::set_up(Member& member, Random& random) {
    CPtr const thread = member.thread->cptr();
    Tcb& own = member.thread->tcb();
    set_up_space(member, random);
    u64 const priority = random.pick(8) ? 9 + random.pick(3) : random.pick_of<u64>({0, 63, 64, 254, 255});
    EXPECT_EQ(world_.invoke(thread, Label::tcb_set_priority, {priority}, {tcb}), success);
    if (random.one_in(6)) world_.invoke(thread, Label::tcb_set_flags, {0, 1});
    if (random.one_in(4)) // refused when it is bound already
        world_.invoke(thread, Label::tcb_bind_notification, {}, {notification_caps_[random.pick(notifications)][0]});
    if (random.one_in(6)) set_up_upcall(member, random);
    if (random.one_in(6)) { // stops it
        world_.invoke(thread, Label::tcb_set_flags, {0, abi::thread_flag::compatibility});
        if (random.pick(3)) world_.invoke(thread, Label::tcb_set_ept_root, {}, {nested_root_});
        own.set_wide(own.is_32_bit() && random.pick(2));
        world_.invoke(thread, Label::tcb_resume);
    }
    if (random.one_in(20)) world_.invoke(thread, Label::tcb_suspend);
    for (std::byte& byte : std::span(own.context.fpu).first(8)) byte = static_cast<std::byte>(random.word());
    own.registers().fs_base = random.pick(4) ? random.pick(1 << 20) : random.word();
    own.registers().gs_base = random.pick(1 << 20);
}

void IpcWorld::set_up_space(Member& member, Random& random) {
    CPtr const thread = member.thread->cptr();
    member.cspace = static_cast<unsigned>(random.pick(3) ? 0 : random.pick(6));
    u64 const data = member.cspace == 3 ? guard_word(3, 64 - radix) : 0;
    bool const inner = member.cspace == 1 || member.cspace == 2;
    CPtr const handler = random.pick(6) ? random.pick_in(endpoint_caps_[random.pick(endpoints)]) : random.pick(4);
    CPtr const root = inner ? inner_cnode_ : member.cspace == 4 ? flat_cnode_ : cnode;
    EXPECT_EQ(world_.invoke(thread, Label::tcb_set_space, {0, data, 0}, {root, random.pick_in(vspaces_)}), success);
    member.thread->tcb().fault_handler = address(member, handler, random);

    // The frame and where in it: its own, another's, one it may not write, or none.
    CPtr frame = member.frame;
    if (random.one_in(16)) frame = random.pick_in(members_).frame;
    if (random.one_in(16)) frame = member.read_only_frame;
    u64 const at = random.one_in(16) ? 0 : buffer_address;
    if (frame != member.frame || at != buffer_address) {
        EXPECT_EQ(world_.invoke(thread, Label::tcb_set_ipc_buffer, {at}, {frame}), success);
    }
    // What revoking a CNode or an address space leaves.
    auto const empty = [&](Tcb::SlotIndex index) { delete_simple(world_.kernel, member.thread->tcb().slot(index)); };
    if (member.cspace == 5) empty(Tcb::cspace);
    if (random.one_in(12)) empty(Tcb::vspace);
    if (random.one_in(12)) empty(Tcb::reply_master); // as before the thread's first Resume
}

void IpcWorld::set_up_upcall(Member const& member, Random& random) {
    u64 const start = random.pick(2) ? 0x400000 : 0x500000;
    world_.invoke(member.thread->cptr(), Label::tcb_set_upcall,
                  {0x500000, 0x7000, start, start + 0x1000, buffer_address + sizeof(abi::IpcBuffer), random.pick(8)});
}

CPtr IpcWorld::address(Member const& member, CPtr slot, Random& random) const {
    switch (member.cspace) {
    case 1: return u64{5} << 60 | slot;
    case 2: return u64{9} << 60 | u64{5} << radix | slot;
    case 3: return u64{3} << radix | slot;
    case 4: return slot << (64 - radix) | random.pick(16); // what lies behind the index counts for nothing
    default: return slot;
    }
}

IpcWorld::Member* IpcWorld::member_of(Tcb const& thread) {
    auto const found = std::find_if(members_.begin(), members_.end(), [&](Member const& member) { return &member.thread->tcb() == &thread; });
    return found == members_.end() ? nullptr : &*found;
}
