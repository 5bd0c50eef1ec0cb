// SPDX-License-Identifier: Apache-2.0
// Guests without nested paging: the root that the kernel composes for them. abi/shadow_root.hpp, abi/vcpu.hpp.
#include "base/gtest.hpp"

#include "kernel/device/vcpu.hpp"
#include "kernel/testing/test_kernel.hpp"
#include "x86/vmcs.hpp"

namespace {

using vmx::Field;

constexpr u64 gib = u64{1} << 30, half_tib = u64{1} << 39;
constexpr u64 entry_failed = ~u64{0};

// The root thread runs a guest; its own root and another one can have tables.
struct ShadowRoot : testing::Test {
    ShadowRoot() {
        world.machine.guests = {.present = true,
                                .nested_paging = true,
                                .asids = 100,
                                .cr4_bits = 0x7ff,
                                .efer_bits = 0xd01,
                                .physical_mask = (u64{1} << 40) - 1,
                                .msr_permissions = {0x5000},
                                .composed_root = {0x8000}};
        memory = world.untyped(21);
        vcpu = world.retype(memory, ObjectType::vcpu);
        own = new_root();
        other = new_root();
        EXPECT_EQ(world.invoke(vcpu, Label::vcpu_set_tcb, {}, {abi::initial_slot::tcb}), success);
        set_own(own);
        write(Field::secondary_controls, 0);
        write(Field::guest_cr0, 0x80000011);
        write(Field::guest_cr4, 0x20);
    }
    CPtr new_root() {
        CPtr const root = world.retype(memory, ObjectType::ept_pml4);
        EXPECT_EQ(world.invoke(abi::initial_slot::asid_pool, Label::x86_asid_pool_assign, {}, {root}), success);
        return root;
    }
    CPtr map(ObjectType type, CPtr root, u64 address) {
        CPtr const table = world.retype(memory, type);
        Label const label = type == ObjectType::ept_pdpt ? Label::ept_pdpt_map : Label::ept_pd_map;
        EXPECT_EQ(world.invoke(table, label, {address, 0}, {root}), success);
        return table;
    }
    CPtr map_pdpt(CPtr root, u64 address) { return map(ObjectType::ept_pdpt, root, address); }
    CPtr map_directory(CPtr root, u64 address) { return map(ObjectType::ept_pd, root, address); }
    void set_own(CPtr root) {
        EXPECT_EQ(world.invoke(abi::initial_slot::tcb, Label::tcb_set_ept_root, {}, {root}), success);
    }
    void set_shared(CPtr root, u64 first) {
        EXPECT_EQ(world.invoke(abi::initial_slot::tcb, Label::tcb_set_shared_root, {first}, {root}), success);
    }
    u64 write(Field field, u64 value) {
        return world.invoke(vcpu, Label::vcpu_write_vmcs, {static_cast<u64>(field), value}).words.at(0);
    }
    u64 read(Field field) { return world.invoke(vcpu, Label::vcpu_read_vmcs, {static_cast<u64>(field)}).words.at(0); }
    void long_mode() { write(Field::guest_efer, 0x500); }
    Vcpu& object() { return *world.get<VcpuCap>(vcpu).object; }
    svm::Vmcb& vmcb() { return object().vmcb(); }
    // False: no entry took place.
    bool enter(u64 controls = 0, u64 event = 0) {
        world.root().syscall(abi::Syscall::vm_enter, 0, {0, {0x1000, controls, event}, {}});
        if (world.root().state() == ThreadState::running_vm) return true;
        EXPECT_EQ(world.root().buffer().message[abi::vm_message::qualification], entry_failed);
        return false;
    }
    void leave(u64 code = svm::exit_code::hlt, u64 info1 = 0, u64 info2 = 0) {
        vmcb().exit_code = code;
        vmcb().exit_info1 = info1;
        vmcb().exit_info2 = info2;
        world.handle(VmExitEvent{});
    }
    // The entry of the composed root for this address, after an entry and an exit.
    u64 entry_for(u64 address) {
        EXPECT_TRUE(enter());
        bool const four_level = vmcb().efer & 0x400;
        auto const* const words = reinterpret_cast<u64 const*>(machine::window({vmcb().cr3}));
        u64 const entry = words[four_level ? address >> 39 & 511 : address >> 30];
        leave();
        return entry;
    }
    u64 start_of(CPtr table) { return machine::physical(world.get<EptPdptCap>(table).table).value; }

    TestKernel world;
    CPtr memory, vcpu, own, other;
};

TEST_F(ShadowRoot, ALongModeGuestRunsOnACopyOfItsRoot) {
    long_mode();
    CPtr const low = map_pdpt(own, 0), high = map_pdpt(own, 511 * half_tib);
    EXPECT_EQ(entry_for(0), start_of(low) | 0x27) << "present, writable, for user mode, accessed";
    EXPECT_EQ(entry_for(511 * half_tib), start_of(high) | 0x27);
    EXPECT_EQ(entry_for(half_tib), 0u);
    EXPECT_EQ(vmcb().nested_enable, 0u);
    EXPECT_EQ(vmcb().cr3, 0x8000u);
    EXPECT_NE(vmcb().cr3, start_of(own));
}

TEST_F(ShadowRoot, APaeGuestRunsOnFourEntriesWithoutReservedBits) {
    CPtr const pdpt = map_pdpt(own, 0);
    EXPECT_EQ(entry_for(0), 0u);
    CPtr const directory = map_directory(own, 3 * gib);
    EXPECT_EQ(entry_for(3 * gib), start_of(directory) | 1);
    EXPECT_EQ(entry_for(2 * gib), 0u);
    EXPECT_EQ(vmcb().cr3, 0x9000u);
    EXPECT_EQ(vmcb().cr3 % 32, 0u);
    world.remove(pdpt);
    EXPECT_EQ(entry_for(3 * gib), 0u);
}

TEST_F(ShadowRoot, TheSharedRootTranslatesFromItsFirstAddressOn) {
    long_mode();
    CPtr const mine = map_pdpt(own, 0), mine_above = map_pdpt(own, 300 * half_tib);
    CPtr const shared_below = map_pdpt(other, 0), shared = map_pdpt(other, 300 * half_tib);
    EXPECT_EQ(entry_for(300 * half_tib) & ~u64{0xfff}, start_of(mine_above));
    set_shared(other, 0xffff800000000000);
    EXPECT_EQ(entry_for(300 * half_tib) & ~u64{0xfff}, start_of(shared));
    EXPECT_EQ(entry_for(0) & ~u64{0xfff}, start_of(mine));
    set_shared(other, gib);
    EXPECT_EQ(entry_for(0) & ~u64{0xfff}, start_of(shared_below)) << "rounded down to a whole entry";
    EXPECT_EQ(world.invoke(abi::initial_slot::tcb, Label::tcb_set_shared_root, {0}), success);
    EXPECT_EQ(entry_for(0) & ~u64{0xfff}, start_of(mine));
}

TEST_F(ShadowRoot, ForAPaeGuestItBeginsAtAnEntryOfOneGibibyte) {
    map_pdpt(own, 0);
    map_pdpt(other, 0);
    CPtr const mine = map_directory(own, 0), mine_high = map_directory(own, 3 * gib), shared = map_directory(other, 3 * gib);
    set_shared(other, 0xc0000000);
    EXPECT_EQ(entry_for(0), start_of(mine) | 1);
    EXPECT_EQ(entry_for(2 * gib), 0u);
    EXPECT_EQ(entry_for(3 * gib), start_of(shared) | 1);
    set_shared(other, 0x800000000000);
    EXPECT_EQ(entry_for(3 * gib), start_of(mine_high) | 1) << "above what the guest has";
}

TEST_F(ShadowRoot, WhatIsMappedOrUnmappedLaterIsSeenAtTheNextEntry) {
    long_mode();
    set_shared(other, 256 * half_tib);
    EXPECT_EQ(entry_for(0), 0u);
    CPtr const low = map_pdpt(own, 0), high = map_pdpt(other, 256 * half_tib);
    EXPECT_EQ(entry_for(0) & ~u64{0xfff}, start_of(low));
    EXPECT_EQ(entry_for(256 * half_tib) & ~u64{0xfff}, start_of(high));
    u32 const tag = vmcb().asid;
    EXPECT_EQ(world.invoke(low, Label::ept_pdpt_unmap), success);
    EXPECT_EQ(entry_for(0), 0u);
    EXPECT_NE(vmcb().asid, tag) << "the TLB may know what it led to";
    world.revoke(memory); // the Vcpu goes as well
    EXPECT_EQ(world.root().tcb().vcpu, nullptr);
}

TEST_F(ShadowRoot, AnotherRootIsAnotherTagAndTheSameOneIsNot) {
    long_mode();
    CPtr const one = map_pdpt(own, 0), two = map_pdpt(other, 0);
    EXPECT_EQ(entry_for(0) & ~u64{0xfff}, start_of(one));
    u32 const tag = vmcb().asid;
    EXPECT_EQ(entry_for(0) & ~u64{0xfff}, start_of(one));
    EXPECT_EQ(vmcb().asid, tag);
    set_own(other);
    EXPECT_EQ(entry_for(0) & ~u64{0xfff}, start_of(two));
    EXPECT_NE(vmcb().asid, tag);
}

TEST_F(ShadowRoot, TwoGuestsTakeTurnsOnTheOneComposedRoot) {
    long_mode();
    CPtr const one = map_pdpt(own, 0), two = map_pdpt(other, 0);
    EXPECT_EQ(entry_for(0) & ~u64{0xfff}, start_of(one));
    u32 const tag = vmcb().asid;
    CPtr const first = vcpu;
    vcpu = world.retype(memory, ObjectType::vcpu);
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_set_tcb, {}, {abi::initial_slot::tcb}), success);
    set_own(other);
    write(Field::secondary_controls, 0);
    write(Field::guest_cr0, 0x80000011);
    write(Field::guest_cr4, 0x20);
    long_mode();
    EXPECT_EQ(entry_for(0) & ~u64{0xfff}, start_of(two));
    EXPECT_NE(vmcb().asid, tag);
    vcpu = first;
    EXPECT_EQ(world.invoke(vcpu, Label::vcpu_set_tcb, {}, {abi::initial_slot::tcb}), success);
    set_own(own);
    EXPECT_EQ(entry_for(0) & ~u64{0xfff}, start_of(one));
    EXPECT_EQ(vmcb().asid, tag) << "its translations are still its own";
}

TEST_F(ShadowRoot, ARootThatIsGoneFailsTheEntry) {
    long_mode();
    set_shared(other, 256 * half_tib);
    EXPECT_TRUE(enter());
    leave();
    Asid const asid = world.get<EptPml4Cap>(other).asid;
    PageTable* const table = world.get<EptPml4Cap>(other).table;
    world.checking = false;
    world.kernel.asids.release(asid, table);
    EXPECT_FALSE(enter()) << "the shared root has no ASID any more";
    write(Field::secondary_controls, vmx::secondary::NestedPaging::mask);
    EXPECT_TRUE(enter()) << "with nested paging it is ignored";
    leave();
    write(Field::secondary_controls, 0);
    world.remove(other);
    world.revoke(own);
    EXPECT_FALSE(enter()) << "the revoked own root is no longer the thread's";
}

TEST_F(ShadowRoot, OnlyPagedProtectedModeWithPaeCanBeEntered) {
    EXPECT_TRUE(enter());
    leave();
    write(Field::guest_cr0, 0x11);
    EXPECT_FALSE(enter()) << "no paging";
    write(Field::guest_cr0, 0x10);
    EXPECT_FALSE(enter()) << "real mode";
    write(Field::guest_cr0, 0x80000011);
    write(Field::guest_cr4, 0);
    EXPECT_FALSE(enter()) << "the root would be one of 32-bit entries";
    write(Field::guest_cr4, 0x20);
    write(Field::guest_efer, 0x100);
    EXPECT_FALSE(enter()) << "long mode enabled, but not active";
    write(Field::guest_efer, 0x400);
    EXPECT_FALSE(enter());
    long_mode();
    EXPECT_TRUE(enter());
}

TEST_F(ShadowRoot, ExitsThatTheRootNeedsAreForced) {
    EXPECT_TRUE(enter());
    EXPECT_EQ(vmcb().intercept_cr, 0x00190008u) << "CR3 read; CR0, CR3 and CR4 written";
    EXPECT_EQ(vmcb().intercepts[0] & (1u << 25 | 1u << 29), 1u << 25 | 1u << 29) << "INVLPG, task switch";
    leave(svm::exit_code::task_switch, 0x28, u64{1} << 38);
    EXPECT_EQ(read(Field::exit_reason), 9u);
    EXPECT_EQ(read(Field::exit_qualification), 0x80000028u) << "JMP";
    EXPECT_TRUE(enter());
    leave(svm::exit_code::task_switch, 0x28, u64{1} << 36);
    EXPECT_EQ(read(Field::exit_qualification), 0x40000028u) << "IRET";
    EXPECT_TRUE(enter());
    vmcb().exit_interrupt_info = 0x80000b08; // #DF by a task gate
    leave(svm::exit_code::task_switch, 0x28);
    EXPECT_EQ(read(Field::exit_qualification), 0xc0000028u);
    vmcb().exit_interrupt_info = 0;

    write(Field::secondary_controls, vmx::secondary::NestedPaging::mask);
    EXPECT_TRUE(enter());
    EXPECT_EQ(vmcb().intercept_cr, 0u);
    EXPECT_EQ(vmcb().intercepts[0] & (1u << 25 | 1u << 29), 0u);
}

TEST_F(ShadowRoot, Cr3IsWhatTheMonitorWroteLast) {
    write(Field::guest_cr3, 0x12345000);
    EXPECT_TRUE(enter());
    EXPECT_EQ(vmcb().cr3, 0x9000u);
    leave();
    EXPECT_EQ(read(Field::guest_cr3), 0x12345000u);
    EXPECT_EQ(world.root().buffer().message[abi::vm_message::cr3], 0x12345000u);
    write(Field::secondary_controls, vmx::secondary::NestedPaging::mask);
    EXPECT_TRUE(enter());
    EXPECT_EQ(vmcb().cr3, 0x12345000u);
    vmcb().cr3 = 0x777000; // the guest may load it now
    leave();
    EXPECT_EQ(read(Field::guest_cr3), 0x777000u);
    write(Field::secondary_controls, 0);
    EXPECT_TRUE(enter());
    leave();
    EXPECT_EQ(read(Field::guest_cr3), 0x777000u);
}

TEST_F(ShadowRoot, PageFaultsExitAndAreInjectedWithCr2) {
    write(Field::exception_bitmap, 1u << 14);
    EXPECT_TRUE(enter());
    leave(svm::exit_code::exception0 + 14, 7, 0xc0001234);
    EXPECT_EQ(read(Field::exit_qualification), 0xc0001234u);
    EXPECT_EQ(read(Field::exit_interruption_error_code), 7u);
    EXPECT_EQ(write(Field::guest_cr2, 0xdeadbeef000), 0xdeadbeef000u);
    write(Field::entry_exception_error_code, 2);
    EXPECT_TRUE(enter(0, 0x80000b0e));
    EXPECT_EQ(vmcb().cr2, 0xdeadbeef000u);
    EXPECT_EQ(vmcb().event_injection, u64{2} << 32 | 0x80000b0e);
}

TEST_F(ShadowRoot, AProcessorWithoutNestedPagingSaysSo) {
    constexpr u64 nested = vmx::secondary::NestedPaging::mask;
    auto const possible = [&] { return world.invoke(vcpu, Label::vcpu_read_msr, {vmx::msr_vmx_secondary}).words.at(0) >> 32; };
    EXPECT_EQ(possible() & nested, nested);
    world.machine.guests.nested_paging = false;
    EXPECT_EQ(possible() & nested, 0u);
    EXPECT_TRUE(enter());
    leave();
    write(Field::secondary_controls, nested);
    EXPECT_FALSE(enter());
}

} // namespace
