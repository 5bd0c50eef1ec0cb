// SPDX-License-Identifier: Apache-2.0
// Random system calls of several threads over a small world. No answer is expected; the state must be consistent after every
// call. TESSERA_RANDOM_CALLS sets how many calls are made (default 100000), TESSERA_RANDOM_SEED the first seed.
#include "base/gtest.hpp"

#include <random>

#include "kernel/device/vcpu.hpp"
#include "kernel/testing/random.hpp"
#include "kernel/testing/test_kernel.hpp"

namespace {

constexpr unsigned radix = 6;
constexpr CPtr master = 15;       // the untyped that everything comes from; it stays
constexpr CPtr threads[] = {12, 13, 14}; // these stay too; what happens to them is at random
constexpr CPtr first_slot = 16;   // from here on slots are changed at random
constexpr u64 page_base = 0x200000;

class RandomUsers {
public:
    explicit RandomUsers(u64 seed) : random_(seed), world_(options()) {
        CPtr const untyped = world_.untyped(17);
        EXPECT_EQ(world_.try_move(master, untyped), success);
        for (CPtr const kept : threads) EXPECT_EQ(world_.try_move(kept, world_.thread().cptr()), success);
        world_.repeating = false;
        world_.machine.guests = {.present = true, .nested_paging = true, .asids = 4, .cr4_bits = 0x7ff, .efer_bits = 0xd01, .physical_mask = 0xffffffffff,
                                 .msr_permissions = {0x3000}, .composed_root = {0x8000}};
    }

    void step() {
        // Another thread may come to revoke what the root thread's capability space stands on: then this world is over.
        if (!world_.root().tcb().runnable()) return;
        world_.machine.interrupt_pending = pick(3) == 0;
        if (pick(40) == 0) return event();
        Thread actor = some_actor();
        if (actor.state() == ThreadState::running_vm) return stop_guest(actor.tcb());
        if (stands_at_system_call(actor.tcb())) {
            actor.again();
            return;
        }
        actor.tcb().registers().rip = at_system_call;
        actor.tcb().context.next_ip = at_system_call;
        if (&actor.tcb() == &world_.root().tcb() || pick(2)) operate(actor);
        else communicate(actor);
    }
    std::string unclear_memory() { return world_.unclear_memory(); }
    unsigned preemptions() const { return world_.preemptions; }
    unsigned guest_runs() const { return guest_runs_; }

private:
    static TestKernel::Options options() {
        TestKernel::Options options;
        options.kernel = {.debug_calls = DebugCalls::none, .preemption_interval = 2};
        options.root_radix = radix;
        return options;
    }
    u64 pick(u64 below) { return random_() % below; }
    template <class T, std::size_t N> T pick_of(T const (&choices)[N]) { return choices[pick(N)]; }
    CPtr any_slot() { return first_slot + pick(world_.root_size() - first_slot); }
    CPtr empty_slot() {
        for (int i = 0; i < 8; ++i)
            if (CPtr const slot = any_slot(); world_.empty(slot)) return slot;
        return any_slot();
    }
    // A slot with such a capability, if one is found soon.
    CPtr slot_with(CapType type) {
        CPtr const start = any_slot() - first_slot;
        u64 const count = world_.root_size() - first_slot;
        for (u64 i = 0; i < count; ++i)
            if (CPtr const slot = first_slot + (start + i) % count; world_.cap(slot).type() == type) return slot;
        return any_slot();
    }
    CPtr thread_slot() { return pick(2) ? slot_with(CapType::tcb) : pick_of(threads); }
    CPtr source_slot() { return pick(8) ? any_slot() : pick_of<CPtr>({2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, master}); }
    CPtr endpoint_like() { return pick(5) ? slot_with(pick(3) ? CapType::endpoint : CapType::notification) : any_slot(); }

    struct Place {
        CPtr root;
        u64 index, depth;
    };
    Place place(CPtr in_root) {
        if (pick(3)) return {abi::initial_slot::cnode, in_root, 64};
        CPtr const node = slot_with(CapType::cnode);
        auto const cnode = world_.cap(node).as<CNodeCap>();
        if (!cnode || cnode->slots == &world_.slot(0)) return {abi::initial_slot::cnode, in_root, 64};
        return {node, cnode->guard << cnode->radix | pick(cnode->size()), cnode->guard_size + cnode->radix};
    }

    // All system calls are made from one address: who is to go on there was preempted or restarted in one.
    static constexpr u64 at_system_call = 0x400000;
    static bool stands_at_system_call(Tcb const& tcb) {
        return (tcb.state == ThreadState::restart ? tcb.context.registers.rip : tcb.context.next_ip) == at_system_call;
    }

    Thread some_actor() {
        if (pick(3)) {
            CPtr const slot = thread_slot();
            auto const tcb = world_.cap(slot).as<TcbCap>();
            if (tcb && tcb->object->runnable()) return Thread(world_, slot, *tcb->object);
        }
        return world_.root();
    }

    // The thread's guest runs, and the processor leaves it.
    void stop_guest(Tcb& thread) {
        world_.run(thread);
        if (thread.state != ThreadState::running_vm) return; // its entry failed
        ++guest_runs_;
        svm::Vmcb& vmcb = thread.vcpu->vmcb();
        vmcb.exit_code = pick_of({svm::exit_code::interrupt, svm::exit_code::cpuid, svm::exit_code::nested_page_fault, svm::exit_code::invalid});
        vmcb.exit_interrupt_info = pick(4) ? 0 : 0x80000000 | pick(0x1000);
        if (pick(2)) world_.handle(VmExitEvent{});
        else world_.tick();
    }

    void event() {
        switch (pick(5)) {
        case 0: return world_.tick();
        case 1: return world_.interrupt(static_cast<unsigned>(pick(8)));
        case 2:
            if (&world_.current() == &world_.root().tcb() || world_.current().state == ThreadState::idle) return;
            return world_.fault(PageFaultEvent{{pick(1 << 20)}, pick(32)});
        case 3:
            if (&world_.current() == &world_.root().tcb() || world_.current().state == ThreadState::idle) return;
            return world_.fault(ExceptionEvent{static_cast<u8>(pick(14)), 0});
        default: world_.invoke(abi::initial_slot::cnode, Label::cnode_revoke, {pick(10) ? pick_of<CPtr>({3, 4, 6, 7}) : master, 64});
        }
    }

    void invoke(Thread& actor, CPtr cap, Label label, Words words, std::vector<CPtr> caps = {}) {
        if (!actor.tcb().runnable()) return; // its last call stopped it
        // Labels are for objects; an endpoint or reply would block the root thread, which must go on for ever.
        if (!actor.tcb().runnable()) return;
        CapType const type = cap < world_.root_size() ? world_.cap(cap).type() : CapType::null;
        bool const blocks = type == CapType::endpoint;
        Message const message{static_cast<u64>(label), std::move(words), std::move(caps)};
        if (&actor.tcb() == &world_.root().tcb() && blocks) actor.nb_send(cap, message);
        else actor.start_call(cap, message);
    }

    void operate(Thread& actor) {
        switch (pick(14)) {
        case 0:
        case 1: return retype(actor);
        case 2:
        case 3:
        case 4: return copy_or_move(actor);
        case 5: {
            Place const at = place(any_slot());
            return invoke(actor, at.root, pick(4) ? Label::cnode_delete : Label::cnode_revoke, {at.index, at.depth});
        }
        case 6: return rotate(actor);
        case 7:
        case 8: return control_thread(actor);
        case 9: return change_mapping(actor);
        case 10: return control_device(actor);
        case 11: return control_guest(actor);
        case 12: return change_nested_mapping(actor);
        default: return anything(actor);
        }
    }

    void retype(Thread& actor) {
        static constexpr ObjectType types[] = {ObjectType::untyped,    ObjectType::tcb,   ObjectType::tcb,
                                               ObjectType::endpoint,   ObjectType::endpoint, ObjectType::notification,
                                               ObjectType::cnode,      ObjectType::cnode, ObjectType::small_page,
                                               ObjectType::page_table, ObjectType::page_directory, ObjectType::pdpt,
                                               ObjectType::pml4,       ObjectType::vcpu, ObjectType::vcpu,     ObjectType::ept_pml4, ObjectType::ept_pml4,
                                               ObjectType::ept_pdpt,   ObjectType::ept_pd, ObjectType::ept_pt};
        CPtr const untyped = pick(4) ? slot_with(CapType::untyped) : master;
        ObjectType const type = pick_of(types);
        u64 const bits = type == ObjectType::untyped ? (pick(3) ? 4 + pick(11) : 12) : 1 + pick(3);
        invoke(actor, pick(3) ? untyped : master, Label::untyped_retype,
               {static_cast<u64>(type), bits, 0, 0, empty_slot(), 1 + pick(3) / 2}, {abi::initial_slot::cnode});
    }

    void copy_or_move(Thread& actor) {
        Place const to = place(empty_slot());
        bool const move = pick(3) == 0;
        Place const from = place(move ? any_slot() : source_slot());
        u64 const data = pick(2) ? pick(4) : pick(3) << 6 | pick(4);
        Label const label = move ? (pick(3) ? Label::cnode_move : Label::cnode_mutate) : (pick(2) ? Label::cnode_copy : Label::cnode_mint);
        u64 const rights = pick(3) ? 15 : pick(16);
        invoke(actor, to.root, label, {to.index, to.depth, from.index, from.depth, label == Label::cnode_mutate ? data : rights, data},
               {from.root});
    }

    void rotate(Thread& actor) {
        Place const to = place(pick(2) ? any_slot() : empty_slot());
        Place const pivot = place(any_slot());
        Place const from = pick(3) ? place(any_slot()) : to;
        invoke(actor, to.root, Label::cnode_rotate,
               {to.index, to.depth, pick(3), pivot.index, pivot.depth, pick(3), from.index, from.depth}, {pivot.root, from.root});
    }

    void control_thread(Thread& actor) {
        CPtr const tcb = thread_slot();
        switch (pick(16)) {
        case 14:
        case 15: { // all that a thread needs to run
            invoke(actor, tcb, Label::tcb_configure, {endpoint_like(), 0, 0, 0x10000000}, {2, 3, slot_with(CapType::frame)});
            invoke(actor, tcb, Label::tcb_set_priority, {pick(256)}, {1});
            return invoke(actor, tcb, Label::tcb_write_registers, {1, 1, 0x400100});
        }
        case 0:
        case 1:
        case 2:
            return invoke(actor, tcb, Label::tcb_configure, {pick(3) ? endpoint_like() : 0, 0, 0, pick(4) ? 0x10000000u : 0u},
                          {pick(2) ? CPtr{2} : slot_with(CapType::cnode), pick(2) ? CPtr{3} : slot_with(CapType::pml4),
                           slot_with(CapType::frame)});
        case 3: return invoke(actor, tcb, Label::tcb_set_space, {endpoint_like(), 0, 0}, {slot_with(CapType::cnode), 3});
        case 4: return invoke(actor, tcb, Label::tcb_set_ipc_buffer, {0x10000400}, {slot_with(CapType::frame)});
        case 5: return invoke(actor, tcb, Label::tcb_set_priority, {pick(256)}, {1});
        case 6: return invoke(actor, tcb, Label::tcb_suspend, {});
        case 7:
        case 8: return invoke(actor, tcb, Label::tcb_resume, {});
        case 9: return invoke(actor, tcb, Label::tcb_bind_notification, {}, {slot_with(CapType::notification)});
        case 10: return invoke(actor, tcb, Label::tcb_unbind_notification, {});
        case 11: return invoke(actor, tcb, Label::tcb_set_flags, {pick(2), pick(2)});
        case 12: return invoke(actor, tcb, Label::tcb_copy_registers, {pick(16)}, {slot_with(CapType::tcb)});
        default: {
            Place const at = place(empty_slot());
            return invoke(actor, at.root, pick(2) ? Label::cnode_save_caller : Label::cnode_cancel_badged_sends, {at.index, at.depth});
        }
        }
    }

    void change_mapping(Thread& actor) {
        CPtr const root = pick(2) ? CPtr{3} : slot_with(CapType::pml4);
        u64 const address = page_base + pick(3) * 0x1000 + pick(2) * (u64{1} << pick_of<u64>({21, 30, 39}));
        switch (pick(9)) {
        case 0: return invoke(actor, slot_with(CapType::pdpt), Label::x86_pdpt_map, {address, 0}, {root});
        case 1: return invoke(actor, slot_with(CapType::page_directory), Label::x86_page_directory_map, {address, 0}, {root});
        case 2: return invoke(actor, slot_with(CapType::page_table), Label::x86_page_table_map, {address, 0}, {root});
        case 3:
        case 4: return invoke(actor, slot_with(CapType::frame), Label::x86_page_map, {address, pick(16), pick(8)}, {root});
        case 5: return invoke(actor, slot_with(CapType::frame), Label::x86_page_unmap, {});
        case 6: {
            CPtr const table = slot_with(pick_of({CapType::pdpt, CapType::page_directory, CapType::page_table}));
            return invoke(actor, table, pick_of({Label::x86_pdpt_unmap, Label::x86_page_directory_unmap, Label::x86_page_table_unmap}), {});
        }
        case 7: return invoke(actor, pick(2) ? CPtr{6} : slot_with(CapType::asid_pool), Label::x86_asid_pool_assign, {}, {slot_with(CapType::pml4)});
        default:
            return invoke(actor, abi::initial_slot::asid_control, Label::x86_asid_control_make_pool, {empty_slot(), 64},
                          {slot_with(CapType::untyped), 2});
        }
    }

    void control_guest(Thread& actor) {
        CPtr const vcpu = slot_with(CapType::vcpu);
        switch (pick(16)) {
        case 0:
        case 1: return invoke(actor, vcpu, Label::vcpu_set_tcb, {}, {slot_with(CapType::tcb)});
        case 2: return invoke(actor, slot_with(CapType::tcb), Label::tcb_set_ept_root, {}, {slot_with(CapType::ept_pml4)});
        case 3: return invoke(actor, vcpu, Label::vcpu_enable_io_port, {pick(100), pick(100)}, {slot_with(CapType::io_port)});
        case 4: return invoke(actor, vcpu, Label::vcpu_disable_io_port, {pick(100), pick(100)});
        case 5: return invoke(actor, vcpu, Label::vcpu_write_vmcs, {0x4800 + pick(0x2800), random_()});
        default:
            if (&actor.tcb() == &world_.root().tcb()) return;
            // The root thread helps: by themselves all the pieces are hardly ever in one hand.
            CPtr const root = slot_with(CapType::ept_pml4);
            if (pick(2)) invoke(world_.root(), vcpu, Label::vcpu_set_tcb, {}, {actor.cptr()});
            if (pick(2)) invoke(world_.root(), abi::initial_slot::asid_pool, Label::x86_asid_pool_assign, {}, {root});
            if (pick(2)) invoke(world_.root(), actor.cptr(), Label::tcb_set_ept_root, {}, {root});
            if (pick(4) == 0) invoke(world_.root(), actor.cptr(), Label::tcb_set_shared_root, {pick(4) << 30}, {root});
            if (pick(4) == 0) leave_nested_paging(vcpu);
            if (!actor.tcb().vcpu || !actor.tcb().runnable()) return;
            actor.syscall(abi::Syscall::vm_enter, 0, {0, {random_(), random_(), pick(4) ? 0 : random_()}, {}});
        }
    }

    // A state that can be entered, in long mode or PAE mode.
    void leave_nested_paging(CPtr vcpu) {
        auto const write = [&](vmx::Field field, u64 value) {
            invoke(world_.root(), vcpu, Label::vcpu_write_vmcs, {static_cast<u64>(field), value});
        };
        write(vmx::Field::secondary_controls, 0);
        write(vmx::Field::guest_cr0, 0x80000011);
        write(vmx::Field::guest_cr4, 0x20);
        write(vmx::Field::guest_efer, pick(2) ? 0x500 : 0);
        write(vmx::Field::guest_cs_access_rights, 0xc09b);
    }

    void change_nested_mapping(Thread& actor) {
        CPtr const root = slot_with(CapType::ept_pml4);
        u64 const address = pick(3) * 0x1000 + pick(2) * (u64{1} << pick_of<u64>({21, 30, 39}));
        u64 const attributes = pick(8) | pick(4) << 16;
        switch (pick(10)) {
        case 8: return invoke(actor, slot_with(CapType::frame), Label::frame_carve, {0, empty_slot(), 64}, {2});
        case 9:
            return invoke(actor, slot_with(CapType::tcb), Label::tcb_set_shared_root, {pick(4) << 30}, {root});
        case 0: return invoke(actor, slot_with(CapType::ept_pdpt), Label::ept_pdpt_map, {address, 0}, {root});
        case 1: return invoke(actor, slot_with(CapType::ept_pd), Label::ept_pd_map, {address, 0}, {root});
        case 2: return invoke(actor, slot_with(CapType::ept_pt), Label::ept_pt_map, {address, 0}, {root});
        case 3:
        case 4: return invoke(actor, slot_with(CapType::frame), Label::x86_page_map_ept, {address, pick(16), attributes}, {root});
        case 5: {
            CPtr const table = slot_with(pick_of({CapType::ept_pdpt, CapType::ept_pd, CapType::ept_pt}));
            return invoke(actor, table, pick_of({Label::ept_pdpt_unmap, Label::ept_pd_unmap, Label::ept_pt_unmap}), {});
        }
        default: return invoke(actor, pick(2) ? CPtr{6} : slot_with(CapType::asid_pool), Label::x86_asid_pool_assign, {}, {root});
        }
    }

    void control_device(Thread& actor) {
        CPtr const handler = slot_with(CapType::irq_handler);
        switch (pick(6)) {
        case 0:
            return invoke(actor, abi::initial_slot::irq_control, Label::x86_irq_issue_irq_handler_io_apic,
                          {empty_slot(), 64, 0, pick(24), pick(2), pick(2), pick(8)}, {2});
        case 1:
            return invoke(actor, abi::initial_slot::irq_control, Label::x86_irq_issue_irq_handler_msi,
                          {empty_slot(), 64, 0, 0, 0, 0, pick(8)}, {2});
        case 2: return invoke(actor, handler, Label::irq_set_irq_handler, {}, {slot_with(CapType::notification)});
        case 3: return invoke(actor, handler, pick(2) ? Label::irq_ack_irq : Label::irq_clear_irq_handler, {});
        default: {
            u64 const first = pick(100);
            return invoke(actor, abi::initial_slot::io_port_control, Label::x86_io_port_control_issue,
                          {first, first + pick(70), empty_slot(), 64}, {2});
        }
        }
    }

    void anything(Thread& actor) {
        Words words;
        for (u64 i = pick(9); i > 0; --i) words.push_back(pick(3) ? pick(64) : pick(2) ? random_() : 64);
        invoke(actor, any_slot(), static_cast<Label>(pick(55)), words, {any_slot(), any_slot(), any_slot()});
    }

    void communicate(Thread& actor) {
        if (abi::IpcBuffer* const buffer = actor.tcb().buffer(true)) {
            Place const at = place(empty_slot());
            buffer->receive_cnode = at.root;
            buffer->receive_index = at.index;
            buffer->receive_depth = at.depth;
        }
        Message message{pick(3), Words(pick(8)), {}};
        for (u64 i = pick(4); i > 0; --i) message.caps.push_back(any_slot());
        static constexpr abi::Syscall calls[] = {abi::Syscall::call, abi::Syscall::call,    abi::Syscall::reply_recv,
                                                 abi::Syscall::send, abi::Syscall::nb_send, abi::Syscall::recv,
                                                 abi::Syscall::recv, abi::Syscall::reply,   abi::Syscall::yield,
                                                 abi::Syscall::nb_recv};
        actor.syscall(pick_of(calls), endpoint_like(), message);
    }

    std::mt19937_64 random_;
    TestKernel world_;
    unsigned guest_runs_{};
};

} // namespace

TEST(Random, EverythingStaysConsistentWhateverUsersDo) {
    constexpr unsigned calls_of_world = 10000;
    u64 const worlds = from_environment("TESSERA_RANDOM_CALLS", 100000) / calls_of_world;
    u64 const first_seed = from_environment("TESSERA_RANDOM_SEED", 1);
    unsigned preemptions = 0, guest_runs = 0;
    for (u64 seed = first_seed; seed < first_seed + worlds; ++seed) {
        RandomUsers users(seed);
        for (unsigned i = 0; i < calls_of_world; ++i) {
            users.step();
            if (i % 500 == 0) {
                EXPECT_EQ(users.unclear_memory(), "");
            }
            if (HasFailure()) FAIL() << "seed " << seed << ", step " << i;
        }
        preemptions += users.preemptions();
        guest_runs += users.guest_runs();
    }
    if (worlds >= 10) { // a short run proves nothing about rare states
        EXPECT_GT(preemptions, worlds); // the half-done states were seen too
        EXPECT_GT(guest_runs, worlds / 2);
    }
    RecordProperty("guest_runs", static_cast<int>(guest_runs));
}
