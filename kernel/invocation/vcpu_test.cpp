// SPDX-License-Identifier: Apache-2.0
// Virtual CPUs as users see them: ABI 7.12, VMEnter and what ends it.
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

#include "kernel/device/vcpu.hpp"
#include "kernel/objects.hpp"
#include "x86/vmcs.hpp"

namespace {

constexpr u64 rip_field = static_cast<u64>(vmx::Field::guest_rip);

// A world with a processor that can run guests, and a guest of the root thread.
struct VcpuInvocation : testing::Test {
    VcpuInvocation() {
        world.machine.guests = {.present = true,
                                .nested_paging = true,
                                .asids = 8,
                                .cr4_bits = 0x7ff,
                                .efer_bits = 0xd01,
                                .physical_mask = (u64{1} << 40) - 1,
                                .msr_permissions = {0x5000},
                                .composed_root = {0x8000}};
        memory = world.untyped(20);
        vcpu = world.retype(memory, ObjectType::vcpu);
        root = world.retype(memory, ObjectType::ept_pml4);
        EXPECT_EQ(
            world.invoke(abi::initial_slot::asid_pool, Label::x86_asid_pool_assign, {}, {root}),
            success);
    }
    void bind(CPtr tcb) {
        EXPECT_EQ(world.invoke(vcpu, Label::vcpu_set_tcb, {}, {tcb}), success);
        EXPECT_EQ(world.invoke(tcb, Label::tcb_set_ept_root, {}, {root}), success);
    }
    void bind_root() { bind(abi::initial_slot::tcb); }
    Vcpu& object() { return *world.get<VcpuCap>(vcpu).object; }
    bool enter(Thread& thread, u64 rip = 0x1000, u64 controls = 0, u64 event = 0) {
        return thread.syscall(abi::Syscall::vm_enter, 0, {0, {rip, controls, event}, {}});
    }
    bool enter() { return enter(world.root()); }
    void stop(u64 exit_code) { // the processor leaves the current thread's guest
        object().vmcb().exit_code = exit_code;
        world.handle(VmExitEvent{});
    }
    static u64 info(Thread& thread) { return thread.tcb().info_register(); }

    TestKernel world;
    CPtr memory, vcpu, root;
};

TEST(VcpuWithoutSvm, ItsTypeIsNotKnown) {
    TestKernel world;
    CPtr const memory = world.untyped(20);
    EXPECT_EQ(world.try_retype(memory, ObjectType::vcpu, 0, world.next_slot()), invalid_argument(0));
}

// Threads that run 32-bit guest code use them on any processor.
TEST(VcpuWithoutSvm, TheTablesOfGuestsAreThere) {
    TestKernel world;
    CPtr const memory = world.untyped(20);
    for (auto const type : {ObjectType::ept_pml4, ObjectType::ept_pdpt, ObjectType::ept_pd, ObjectType::ept_pt}) world.retype(memory, type);
}

TEST_F(VcpuInvocation, OtherTypesBesideItAreNotKnown) {
    u64 const behind = static_cast<u64>(ObjectType::ept_pt) + 1;
    EXPECT_EQ(world.try_retype(memory, static_cast<ObjectType>(behind), 0, world.next_slot()), invalid_argument(0));
    EXPECT_EQ(world.try_retype(memory, ObjectType::count, 0, world.next_slot()), invalid_argument(0));
}

TEST_F(VcpuInvocation, NumbersOfOtherProfilesMeanNothing) {
    for (u64 const type : {static_cast<u64>(abi::reference::ObjectType::vcpu), static_cast<u64>(abi::vtx64::ObjectType::vcpu)}) {
        bool const ours = type == static_cast<u64>(ObjectType::vcpu);
        auto const answer = world.try_retype(memory, static_cast<ObjectType>(type), 0, world.next_slot());
        EXPECT_EQ(answer, ours ? success : invalid_argument(0)) << type;
    }
    for (u64 const label : {static_cast<u64>(abi::reference::Label::vcpu_read_vmcs), static_cast<u64>(abi::vtx64::Label::vcpu_read_vmcs)}) {
        bool const ours = label == static_cast<u64>(Label::vcpu_read_vmcs);
        EXPECT_EQ(world.invoke(vcpu, static_cast<Label>(label), {rip_field}), ours ? returned({0xfff0}) : illegal_operation) << label;
    }
}

TEST_F(VcpuInvocation, ReadsAndWritesFields) {
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_read_vmcs, {rip_field}), returned({0xfff0}));
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_write_vmcs, {rip_field, 0x1234}), returned({0x1234}));
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_read_vmcs, {rip_field}), returned({0x1234}));
    EXPECT_EQ(
        world.invoke(vcpu, Label::vcpu_write_vmcs, {static_cast<u64>(vmx::Field::guest_rflags), 0}),
        returned({2}));
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_read_vmcs), illegal_operation);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_read_vmcs, {0x6c16}), illegal_operation);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_write_vmcs, {rip_field}), illegal_operation);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_write_vmcs, {0x4402, 0}), illegal_operation);
    EXPECT_EQ(world.invoke(vcpu, Label::untyped_retype), illegal_operation);
}

TEST_F(VcpuInvocation, ReadsAndWritesMsrs) {
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_write_msr, {0xc0000082, 0x99}), returned({0x99}));
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_read_msr, {0xc0000082}), returned({0x99}));
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_read_msr, {0x485}), returned({0x20}));
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_write_msr, {0x485, 0}), illegal_operation);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_read_msr, {0x10}), illegal_operation);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_read_msr), illegal_operation);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_write_msr, {0xc0000082}), illegal_operation);
}

TEST_F(VcpuInvocation, WritesRegisters) {
    Words words;
    for (u64 i = 0; i < 15; ++i) words.push_back(i + 1);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_write_registers, words), success);
    EXPECT_EQ(object().registers().rax, 1u);
    EXPECT_EQ(object().registers().r15, 15u);
    words.pop_back();
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_write_registers, words), truncated);
}

TEST_F(VcpuInvocation, BindingReplacesOldOnes) {
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_set_tcb), truncated);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_set_tcb, {}, {memory}), illegal_operation);
    Thread& thread = world.thread();
    CPtr const second = world.retype(memory, ObjectType::vcpu);
    bind_root();
    EXPECT_EQ(world.root().tcb().vcpu, &object());
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_set_tcb, {}, {thread.cptr()}), success);
    EXPECT_EQ(world.root().tcb().vcpu, nullptr);
    EXPECT_EQ(object().thread(), &thread.tcb());
    EXPECT_EQ(world.invoke(second, Label::vcpu_set_tcb, {}, {thread.cptr()}), success);
    EXPECT_EQ(object().thread(), nullptr);
    EXPECT_EQ(thread.tcb().vcpu, world.get<VcpuCap>(second).object);
}

TEST_F(VcpuInvocation, EptRootMustBeOneWithAnAsid) {
    CPtr const fresh = world.retype(memory, ObjectType::ept_pml4);
    EXPECT_EQ(world.invoke(abi::initial_slot::tcb, Label::tcb_set_ept_root), truncated);
    EXPECT_EQ(world.invoke(abi::initial_slot::tcb, Label::tcb_set_ept_root, {}, {memory}),
              illegal_operation);
    EXPECT_EQ(world.invoke(abi::initial_slot::tcb, Label::tcb_set_ept_root, {}, {fresh}),
              illegal_operation);
    bind_root();
    bind_root(); // a second time replaces it
    EXPECT_TRUE(world.root().tcb().cap(Tcb::ept_root).is<EptPml4Cap>());
}

TEST_F(VcpuInvocation, TheSharedRootBeginsAtAMultipleOfAGibibyte) {
    Tcb& thread = world.root().tcb();
    auto const set = [&](Words words, std::vector<CPtr> caps) {
        return world.invoke(abi::initial_slot::tcb, Label::tcb_set_shared_root, std::move(words), std::move(caps));
    };
    CPtr const fresh = world.retype(memory, ObjectType::ept_pml4);
    EXPECT_EQ(set({}, {root}), truncated);
    EXPECT_EQ(set({0xc0001000}, {root}), alignment_error);
    EXPECT_EQ(set({0xc0000000}, {memory}), illegal_operation);
    EXPECT_EQ(set({0xc0000000}, {fresh}), illegal_operation) << "without an ASID";
    EXPECT_TRUE(thread.slot(Tcb::shared_root).empty());

    EXPECT_EQ(set({0xc0000000}, {root}), success);
    EXPECT_TRUE(thread.cap(Tcb::shared_root).is<EptPml4Cap>());
    EXPECT_EQ(thread.first_shared, 0xc0000000u);
    EXPECT_EQ(set({0xffff800000000000}, {root}), success) << "replaced";
    EXPECT_EQ(thread.first_shared, 0x800000000000u) << "bits above 47 are ignored";
    EXPECT_EQ(set({0x1000}, {}), alignment_error);
    EXPECT_EQ(set({0xc0000000}, {}), success);
    EXPECT_TRUE(thread.slot(Tcb::shared_root).empty());
    EXPECT_EQ(thread.first_shared, 0u);
}

TEST_F(VcpuInvocation, ARevokedSharedRootIsGone) {
    CPtr const given = world.copy(root);
    EXPECT_EQ(world.invoke(abi::initial_slot::tcb, Label::tcb_set_shared_root, {0x40000000}, {given}), success);
    EXPECT_EQ(world.invoke(abi::initial_slot::tcb, Label::tcb_set_ept_root, {}, {given}), success);
    world.revoke(root);
    EXPECT_TRUE(world.root().tcb().slot(Tcb::shared_root).empty());
    EXPECT_TRUE(world.root().tcb().slot(Tcb::ept_root).empty());
}

TEST_F(VcpuInvocation, PortsOpenWithinACapabilityAndCloseWithIt) {
    CPtr const ports = world.next_slot();
    EXPECT_EQ(world.invoke(abi::initial_slot::io_port_control, Label::x86_io_port_control_issue,
                           {0x60, 0x6f, ports, world.root_depth()}, {abi::initial_slot::cnode}),
              success);
    auto const open = [&](unsigned port) {
        auto const* const map = reinterpret_cast<u8 const*>(&object().vmcb()) + sizeof(svm::Vmcb);
        return !(map[port / 8] >> port % 8 & 1);
    };
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_enable_io_port, {0x60}, {ports}), truncated);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_enable_io_port, {0x60, 0x6f}), truncated);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_enable_io_port, {0x60, 0x6f}, {memory}),
              illegal_operation);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_enable_io_port, {0x5f, 0x6f}, {ports}),
              invalid_argument(0));
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_enable_io_port, {0x60, 0x70}, {ports}),
              invalid_argument(0));
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_enable_io_port, {0x10060, 0x10060}, {ports}),
              invalid_argument(0));
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_enable_io_port, {0x64, 0x60}, {ports}),
              invalid_argument(0));
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_enable_io_port, {0x60, 0x64}, {ports}), success);
    EXPECT_TRUE(open(0x60) && open(0x64) && !open(0x5f) && !open(0x65));
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_disable_io_port, {0x60}), truncated);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_disable_io_port, {0x60, 0x60}), success);
    EXPECT_TRUE(!open(0x60) && open(0x61));

    // One capability, one guest; a copy serves another.
    CPtr const second = world.retype(memory, ObjectType::vcpu);
    EXPECT_EQ(world.invoke(second, Label::vcpu_enable_io_port, {0x60, 0x60}, {ports}),
              illegal_operation);
    CPtr const copied = world.copy(ports);
    EXPECT_EQ(world.invoke(second, Label::vcpu_enable_io_port, {0x60, 0x60}, {copied}), success);
    world.remove(copied);
    EXPECT_TRUE(open(0x61));
    world.remove(ports);
    EXPECT_FALSE(open(0x61));
}

TEST_F(VcpuInvocation, APortCapabilityOutlivesItsVcpu) {
    CPtr const ports = world.next_slot();
    EXPECT_EQ(world.invoke(abi::initial_slot::io_port_control, Label::x86_io_port_control_issue,
                           {0x60, 0x6f, ports, world.root_depth()}, {abi::initial_slot::cnode}),
              success);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_enable_io_port, {0x60, 0x64}, {ports}), success);
    world.remove(vcpu);
    vcpu = world.retype(memory, ObjectType::vcpu);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_enable_io_port, {0x60, 0x64}, {ports}), success);
    world.remove(vcpu);
    world.remove(ports); // looks for a Vcpu that is gone
}

TEST_F(VcpuInvocation, VmEnterWithoutAVcpuIsAnUnknownSystemCall) {
    EXPECT_FALSE(enter());
    EXPECT_EQ(world.root().state(), ThreadState::inactive);
}

TEST_F(VcpuInvocation, VmEnterReturnsAnExitsWords) {
    bind_root();
    EXPECT_TRUE(enter());
    EXPECT_EQ(world.root().state(), ThreadState::running_vm);
    EXPECT_EQ(object().vmcb().rip, 0x1000u);
    EXPECT_EQ(object().vmcb().nested_cr3,
              machine::physical(world.get<EptPml4Cap>(root).table).value);
    object().vmcb().rax = 77;
    stop(svm::exit_code::cpuid);
    Tcb& tcb = world.root().tcb();
    EXPECT_EQ(tcb.state, ThreadState::running);
    EXPECT_EQ(tcb.info_register(), abi::vm_entry_exit);
    EXPECT_EQ(tcb.message_register(abi::vm_message::rip), 0x1000u);
    EXPECT_EQ(tcb.message_register(abi::vm_message::exit_reason), 10u);
    EXPECT_EQ(world.root().buffer().message[abi::vm_message::instruction_length], 2u);
    EXPECT_EQ(world.root().buffer().message[abi::vm_message::registers], 77u);
}

TEST_F(VcpuInvocation, AFailedEntryReturnsAtOnce) {
    bind_root();
    EXPECT_TRUE(enter(world.root(), 0x1000, 0, 0x80000480));
    EXPECT_EQ(world.root().state(), ThreadState::running);
    EXPECT_EQ(info(world.root()), abi::vm_entry_exit);
    EXPECT_EQ(world.root().tcb().message_register(abi::vm_message::exit_reason), ~u64{0});
    EXPECT_EQ(world.root().buffer().message[abi::vm_message::qualification], ~u64{0});
}

TEST_F(VcpuInvocation, WithoutAnEptRootEveryEntryFails) {
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_set_tcb, {}, {abi::initial_slot::tcb}), success);
    EXPECT_TRUE(enter());
    EXPECT_EQ(world.root().tcb().message_register(abi::vm_message::exit_reason), ~u64{0});
    bind_root();
    world.revoke(memory);
    EXPECT_EQ(world.root().tcb().vcpu, nullptr);
}

TEST_F(VcpuInvocation, HostInterruptsOnlyEndTheTurn) {
    bind_root();
    EXPECT_TRUE(enter());
    object().vmcb().exit_code = svm::exit_code::interrupt;
    object().vmcb().exit_interrupt_info = 0x80000b0e; // a page fault was being delivered
    world.tick();
    EXPECT_EQ(world.root().state(), ThreadState::running_vm);
    EXPECT_EQ(object().vmcb().event_injection & 0xffffffff, 0x80000b0eu);
}

TEST_F(VcpuInvocation, TheEndOfATimeSliceLetsOthersRun) {
    Thread& other = world.thread(255);
    bind_root();
    EXPECT_TRUE(enter());
    object().vmcb().exit_code = svm::exit_code::interrupt;
    for (unsigned i = 0; i < abi::time_slice_ticks && world.cpu.current == &world.root().tcb(); ++i)
        world.tick();
    EXPECT_EQ(world.cpu.current, &other.tcb());
    EXPECT_EQ(world.root().state(), ThreadState::running_vm);
    for (unsigned i = 0; i < abi::time_slice_ticks && world.cpu.current == &other.tcb(); ++i)
        world.tick();
    EXPECT_EQ(world.cpu.current, &world.root().tcb());
}

TEST_F(VcpuInvocation, AnActiveNotificationReturnsAtOnce) {
    bind_root();
    CPtr const notification = world.notification();
    CPtr const badged = world.mint(notification, 5);
    EXPECT_EQ(
        world.invoke(abi::initial_slot::tcb, Label::tcb_bind_notification, {}, {notification}),
        success);
    world.root().send(badged);
    EXPECT_TRUE(enter(world.root(), 0x2000, 0x80, 0));
    EXPECT_EQ(world.root().state(), ThreadState::running);
    EXPECT_EQ(info(world.root()), abi::vm_entry_notification);
    EXPECT_EQ(world.root().badge(), 5u);
    EXPECT_EQ(world.root().tcb().message_register(0), 0x2000u);
}

TEST_F(VcpuInvocation, ASignalEndsARun) {
    bind_root();
    CPtr const notification = world.notification();
    CPtr const badged = world.mint(notification, 6);
    EXPECT_EQ(
        world.invoke(abi::initial_slot::tcb, Label::tcb_bind_notification, {}, {notification}),
        success);
    Thread& other = world.thread(255);
    EXPECT_TRUE(enter());
    object().vmcb().exit_code = svm::exit_code::interrupt;
    while (world.cpu.current != &other.tcb()) world.tick();
    other.send(badged);
    EXPECT_EQ(world.root().state(), ThreadState::running);
    EXPECT_EQ(info(world.root()), abi::vm_entry_notification);
    EXPECT_EQ(world.root().badge(), 6u);
}

TEST_F(VcpuInvocation, SuspendingTheThreadReturnsFromVmEnter) {
    Thread& guest = world.thread(254);
    bind(guest.cptr());
    EXPECT_TRUE(enter(guest));
    object().vmcb().exit_code = svm::exit_code::interrupt;
    world.run(world.root().tcb());
    object().vmcb().rip = 0x1004;
    EXPECT_EQ(world.invoke(guest.cptr(), Label::tcb_suspend), success);
    EXPECT_EQ(guest.state(), ThreadState::inactive);
    EXPECT_EQ(info(guest), abi::vm_entry_notification);
    EXPECT_EQ(guest.badge(), 0u);
    EXPECT_EQ(guest.tcb().message_register(0), 0x1004u);
    EXPECT_EQ(guest.tcb().registers().rip, guest.tcb().context.next_ip)
        << "it continues behind the system call";
}

TEST_F(VcpuInvocation, DeletingTheVcpuReturnsFromVmEnter) {
    Thread& guest = world.thread(254);
    bind(guest.cptr());
    EXPECT_TRUE(enter(guest));
    object().vmcb().exit_code = svm::exit_code::interrupt;
    world.run(world.root().tcb());
    world.remove(vcpu);
    EXPECT_EQ(guest.state(), ThreadState::running);
    EXPECT_EQ(guest.tcb().vcpu, nullptr);
    EXPECT_EQ(info(guest), abi::vm_entry_notification);
}

TEST_F(VcpuInvocation, DeletingTheEptRootFailsTheNextTurn) {
    Thread& guest = world.thread(255);
    bind(guest.cptr());
    EXPECT_TRUE(enter(guest));
    object().vmcb().exit_code = svm::exit_code::interrupt;
    world.run(world.root().tcb());
    world.revoke(root);
    world.remove(root);
    world.run(guest.tcb());
    EXPECT_EQ(guest.state(), ThreadState::running);
    EXPECT_EQ(info(guest), abi::vm_entry_exit);
    EXPECT_EQ(guest.tcb().message_register(abi::vm_message::exit_reason), ~u64{0});
}

TEST_F(VcpuInvocation, DeletingTheThreadFreesTheVcpu) {
    CPtr const tcb = world.retype(memory, ObjectType::tcb);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_set_tcb, {}, {tcb}), success);
    world.remove(tcb);
    EXPECT_EQ(object().thread(), nullptr);
    bind_root();
    EXPECT_TRUE(enter());
    EXPECT_EQ(world.root().state(), ThreadState::running_vm);
}

TEST_F(VcpuInvocation, TheFpuIsHandedOverAndBack) {
    bind_root();
    world.machine.fpu[32] = std::byte{0x11}; // the thread's, in the processor
    EXPECT_TRUE(enter());
    EXPECT_EQ(world.root().tcb().context.fpu[32], std::byte{0x11});
    EXPECT_EQ(world.cpu.fpu_owner, nullptr);
    world.machine.fpu[32] = std::byte{0x22}; // the guest's was there; the machine has saved it
    stop(svm::exit_code::cpuid);
    EXPECT_EQ(world.machine.fpu[32], std::byte{0x11});
}

} // namespace
