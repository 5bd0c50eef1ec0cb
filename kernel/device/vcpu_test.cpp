// SPDX-License-Identifier: Apache-2.0
#include "kernel/device/vcpu.hpp"

#include "base/gtest.hpp"

#include <random>

#include "kernel/device/vmcs_field.hpp"
#include "kernel/machine/host/host_machine.hpp"

namespace {

using vmx::Field;

constexpr GuestSupport processor{.present = true,
                                 .nested_paging = true,
                                 .asids = 16,
                                 .cr4_bits = 0x3507ff,
                                 .efer_bits = 0xd01,
                                 .physical_mask = (u64{1} << 40) - 1,
                                 .xcr0_bits = 7,
                                 .msr_permissions = {0x5000},
                                 .composed_root = {0x200000}};
constexpr PhysAddr self{0x80000};
constexpr PhysAddr root{0x123000};

struct VcpuTest : testing::Test {
    HostMachine machine;
    std::unique_ptr<Vcpu> vcpu = std::make_unique<Vcpu>(self, processor);
    GuestTags tags;
    ComposedRoot composed;

    static PageTable& table(PhysAddr at) { return *reinterpret_cast<PageTable*>(machine::window(at)); }
    bool prepare(PhysAddr own = root) {
        return vcpu->prepare({.paging = vcpu->paging(), .own = &table(own)}, tags, composed);
    }

    u64 read(Field field) const { return vcpu->read(static_cast<u64>(field)).value(); }
    u64 write(Field field, u64 value) {
        return vcpu->write(static_cast<u64>(field), value).value();
    }
    bool enter(u64 rip = 0x1000, u64 controls = 0, u64 event = 0) {
        vcpu->begin(rip, controls, event);
        return prepare();
    }
    // As the processor would after running: rip as it was, with this exit.
    AfterExit leave(u64 code, u64 info1 = 0, u64 info2 = 0) {
        svm::Vmcb& vmcb = vcpu->vmcb();
        vmcb.exit_code = code;
        vmcb.exit_info1 = info1;
        vmcb.exit_info2 = info2;
        return vcpu->record_exit(tags);
    }
    // The interrupt that waits in the VMCB for the guest to take it.
    std::optional<u64> requested() const {
        using namespace svm::interrupt_control;
        u64 const control = vcpu->vmcb().interrupt_control;
        return Request::get(control) ? std::optional(Vector::get(control)) : std::nullopt;
    }
    // As the processor does when the guest takes it.
    void take_interrupt() {
        vcpu->vmcb().interrupt_control &= ~svm::interrupt_control::Request::mask;
    }
    void long_mode() {
        write(Field::guest_cr0, 0x80000011);
        write(Field::guest_cr4, 0x20);
        write(Field::guest_efer, 0x500);
        write(Field::guest_cs_access_rights, 0xa09b);
    }
    u64 reason() const { return vcpu->exit().reason; }
    bool failed() const { return reason() == ~u64{0} && vcpu->exit().qualification == ~u64{0}; }
    static u64 number(vmx::ExitReason reason) { return static_cast<u64>(reason); }
};

TEST_F(VcpuTest, AFreshOneIsInTheStateAfterReset) {
    EXPECT_EQ(read(Field::guest_rip), 0xfff0u);
    EXPECT_EQ(read(Field::guest_cs_base), 0xffff0000u);
    EXPECT_EQ(read(Field::guest_cs_selector), 0xf000u);
    EXPECT_EQ(read(Field::guest_ss_access_rights), 0x93u);
    EXPECT_EQ(read(Field::guest_rflags), 2u);
    EXPECT_EQ(read(Field::guest_cr0), 0x10u);
    EXPECT_EQ(read(Field::guest_efer), 0u);
    EXPECT_TRUE(enter());
}

TEST_F(VcpuTest, SegmentsKeepEveryPartInItsOwnPlace) {
    for (u64 i = 0; i < 10; ++i) {
        if (i < 8) {
            write(static_cast<Field>(0x800 + 2 * i), 0x100 + i);
            write(static_cast<Field>(0x4814 + 2 * i), 0xc090 + i);
        }
        write(static_cast<Field>(0x4800 + 2 * i), 0x1000 + i);
        write(static_cast<Field>(0x6806 + 2 * i), 0x100000 + i);
    }
    for (u64 i = 0; i < 10; ++i) {
        if (i < 8) {
            EXPECT_EQ(read(static_cast<Field>(0x800 + 2 * i)), 0x100 + i);
            EXPECT_EQ(read(static_cast<Field>(0x4814 + 2 * i)), 0xc090 + i);
        }
        EXPECT_EQ(read(static_cast<Field>(0x4800 + 2 * i)), 0x1000 + i);
        EXPECT_EQ(read(static_cast<Field>(0x6806 + 2 * i)), 0x100000 + i);
    }
    EXPECT_EQ(vcpu->vmcb().tr.selector, 0x107);
    EXPECT_EQ(vcpu->vmcb().cs.attributes, 0xc91);
    EXPECT_EQ(vcpu->vmcb().idtr.limit, 0x1009u);
    EXPECT_EQ(vcpu->vmcb().gdtr.base, 0x100008u);
}

TEST_F(VcpuTest, AnUnusableSegmentIsOneThatIsNotPresent) {
    EXPECT_EQ(write(Field::guest_fs_access_rights, 0x10093), 0x10013u);
    EXPECT_EQ(vcpu->vmcb().fs.attributes, 0x13);
}

TEST_F(VcpuTest, FixedBitsAreForced) {
    EXPECT_EQ(write(Field::guest_rflags, 0), 2u);
    EXPECT_EQ(write(Field::guest_rflags, ~u64{0}), 0x3f7fd7u);
    EXPECT_EQ(write(Field::guest_cr0, ~u64{0}), 0xe005003fu);
    EXPECT_EQ(write(Field::guest_cr4, ~u64{0}), processor.cr4_bits);
    EXPECT_EQ(write(Field::guest_cr3, ~u64{0}), processor.physical_mask);
    EXPECT_EQ(write(Field::guest_dr7, ~u64{0}), 0xffff2fffu);
    EXPECT_EQ(write(Field::primary_controls, 0), vmcs_field::primary_forced);
    EXPECT_EQ(write(Field::primary_controls, ~u64{0}),
              vmcs_field::primary_forced | vmcs_field::primary_changeable);
    EXPECT_EQ(write(Field::pin_controls, 0), 0x1fu);
    EXPECT_EQ(write(Field::guest_activity, 1), 0u);
}

TEST_F(VcpuTest, SvmeIsAlwaysSetAndNeverSeen) {
    EXPECT_EQ(write(Field::guest_efer, 0), 0u);
    EXPECT_EQ(vcpu->vmcb().efer, 0x1000u);
    EXPECT_EQ(write(Field::guest_efer, ~u64{0}), 0xd01u);
    EXPECT_EQ(vcpu->vmcb().efer, 0x1d01u);
}

TEST_F(VcpuTest, TheEntryControlForLongModeIsEferLma) {
    EXPECT_EQ(write(Field::entry_controls, ~u64{0}), 0xd3ffu);
    EXPECT_EQ(read(Field::guest_efer), 0x400u);
    EXPECT_EQ(write(Field::entry_controls, 0), 0xd1ffu);
    EXPECT_EQ(read(Field::guest_efer), 0u);
}

TEST_F(VcpuTest, OtherFieldsAreNotAllowed) {
    for (u64 field : {u64{0}, u64{0x800 + 16}, u64{0x801}, u64{0x482c}, u64{0x6c16}, u64{0x2000},
                      u64{0x6800} | u64{1} << 32, ~u64{0}}) {
        EXPECT_FALSE(vcpu->read(field)) << std::hex << field;
        EXPECT_FALSE(vcpu->write(field, 1)) << std::hex << field;
    }
    EXPECT_TRUE(vcpu->read(0x4402));
    EXPECT_FALSE(vcpu->write(0x4402, 1)) << "exit information is read only";
    EXPECT_FALSE(vcpu->write(0x4400, 1));
}

TEST_F(VcpuTest, MsrsThatTheMonitorMayUse) {
    for (u64 msr : {0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084}) {
        EXPECT_EQ(vcpu->write_msr(msr, 0x1234), 0x1234u);
        EXPECT_EQ(vcpu->read_msr(msr), 0x1234u);
    }
    EXPECT_EQ(vcpu->vmcb().lstar, 0x1234u);
    EXPECT_EQ(vcpu->read_msr(0x485), 0x20u);
    EXPECT_FALSE(vcpu->write_msr(0x485, 0));
    EXPECT_FALSE(Vcpu::may_write_msr(0x485));
    EXPECT_FALSE(vcpu->read_msr(0xc0000080));
    EXPECT_FALSE(vcpu->write_msr(0xc0010117, 0)) << "VM_HSAVE_PA";
}

TEST_F(VcpuTest, PortsExitUntilTheyAreEnabled) {
    u8 const* const map =
        reinterpret_cast<u8 const*>(vcpu.get()) + (vcpu->vmcb().io_permissions - self.value);
    EXPECT_EQ(vcpu->vmcb().io_permissions % 4096, 0u);
    for (unsigned i = 0; i < svm::io_permission_bytes; ++i) ASSERT_EQ(map[i], 0xff);
    vcpu->enable_ports(0x3f8, 0x3ff);
    vcpu->enable_ports(0xffff, 0xffff);
    EXPECT_EQ(map[0x7f], 0);
    EXPECT_EQ(map[0x7e], 0xff);
    EXPECT_EQ(map[0x1fff], 0x7f);
    EXPECT_EQ(map[0x2000], 0xff) << "accesses that run over port 0xffff always exit";
    vcpu->disable_ports(0x3f9, 0x3f9);
    EXPECT_EQ(map[0x7f], 2);
    vcpu->disable_ports(0, 0xffff);
    EXPECT_EQ(map[0x7f], 0xff);
}

TEST_F(VcpuTest, WhatKeepsTheHostSafeIsAlwaysIntercepted) {
    ASSERT_TRUE(enter());
    svm::Vmcb const& vmcb = vcpu->vmcb();
    EXPECT_EQ(vmcb.intercepts[0],
              0xdc44800fu); // shutdown FERR I/O MSR INVLPGA INVD CPUID RDPMC INIT SMI NMI INTR
    EXPECT_EQ(vmcb.intercepts[1],
              0x6eff); // SVM instructions RDTSCP WBINVD MONITOR MWAIT XSETBV RDPRU
    EXPECT_EQ(vmcb.intercept_exceptions, 1u << 1 | 1u << 17);
    EXPECT_EQ(vmcb.intercept_cr, 0u);
    EXPECT_EQ(vmcb.interrupt_control & (1u << 24), 1u << 24);
    EXPECT_EQ(vmcb.nested_enable, 1u);
    EXPECT_EQ(vmcb.nested_cr3, root.value);
    EXPECT_NE(vmcb.asid, 0u);
}

TEST_F(VcpuTest, InterceptsFollowTheControls) {
    struct {
        u64 control;
        unsigned word;
        unsigned bit;
    } const rows[] = {
        {2, 0, 4}, {7, 0, 24}, {9, 0, 25}, {12, 0, 14}, {30, 0, 23},
    };
    for (auto const& row : rows) {
        ASSERT_TRUE(enter(0, u64{1} << row.control));
        EXPECT_TRUE(vcpu->vmcb().intercepts[row.word] >> row.bit & 1) << row.control;
        ASSERT_TRUE(enter(0, 0));
        EXPECT_FALSE(vcpu->vmcb().intercepts[row.word] >> row.bit & 1) << row.control;
    }
    ASSERT_TRUE(enter(0, u64{1} << 15 | u64{1} << 20 | u64{1} << 23));
    EXPECT_EQ(vcpu->vmcb().intercept_cr, 1u << 19 | 1u << 8);
    EXPECT_EQ(vcpu->vmcb().intercept_dr, ~0u);
    write(Field::exception_bitmap, 1 << 14);
    ASSERT_TRUE(enter());
    EXPECT_EQ(vcpu->vmcb().intercept_exceptions, 1u << 14 | 1u << 1 | 1u << 17);
}

TEST_F(VcpuTest, ControlRegisterMasksExitOnWritesAndOnReadsThatDiffer) {
    write(Field::cr0_mask, 0x20);
    write(Field::cr0_read_shadow, 0);
    ASSERT_TRUE(enter());
    EXPECT_EQ(vcpu->vmcb().intercept_cr, 1u << 16);
    write(Field::cr0_read_shadow, 0x20);
    ASSERT_TRUE(enter());
    EXPECT_EQ(vcpu->vmcb().intercept_cr, 1u << 16 | 1u);
}

TEST_F(VcpuTest, TheTscOffsetCountsOnlyWhenItsControlIsSet) {
    write(Field::tsc_offset, 0x1000);
    ASSERT_TRUE(enter());
    EXPECT_EQ(vcpu->vmcb().tsc_offset, 0u);
    ASSERT_TRUE(enter(0, 8));
    EXPECT_EQ(vcpu->vmcb().tsc_offset, 0x1000u);
}

TEST_F(VcpuTest, StatesThatTheProcessorRefusesAreAFailedEntry) {
    auto const refused = [&](auto&& spoil) {
        vcpu = std::make_unique<Vcpu>(self, processor);
        spoil();
        return !enter() && failed();
    };
    EXPECT_TRUE(refused([&] { write(Field::guest_cr0, 0x80000010); }))
        << "paging without protection";
    EXPECT_TRUE(refused([&] { write(Field::guest_cr0, 0x20000010); })) << "NW without CD";
    EXPECT_TRUE(refused([&] { long_mode(), write(Field::guest_cr4, 0); }))
        << "long mode without PAE";
    EXPECT_TRUE(refused([&] { long_mode(), write(Field::guest_efer, 0x100); }))
        << "paging, LME, no LMA";
    EXPECT_TRUE(refused([&] { long_mode(), write(Field::guest_cs_access_rights, 0xe09b); }))
        << "CS.L and CS.D";
    EXPECT_TRUE(refused([&] { write(Field::guest_pat, 0x0207040600070406); })) << "memory type 2";
    EXPECT_TRUE(refused([&] { write(Field::guest_rflags, 1 << 17); }))
        << "virtual-8086 in real mode";
    vcpu = std::make_unique<Vcpu>(self, processor);
    long_mode();
    EXPECT_TRUE(enter());
}

TEST_F(VcpuTest, InjectionIsCheckedAsOnVmx) {
    auto const accepted = [&](u64 event, u64 flags = 0x202) {
        write(Field::guest_rflags, flags);
        return enter(0x1000, 0, event);
    };
    EXPECT_TRUE(accepted(0x80000020));
    EXPECT_EQ(requested(), 0x20u);
    EXPECT_FALSE(accepted(0x80000020, 2)) << "interrupts are off";
    EXPECT_TRUE(failed());
    EXPECT_FALSE(accepted(0x80000820)) << "an interrupt has no error code";
    write(Field::entry_exception_error_code, 0x1f);
    EXPECT_TRUE(accepted(0x80000b0e));
    EXPECT_EQ(requested(), std::nullopt);
    EXPECT_EQ(vcpu->vmcb().event_injection, 0x1f80000b0eu);
    EXPECT_TRUE(accepted(0x80000202, 2)) << "NMI";
    EXPECT_FALSE(accepted(0x80000203)) << "NMI with another vector";
    EXPECT_FALSE(accepted(0x80000302)) << "exception 2";
    EXPECT_FALSE(accepted(0x8000031f)) << "exception 31";
    EXPECT_FALSE(accepted(0x80000480)) << "software interrupt";
    EXPECT_FALSE(accepted(0x80000603)) << "software exception";
    EXPECT_FALSE(accepted(0x80001020)) << "reserved bit";
    write(Field::guest_interruptibility, 1);
    vcpu->begin(read(Field::guest_rip), 0, 0x80000020);
    leave(svm::exit_code::hlt);
    write(Field::guest_interruptibility, 2);
    EXPECT_FALSE(accepted(0x80000020)) << "behind MOV SS";
    EXPECT_TRUE(accepted(0x20, 2)) << "not valid: nothing to check";
    EXPECT_EQ(vcpu->vmcb().event_injection, 0u);
}

TEST_F(VcpuTest, TheShadowEndsWhenTheMonitorMovesOn) {
    ASSERT_TRUE(enter(0x1000));
    vcpu->vmcb().interrupt_shadow = 1;
    leave(svm::exit_code::hlt);
    EXPECT_EQ(read(Field::guest_interruptibility), 1u);
    ASSERT_TRUE(enter(0x1000));
    EXPECT_EQ(read(Field::guest_interruptibility), 1u);
    ASSERT_TRUE(enter(0x1001));
    EXPECT_EQ(read(Field::guest_interruptibility), 0u);
}

TEST_F(VcpuTest, InstructionsExitWithTheirReasonAndLength) {
    struct {
        u64 code;
        u64 reason;
        u64 length;
    } const rows[] = {
        {svm::exit_code::cpuid, 10, 2},   {svm::exit_code::hlt, 12, 1},
        {svm::exit_code::invd, 13, 2},    {svm::exit_code::rdpmc, 15, 2},
        {svm::exit_code::rdtsc, 16, 2},   {svm::exit_code::vmmcall, 18, 3},
        {svm::exit_code::mwait, 36, 3},   {svm::exit_code::monitor, 39, 3},
        {svm::exit_code::pause, 40, 2},   {svm::exit_code::wbinvd, 54, 2},
        {svm::exit_code::xsetbv, 55, 3},  {svm::exit_code::virtual_interrupt, 7, 0},
        {svm::exit_code::shutdown, 2, 0},
    };
    for (auto const& row : rows) {
        ASSERT_TRUE(enter());
        EXPECT_EQ(leave(row.code), AfterExit::tell_monitor);
        EXPECT_EQ(reason(), row.reason);
        EXPECT_EQ(vcpu->exit().qualification, 0u);
        EXPECT_EQ(vcpu->exit().instruction_length, row.length);
    }
}

TEST_F(VcpuTest, TheProcessorsNextRipIsBelievedWhereItOffersOne) {
    GuestSupport better = processor;
    better.next_rip = true;
    vcpu = std::make_unique<Vcpu>(self, better);
    ASSERT_TRUE(enter(0x1000));
    vcpu->vmcb().next_rip = 0x1005;
    leave(svm::exit_code::cpuid);
    EXPECT_EQ(vcpu->exit().instruction_length, 5u);
    leave(svm::exit_code::shutdown);
    EXPECT_EQ(vcpu->exit().instruction_length, 0u);
}

TEST_F(VcpuTest, PortAccess) {
    ASSERT_TRUE(enter(0x1000));
    leave(svm::exit_code::io, 0x3f8u << 16 | 1 << 4 | 1, 0x1002); // in al, dx
    EXPECT_EQ(reason(), 30u);
    EXPECT_EQ(vcpu->exit().qualification, 0x3f8u << 16 | 1 << 3);
    EXPECT_EQ(vcpu->exit().instruction_length, 2u);
    leave(svm::exit_code::io, 0xcf8u << 16 | 1 << 6, 0x1001); // out dx, eax
    EXPECT_EQ(vcpu->exit().qualification, 0xcf8u << 16 | 3);
}

TEST_F(VcpuTest, StringPortAccessTellsWhereTheDataIs) {
    ASSERT_TRUE(enter(0x1000));
    write(Field::guest_fs_base, 0x10000);
    vcpu->registers().rsi = 0xffff'0000'0000'1234;
    leave(svm::exit_code::io, 0x60u << 16 | 4 << 10 | 1 << 8 | 1 << 5 | 1 << 3 | 1 << 2,
          0x1003); // rep outsw fs:esi
    EXPECT_EQ(vcpu->exit().qualification, 0x60u << 16 | 1 << 5 | 1 << 4 | 1);
    EXPECT_EQ(vcpu->exit().guest_linear, 0x11234u);
    EXPECT_EQ(vcpu->exit().instruction_info, 4u << 15 | 1 << 7);
}

TEST_F(VcpuTest, MsrAccess) {
    ASSERT_TRUE(enter());
    leave(svm::exit_code::msr, 0);
    EXPECT_EQ(reason(), 31u);
    leave(svm::exit_code::msr, 1);
    EXPECT_EQ(reason(), 32u);
}

TEST_F(VcpuTest, ControlAndDebugRegisters) {
    ASSERT_TRUE(enter());
    leave(0x13, u64{1} << 63 | 5); // mov rbp, cr3 with decode assists
    EXPECT_EQ(reason(), 28u);
    EXPECT_EQ(vcpu->exit().qualification, 0x503u);
    leave(0x04, 0);
    EXPECT_EQ(vcpu->exit().qualification, 0x14u);
    leave(0x37, 3);
    EXPECT_EQ(reason(), 29u);
    EXPECT_EQ(vcpu->exit().qualification, 0x307u);
    leave(0x26, 0);
    EXPECT_EQ(vcpu->exit().qualification, 0x16u);
}

TEST_F(VcpuTest, DescriptorTables) {
    u64 const reasons[] = {46, 46, 47, 47, 46, 46, 47, 47};
    u64 const identities[] = {1, 0, 0, 1, 3, 2, 2, 3};
    for (u64 i = 0; i < 8; ++i) {
        ASSERT_TRUE(enter());
        leave(svm::exit_code::idtr_read + i);
        EXPECT_EQ(reason(), reasons[i]) << i;
        EXPECT_EQ(vcpu->exit().instruction_info >> 28, identities[i]) << i;
    }
}

TEST_F(VcpuTest, MissingSecondStageMapping) {
    ASSERT_TRUE(enter());
    leave(svm::exit_code::nested_page_fault, u64{1} << 32 | 4 | 2,
          0xfee00300); // write, nothing there
    EXPECT_EQ(reason(), 48u);
    EXPECT_EQ(vcpu->exit().qualification, 0x102u);
    EXPECT_EQ(vcpu->exit().guest_physical, 0xfee00300u);
    leave(svm::exit_code::nested_page_fault, u64{1} << 33 | 4,
          0x5000); // read of a guest page table
    EXPECT_EQ(vcpu->exit().qualification, 1u);
    leave(svm::exit_code::nested_page_fault, u64{1} << 32 | 4 | 2 | 1,
          0x6000); // write to a read-only page
    EXPECT_EQ(vcpu->exit().qualification, 0x12au);
    leave(svm::exit_code::nested_page_fault, u64{1} << 32 | 4 | 16, 0x7000); // fetch
    EXPECT_EQ(vcpu->exit().qualification, 0x104u);
}

TEST_F(VcpuTest, ExceptionsThatTheMonitorAskedFor) {
    write(Field::exception_bitmap, 1 << 14 | 1 << 3);
    ASSERT_TRUE(enter());
    EXPECT_EQ(leave(0x40 + 14, 0x7, 0xdead000), AfterExit::tell_monitor);
    EXPECT_EQ(reason(), 0u);
    EXPECT_EQ(vcpu->exit().qualification, 0xdead000u);
    EXPECT_EQ(read(Field::exit_interruption_info), 0x80000b0eu);
    EXPECT_EQ(read(Field::exit_interruption_error_code), 7u);
    EXPECT_EQ(leave(0x40 + 3), AfterExit::tell_monitor);
    EXPECT_EQ(read(Field::exit_interruption_info), 0x80000603u);
}

TEST_F(VcpuTest, ExceptionsInterceptedForTheHostGoToTheGuest) {
    ASSERT_TRUE(enter());
    EXPECT_EQ(leave(0x40 + 17, 0), AfterExit::resume);
    ASSERT_TRUE(prepare());
    EXPECT_EQ(vcpu->vmcb().event_injection, 0x80000b11u);
    EXPECT_EQ(leave(0x40 + 1), AfterExit::resume);
    ASSERT_TRUE(prepare());
    EXPECT_EQ(vcpu->vmcb().event_injection, 0x80000301u);
}

TEST_F(VcpuTest, SvmInstructionsRaiseInvalidOpcode) {
    for (u64 code : {0x80, 0x82, 0x83, 0x84, 0x85, 0x86, 0x7a, 0x8e, 0x87}) {
        ASSERT_TRUE(enter());
        EXPECT_EQ(leave(code), AfterExit::resume) << std::hex << code;
        ASSERT_TRUE(prepare());
        EXPECT_EQ(vcpu->vmcb().event_injection, 0x80000306u);
    }
    write(Field::secondary_controls, 0xa);
    ASSERT_TRUE(enter());
    EXPECT_EQ(vcpu->vmcb().intercepts[1] & 0x80, 0u) << "RDTSCP enabled";
}

TEST_F(VcpuTest, XsetbvIsCarriedOutWhereTheProcessorKnowsTheParts) {
    auto const xsetbv = [&](u64 register_number, u64 value) {
        vcpu->registers().rcx = register_number;
        vcpu->registers().rdx = value >> 32;
        EXPECT_TRUE(enter(0x1000));
        vcpu->vmcb().rax = value & 0xffffffff;
        return leave(svm::exit_code::xsetbv);
    };
    EXPECT_EQ(vcpu->frame().xcr0, 1u);
    EXPECT_EQ(xsetbv(0, 7), AfterExit::resume);
    EXPECT_EQ(vcpu->frame().xcr0, 7u);
    EXPECT_EQ(read(Field::guest_rip), 0x1003u);
    EXPECT_EQ(vcpu->frame().fpu[512], std::byte{3}) << "what FXSAVE saved is valid";
    EXPECT_EQ(xsetbv(0, 1), AfterExit::resume);
    for (u64 value : {u64{0}, u64{6}, u64{5}, u64{0xe7}, u64{1} << 32 | 1}) {
        EXPECT_EQ(xsetbv(0, value), AfterExit::tell_monitor) << value;
        EXPECT_EQ(reason(), number(vmx::ExitReason::xsetbv));
        EXPECT_EQ(vcpu->frame().xcr0, 1u);
        EXPECT_EQ(read(Field::guest_rip), 0x1000u);
    }
    EXPECT_EQ(xsetbv(1, 7), AfterExit::tell_monitor);
}

TEST_F(VcpuTest, AnInterruptedEventComesBackInTheEntryWord) {
    write(Field::guest_rflags, 0x202);
    ASSERT_TRUE(enter(0x1000, 0, 0x80000031));
    take_interrupt();
    vcpu->vmcb().exit_interrupt_info = 0x80000031;
    EXPECT_EQ(leave(svm::exit_code::nested_page_fault, u64{1} << 32 | 4, 0x5000),
              AfterExit::tell_monitor);
    u64 words[abi::vm_message::words];
    vcpu->message(words);
    EXPECT_EQ(words[abi::vm_message::entry_interruption], 0x80000031u);
    EXPECT_EQ(read(Field::idt_vectoring_info), 0x80000031u);
    ASSERT_TRUE(enter(0x1000, 0, words[abi::vm_message::entry_interruption]));
    EXPECT_EQ(requested(), 0x31u);
}

TEST_F(VcpuTest, AnInterruptThatTheGuestHadNoTimeToTakeWaitsForTheNextEntry) {
    write(Field::guest_rflags, 0x202);
    ASSERT_TRUE(enter(0x1000, 0, 0x80000031));
    EXPECT_EQ(leave(svm::exit_code::interrupt), AfterExit::host_interrupt);
    EXPECT_EQ(vcpu->controls().entry_interruption, 0x80000031u);
    ASSERT_TRUE(prepare());
    EXPECT_EQ(requested(), 0x31u);
    EXPECT_EQ(vcpu->vmcb().event_injection, 0u);
}

TEST_F(VcpuTest, AnInterruptWhoseDeliveryFaultsStaysAnInterruptOnQemu) {
    write(Field::guest_rflags, 0x202);
    write(Field::exception_bitmap, 1 << 14);
    ASSERT_TRUE(enter(0x1000, 0, 0x80000031));
    vcpu->vmcb().exit_interrupt_info = 0x80000331; // an exception, it says; and the request stands
    EXPECT_EQ(leave(0x40 + 14, 2, 0x7ffc), AfterExit::tell_monitor);
    EXPECT_EQ(vcpu->controls().entry_interruption, 0x80000031u);
}

TEST_F(VcpuTest, AnInterruptAndAWindowForTheNextAreTwoThings) {
    write(Field::guest_rflags, 0x202);
    ASSERT_TRUE(enter(0x1000, vmx::primary::InterruptWindow::mask, 0x80000031));
    EXPECT_EQ(vcpu->vmcb().event_injection, 0x80000031u);
    EXPECT_TRUE(requested());
    EXPECT_TRUE(vcpu->vmcb().intercepts[0] & svm::intercept1::VirtualInterrupt::mask);
    EXPECT_EQ(leave(svm::exit_code::interrupt), AfterExit::host_interrupt);
    EXPECT_EQ(vcpu->controls().entry_interruption & 0x80000000, 0u) << "the request was the window's";
    ASSERT_TRUE(enter(0x1000, 0, 0x80000031));
    EXPECT_FALSE(vcpu->vmcb().intercepts[0] & svm::intercept1::VirtualInterrupt::mask);
}

TEST_F(VcpuTest, AnExceptionBeingDeliveredWhenTheHostWasInterruptedIsDeliveredLater) {
    ASSERT_TRUE(enter());
    vcpu->vmcb().exit_interrupt_info = u64{0x1c} << 32 | 0x80000b0e;
    EXPECT_EQ(leave(svm::exit_code::interrupt), AfterExit::host_interrupt);
    ASSERT_TRUE(prepare());
    EXPECT_EQ(vcpu->vmcb().event_injection, u64{0x1c} << 32 | 0x80000b0e);
}

TEST_F(VcpuTest, SoftwareInterruptsAreExecutedAgain) {
    ASSERT_TRUE(enter());
    vcpu->vmcb().exit_interrupt_info = 0x80000480;
    leave(svm::exit_code::interrupt);
    ASSERT_TRUE(prepare());
    EXPECT_EQ(vcpu->vmcb().event_injection, 0u);
    vcpu->vmcb().exit_interrupt_info = 0x80000303; // INT3 by the guest
    leave(svm::exit_code::interrupt);
    EXPECT_EQ(vcpu->controls().entry_interruption & 0x80000000, 0u);
    ASSERT_TRUE(enter(0x1000, 0, 0x80000303)); // #BP by the monitor
    vcpu->vmcb().exit_interrupt_info = 0x80000303;
    leave(svm::exit_code::interrupt);
    EXPECT_EQ(vcpu->controls().entry_interruption, 0x80000303u);
}

TEST_F(VcpuTest, ADeliveredEventIsNotInjectedAgain) {
    write(Field::guest_rflags, 0x202);
    ASSERT_TRUE(enter(0x1000, 0, 0x80000031));
    take_interrupt();
    vcpu->vmcb().exit_interrupt_info = 0;
    leave(svm::exit_code::interrupt);
    ASSERT_TRUE(prepare());
    EXPECT_EQ(requested(), std::nullopt);
    EXPECT_EQ(vcpu->vmcb().event_injection, 0u);
}

TEST_F(VcpuTest, ARefusedVmrunIsAFailedEntryAndShowsNothingOfTheHost) {
    ASSERT_TRUE(enter());
    vcpu->vmcb().cr3 = 0xabcd000; // as an emulator stores it: the host's
    vcpu->vmcb().lstar = 0xffffffff80101000;
    EXPECT_EQ(leave(0xffffffff), AfterExit::tell_monitor);
    EXPECT_TRUE(failed());
    EXPECT_EQ(read(Field::guest_cr3), 0u);
    EXPECT_EQ(vcpu->read_msr(0xc0000082), 0u);
    ASSERT_TRUE(enter());
    EXPECT_EQ(leave(~u64{0}), AfterExit::tell_monitor);
    EXPECT_TRUE(failed());
}

TEST_F(VcpuTest, AnotherNestedRootTakesAnotherTag) {
    ASSERT_TRUE(prepare());
    u32 const asid = vcpu->vmcb().asid;
    ASSERT_TRUE(prepare());
    EXPECT_EQ(vcpu->vmcb().asid, asid);
    ASSERT_TRUE(prepare(root + 4096));
    EXPECT_NE(vcpu->vmcb().asid, asid);
}

TEST_F(VcpuTest, TheMessageHasEveryWordInItsPlace) {
    write(Field::guest_rflags, 0x202);
    write(Field::guest_cr3, 0x7000);
    vcpu->registers() = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    ASSERT_TRUE(enter(0x1000, 4));
    EXPECT_EQ(vcpu->vmcb().rax, 1u);
    vcpu->vmcb().rax = 99;
    vcpu->vmcb().interrupt_shadow = 1;
    leave(svm::exit_code::cpuid);
    u64 words[abi::vm_message::words];
    vcpu->message(words);
    u64 const expected[] = {0x1000, vmcs_field::primary_forced | 4,
                            0,      10,
                            0,      2,
                            0,      0x202,
                            1,      0x7000,
                            99,     2,
                            3,      4,
                            5,      6,
                            7,      8,
                            9,      10,
                            11,     12,
                            13,     14,
                            15};
    for (unsigned i = 0; i < abi::vm_message::words; ++i) EXPECT_EQ(words[i], expected[i]) << i;
}

// Whatever a monitor writes, an entry is either refused here or is one that APM 15.5.1 allows, with
// every intercept in place.
TEST_F(VcpuTest, RandomFieldWritesNeverMakeAnUnsafeEntry) {
    std::mt19937_64 random{1};
    unsigned entered = 0;
    for (int round = 0; round < 20000; ++round) {
        if (round % 50 == 0) vcpu = std::make_unique<Vcpu>(self, processor);
        u64 const bases[] = {0x800, 0x2000, 0x2800, 0x4000, 0x4400, 0x4800, 0x6000, 0x6400, 0x6800};
        u64 const field = bases[random() % std::size(bases)] + random() % 0x30;
        u64 value = random();
        if (random() % 2) value &= random() & 0xff;
        vcpu->write(field, value);
        if (!enter(random(), random(), random() % 4 ? 0 : random())) continue;
        ++entered;
        svm::Vmcb const& vmcb = vcpu->vmcb();
        ASSERT_EQ(vmcb.intercepts[0] & 0xdc44800f, 0xdc44800fu);
        ASSERT_EQ(vmcb.intercepts[1] & 0x6e7f, 0x6e7fu);
        ASSERT_TRUE(vmcb.efer & 0x1000);
        ASSERT_EQ(vmcb.efer & ~u64{0x1d01}, 0u);
        ASSERT_EQ(vmcb.cr0 >> 32 | vmcb.dr6 >> 32 | vmcb.dr7 >> 32, 0u);
        ASSERT_EQ(vmcb.cr4 & ~processor.cr4_bits, 0u);
        ASSERT_EQ(vmcb.io_permissions, self.value + 4096);
        ASSERT_EQ(vmcb.msr_permissions, processor.msr_permissions.value);
        ASSERT_EQ(vmcb.nested_cr3, root.value);
        ASSERT_TRUE(vmcb.asid >= 1 && vmcb.asid < processor.asids);
        ASSERT_LE(vmcb.cpl, 3);
        ASSERT_EQ(vmcb.event_injection & 0x7ffff000, 0u);
    }
    EXPECT_GT(entered, 1000u);
}

} // namespace
