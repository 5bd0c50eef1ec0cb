// SPDX-License-Identifier: Apache-2.0
// The virtual machine control block of AMD SVM. AMD64 Architecture Programmer's Manual vol. 2
// ("APM"), appendix B and chapter 15. Layout and numbers only; what the kernel puts in them is
// kernel/device's business.
#pragma once

#include "base/types.hpp"

namespace svm {

// EFER and the model-specific registers of SVM, APM 15.30.
inline constexpr u32 msr_vm_cr = 0xc0010114;
inline constexpr u32 msr_vm_hsave_pa = 0xc0010117;
using VmCrDisabled = Bits<4>; // VM_CR.SVMDIS: SVM cannot be switched on
using EferSvme = Bits<12>;

// CPUID 8000_000A: EBX is the number of address space identifiers; EDX has features.
inline constexpr u32 cpuid_leaf = 0x8000000a;
using CpuidNestedPaging = Bits<0>;
using CpuidNextRip = Bits<3>;
using CpuidDecodeAssists = Bits<7>;

// Intercept words, APM table B-1. Control and debug register words: bit n for reads of register n,
// bit 16 + n for writes.
namespace intercept1 { // offset 0x0c
using Interrupt = Bits<0>;
using Nmi = Bits<1>;
using Smi = Bits<2>;
using Init = Bits<3>;
using VirtualInterrupt = Bits<4>;
using DescriptorTables = Bits<13, 6>; // reads and writes of IDTR, GDTR, LDTR, TR
using Rdtsc = Bits<14>;
using Rdpmc = Bits<15>;
using Cpuid = Bits<18>;
using Rsm = Bits<19>;
using Invd = Bits<22>;
using Pause = Bits<23>;
using Hlt = Bits<24>;
using Invlpg = Bits<25>;
using Invlpga = Bits<26>;
using Io = Bits<27>;
using Msr = Bits<28>;
using TaskSwitch = Bits<29>;
using FerrFreeze = Bits<30>;
using Shutdown = Bits<31>;
} // namespace intercept1
namespace intercept2 {              // offset 0x10
using SvmInstructions = Bits<6, 0>; // VMRUN VMMCALL VMLOAD VMSAVE STGI CLGI SKINIT
using Rdtscp = Bits<7>;
using Wbinvd = Bits<9>;
using Monitor = Bits<10>;
using Mwait = Bits<11>;
using Xsetbv = Bits<13>;
using Rdpru = Bits<14>;
} // namespace intercept2

namespace interrupt_control { // offset 0x60, APM 15.21
using TaskPriority = Bits<7, 0>;
using Request = Bits<8>;             // V_IRQ
using IgnoreTaskPriority = Bits<20>; // V_IGN_TPR
using Masking =
    Bits<24>; // V_INTR_MASKING: the guest's RFLAGS.IF does not hold back the host's interrupts
using Vector = Bits<39, 32>;
} // namespace interrupt_control

using InterruptShadow = Bits<0>; // offset 0x68

namespace event { // EVENTINJ and EXITINTINFO, APM 15.20
using Vector = Bits<7, 0>;
using Type = Bits<10, 8>;
using HasErrorCode = Bits<11>;
using Valid = Bits<31>;
using ErrorCode = Bits<63, 32>;
inline constexpr u64 type_interrupt = 0;
inline constexpr u64 type_nmi = 2;
inline constexpr u64 type_exception = 3;
inline constexpr u64 type_software_interrupt = 4;
} // namespace event

namespace io_info { // EXITINFO1 of an I/O exit, APM 15.10.2
using In = Bits<0>;
using String = Bits<2>;
using Repeat = Bits<3>;
using Size = Bits<6, 4>;        // 1, 2, 4 bytes
using AddressSize = Bits<9, 7>; // one bit each: 16, 32, 64
using Segment = Bits<12, 10>;
using Port = Bits<31, 16>;
} // namespace io_info

namespace nested_fault { // EXITINFO1 of a nested page fault, APM 15.25.6
using Present = Bits<0>;
using Write = Bits<1>;
using Fetch = Bits<4>;
using FinalAddress =
    Bits<32>; // the fault is in the translation of the access itself, not of a guest page table
} // namespace nested_fault

namespace task_switch_info {   // APM 15.14.1
using Selector = Bits<15, 0>; // EXITINFO1
using Iret = Bits<36>;        // EXITINFO2, of where it comes from; neither: CALL, or the IDT
using Jump = Bits<38>;
} // namespace task_switch_info

namespace move_info { // EXITINFO1 of a control or debug register exit with decode assists,
                      // APM 15.8.1
using Register = Bits<3, 0>;
using IsMove = Bits<63>;
} // namespace move_info

inline constexpr u64 tlb_keep = 0;
inline constexpr u64 tlb_flush_all = 1;

// APM appendix C.
namespace exit_code {
inline constexpr u64 read_cr0 = 0x00;
inline constexpr u64 write_cr0 = 0x10;
inline constexpr u64 read_dr0 = 0x20;
inline constexpr u64 write_dr0 = 0x30;
inline constexpr u64 exception0 = 0x40; // .. 0x5f
inline constexpr u64 interrupt = 0x60;
inline constexpr u64 nmi = 0x61;
inline constexpr u64 smi = 0x62;
inline constexpr u64 init = 0x63;
inline constexpr u64 virtual_interrupt = 0x64;
inline constexpr u64 idtr_read = 0x66;
inline constexpr u64 gdtr_read = 0x67;
inline constexpr u64 ldtr_read = 0x68;
inline constexpr u64 tr_read = 0x69;
inline constexpr u64 idtr_write = 0x6a;
inline constexpr u64 gdtr_write = 0x6b;
inline constexpr u64 ldtr_write = 0x6c;
inline constexpr u64 tr_write = 0x6d;
inline constexpr u64 rdtsc = 0x6e;
inline constexpr u64 rdpmc = 0x6f;
inline constexpr u64 cpuid = 0x72;
inline constexpr u64 rsm = 0x73;
inline constexpr u64 invd = 0x76;
inline constexpr u64 pause = 0x77;
inline constexpr u64 hlt = 0x78;
inline constexpr u64 invlpg = 0x79;
inline constexpr u64 invlpga = 0x7a;
inline constexpr u64 io = 0x7b;
inline constexpr u64 msr = 0x7c;
inline constexpr u64 task_switch = 0x7d;
inline constexpr u64 ferr_freeze = 0x7e;
inline constexpr u64 shutdown = 0x7f;
inline constexpr u64 vmrun = 0x80;
inline constexpr u64 vmmcall = 0x81;
inline constexpr u64 vmload = 0x82;
inline constexpr u64 skinit = 0x86;
inline constexpr u64 rdtscp = 0x87;
inline constexpr u64 wbinvd = 0x89;
inline constexpr u64 monitor = 0x8a;
inline constexpr u64 mwait = 0x8b;
inline constexpr u64 xsetbv = 0x8d;
inline constexpr u64 rdpru = 0x8e;
inline constexpr u64 nested_page_fault = 0x400;
inline constexpr u64 invalid = ~u64{0};
} // namespace exit_code

struct Segment {
    u16 selector;
    u16 attributes; // bits 7:0 as descriptor bits 47:40, bits 11:8 as descriptor bits 55:52
    u32 limit;
    u64 base;
};
static_assert(sizeof(Segment) == 16);
namespace attributes {
using Dpl = Bits<6, 5>;
using Present = Bits<7>;
using Low = Bits<7, 0>;
using High = Bits<11, 8>;
using Long = Bits<9>;
using Default32 = Bits<10>;
} // namespace attributes

struct Vmcb {
    u32 intercept_cr, intercept_dr, intercept_exceptions;
    u32 intercepts[3];
    u8 reserved0[0x3c - 0x18];
    u16 pause_filter_threshold, pause_filter_count;
    u64 io_permissions, msr_permissions; // physical, 4 KiB aligned
    u64 tsc_offset;
    u32 asid;
    u32 tlb_control;
    u64 interrupt_control;
    u64 interrupt_shadow;
    u64 exit_code, exit_info1, exit_info2, exit_interrupt_info;
    u64 nested_enable;
    u8 reserved1[0xa8 - 0x98];
    u64 event_injection;
    u64 nested_cr3;
    u64 branch_record_enable;
    u64 clean;
    u64 next_rip;
    u8 fetched_bytes;
    u8 instruction[15];
    u8 reserved2[0x400 - 0xe0];

    Segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    u8 reserved3[0x4cb - 0x4a0];
    u8 cpl;
    u32 reserved4;
    u64 efer;
    u8 reserved5[0x548 - 0x4d8];
    u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
    u8 reserved6[0x5d8 - 0x580];
    u64 rsp;
    u64 shadow_stack[3];
    u64 rax;
    u64 star, lstar, cstar, sfmask, kernel_gs_base;
    u64 sysenter_cs, sysenter_esp, sysenter_eip;
    u64 cr2;
    u8 reserved7[0x668 - 0x648];
    u64 pat;
    u64 debug_control, branch_from, branch_to, exception_from, exception_to;
    u8 reserved8[0x1000 - 0x698];
};
static_assert(offsetof(Vmcb, intercept_exceptions) == 0x08 && offsetof(Vmcb, intercepts) == 0x0c);
static_assert(offsetof(Vmcb, pause_filter_count) == 0x3e && offsetof(Vmcb, io_permissions) == 0x40);
static_assert(offsetof(Vmcb, msr_permissions) == 0x48 && offsetof(Vmcb, tsc_offset) == 0x50);
static_assert(offsetof(Vmcb, asid) == 0x58 && offsetof(Vmcb, tlb_control) == 0x5c);
static_assert(offsetof(Vmcb, interrupt_control) == 0x60 &&
              offsetof(Vmcb, interrupt_shadow) == 0x68);
static_assert(offsetof(Vmcb, exit_code) == 0x70 && offsetof(Vmcb, exit_info1) == 0x78);
static_assert(offsetof(Vmcb, exit_info2) == 0x80 && offsetof(Vmcb, exit_interrupt_info) == 0x88);
static_assert(offsetof(Vmcb, nested_enable) == 0x90 && offsetof(Vmcb, event_injection) == 0xa8);
static_assert(offsetof(Vmcb, nested_cr3) == 0xb0 && offsetof(Vmcb, branch_record_enable) == 0xb8);
static_assert(offsetof(Vmcb, clean) == 0xc0 && offsetof(Vmcb, next_rip) == 0xc8);
static_assert(offsetof(Vmcb, fetched_bytes) == 0xd0 && offsetof(Vmcb, instruction) == 0xd1);
static_assert(offsetof(Vmcb, es) == 0x400 && offsetof(Vmcb, cs) == 0x410 &&
              offsetof(Vmcb, ss) == 0x420);
static_assert(offsetof(Vmcb, ds) == 0x430 && offsetof(Vmcb, fs) == 0x440 &&
              offsetof(Vmcb, gs) == 0x450);
static_assert(offsetof(Vmcb, gdtr) == 0x460 && offsetof(Vmcb, ldtr) == 0x470 &&
              offsetof(Vmcb, idtr) == 0x480);
static_assert(offsetof(Vmcb, tr) == 0x490 && offsetof(Vmcb, cpl) == 0x4cb &&
              offsetof(Vmcb, efer) == 0x4d0);
static_assert(offsetof(Vmcb, cr4) == 0x548 && offsetof(Vmcb, cr3) == 0x550 &&
              offsetof(Vmcb, cr0) == 0x558);
static_assert(offsetof(Vmcb, dr7) == 0x560 && offsetof(Vmcb, dr6) == 0x568 &&
              offsetof(Vmcb, rflags) == 0x570);
static_assert(offsetof(Vmcb, rip) == 0x578 && offsetof(Vmcb, rsp) == 0x5d8 &&
              offsetof(Vmcb, rax) == 0x5f8);
static_assert(offsetof(Vmcb, star) == 0x600 && offsetof(Vmcb, lstar) == 0x608 &&
              offsetof(Vmcb, cstar) == 0x610);
static_assert(offsetof(Vmcb, sfmask) == 0x618 && offsetof(Vmcb, kernel_gs_base) == 0x620);
static_assert(offsetof(Vmcb, sysenter_cs) == 0x628 && offsetof(Vmcb, sysenter_esp) == 0x630);
static_assert(offsetof(Vmcb, sysenter_eip) == 0x638 && offsetof(Vmcb, cr2) == 0x640 &&
              offsetof(Vmcb, pat) == 0x668);
static_assert(offsetof(Vmcb, debug_control) == 0x670 && sizeof(Vmcb) == 0x1000);

// The MSR permission map, APM 15.11: two bits an MSR (read, write; set = exit), 2 KiB for each of
// three ranges of 8192 MSRs; all other MSRs always exit.
inline constexpr unsigned msr_permission_bytes = 8192;
inline constexpr unsigned io_permission_bytes =
    65536 / 8 + 1; // the last byte: accesses that run over port 0xffff

} // namespace svm
