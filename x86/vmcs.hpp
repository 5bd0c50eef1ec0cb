// SPDX-License-Identifier: Apache-2.0
// The words of Intel VMX: VMCS field encodings, controls, exit reasons and qualifications. Intel
// SDM vol. 3 ("SDM"), chapters 25 to 28 and appendices B and C. A monitor speaks these on either
// vendor.
#pragma once

#include "base/types.hpp"

namespace vmx {

// Field encodings, SDM appendix B.
enum class Field : u32 {
    guest_es_selector = 0x0800,
    guest_cs_selector = 0x0802,
    guest_ss_selector = 0x0804,
    guest_ds_selector = 0x0806,
    guest_fs_selector = 0x0808,
    guest_gs_selector = 0x080a,
    guest_ldtr_selector = 0x080c,
    guest_tr_selector = 0x080e,
    tsc_offset = 0x2010,
    guest_physical_address = 0x2400,
    guest_debug_control = 0x2802,
    guest_pat = 0x2804,
    guest_efer = 0x2806,
    guest_perf_global_control = 0x2808,
    guest_pdpte0 = 0x280a,
    guest_pdpte1 = 0x280c,
    guest_pdpte2 = 0x280e,
    guest_pdpte3 = 0x2810,
    pin_controls = 0x4000,
    primary_controls = 0x4002,
    exception_bitmap = 0x4004,
    exit_controls = 0x400c,
    entry_controls = 0x4012,
    entry_interruption_info = 0x4016,
    entry_exception_error_code = 0x4018,
    secondary_controls = 0x401e,
    instruction_error = 0x4400,
    exit_reason = 0x4402,
    exit_interruption_info = 0x4404,
    exit_interruption_error_code = 0x4406,
    idt_vectoring_info = 0x4408,
    idt_vectoring_error_code = 0x440a,
    exit_instruction_length = 0x440c,
    exit_instruction_info = 0x440e,
    guest_es_limit = 0x4800,
    guest_cs_limit = 0x4802,
    guest_ss_limit = 0x4804,
    guest_ds_limit = 0x4806,
    guest_fs_limit = 0x4808,
    guest_gs_limit = 0x480a,
    guest_ldtr_limit = 0x480c,
    guest_tr_limit = 0x480e,
    guest_gdtr_limit = 0x4810,
    guest_idtr_limit = 0x4812,
    guest_es_access_rights = 0x4814,
    guest_cs_access_rights = 0x4816,
    guest_ss_access_rights = 0x4818,
    guest_ds_access_rights = 0x481a,
    guest_fs_access_rights = 0x481c,
    guest_gs_access_rights = 0x481e,
    guest_ldtr_access_rights = 0x4820,
    guest_tr_access_rights = 0x4822,
    guest_interruptibility = 0x4824,
    guest_activity = 0x4826,
    guest_smbase = 0x4828,
    guest_sysenter_cs = 0x482a,
    preemption_timer_value = 0x482e,
    cr0_mask = 0x6000,
    cr4_mask = 0x6002,
    cr0_read_shadow = 0x6004,
    cr4_read_shadow = 0x6006,
    exit_qualification = 0x6400,
    guest_linear_address = 0x640a,
    guest_cr0 = 0x6800,
    guest_cr3 = 0x6802,
    guest_cr4 = 0x6804,
    guest_es_base = 0x6806,
    guest_cs_base = 0x6808,
    guest_ss_base = 0x680a,
    guest_ds_base = 0x680c,
    guest_fs_base = 0x680e,
    guest_gs_base = 0x6810,
    guest_ldtr_base = 0x6812,
    guest_tr_base = 0x6814,
    guest_gdtr_base = 0x6816,
    guest_idtr_base = 0x6818,
    guest_dr7 = 0x681a,
    guest_rsp = 0x681c,
    guest_rip = 0x681e,
    guest_rflags = 0x6820,
    guest_pending_debug_exceptions = 0x6822,
    guest_sysenter_esp = 0x6824,
    guest_sysenter_eip = 0x6826,
    guest_cr2 = 0x68fe, // Tessera's own: VMX leaves CR2 to the monitor's processor
};

// Primary processor-based controls, SDM 25.6.2.
namespace primary {
using InterruptWindow = Bits<2>;
using TscOffsetting = Bits<3>;
using Hlt = Bits<7>;
using Invlpg = Bits<9>;
using Mwait = Bits<10>;
using Rdpmc = Bits<11>;
using Rdtsc = Bits<12>;
using Cr3Load = Bits<15>;
using Cr3Store = Bits<16>;
using Cr8Load = Bits<19>;
using Cr8Store = Bits<20>;
using MovDr = Bits<23>;
using IoBitmaps = Bits<25>;
using MsrBitmaps = Bits<28>;
using Monitor = Bits<29>;
using Pause = Bits<30>;
using Secondary = Bits<31>;
} // namespace primary

namespace secondary {
using NestedPaging = Bits<1>;
using DescriptorTables = Bits<2>;
using Rdtscp = Bits<3>; // clear: RDTSCP raises #UD
using Vpid = Bits<5>;
using Wbinvd = Bits<6>;
using UnrestrictedGuest = Bits<7>;
using Invpcid = Bits<12>;
} // namespace secondary

using EntryLongMode = Bits<9>; // of the entry controls: "IA-32e mode guest", equal to EFER.LMA

// Interruption information: of entry, exit and IDT vectoring, SDM 25.8.3, 25.9.2.
namespace interruption {
using Vector = Bits<7, 0>;
using Type = Bits<10, 8>;
using HasErrorCode = Bits<11>;
using Valid = Bits<31>;
inline constexpr u64 type_external = 0;
inline constexpr u64 type_nmi = 2;
inline constexpr u64 type_exception = 3;
inline constexpr u64 type_software_interrupt = 4;
inline constexpr u64 type_software_exception = 6; // #BP and #OF
} // namespace interruption

namespace interruptibility { // SDM table 25-3
using Sti = Bits<0>;
using MovSs = Bits<1>;
} // namespace interruptibility

namespace access_rights { // SDM table 25-2
using Low = Bits<7, 0>;
using Dpl = Bits<6, 5>;
using Present = Bits<7>;
using High = Bits<15, 12>;
using Unusable = Bits<16>;
} // namespace access_rights

// Basic exit reasons, SDM appendix C.
enum class ExitReason : u32 {
    exception = 0,
    external_interrupt = 1,
    triple_fault = 2,
    interrupt_window = 7,
    task_switch = 9,
    cpuid = 10,
    hlt = 12,
    invd = 13,
    invlpg = 14,
    rdpmc = 15,
    rdtsc = 16,
    rsm = 17,
    vmcall = 18,
    control_register = 28,
    debug_register = 29,
    io = 30,
    rdmsr = 31,
    wrmsr = 32,
    mwait = 36,
    monitor = 39,
    pause = 40,
    gdtr_idtr = 46,
    ldtr_tr = 47,
    ept_violation = 48,
    rdtscp = 51,
    wbinvd = 54,
    xsetbv = 55,
};

namespace io_qualification { // SDM table 28-5
using SizeMinusOne = Bits<2, 0>;
using In = Bits<3>;
using String = Bits<4>;
using Repeat = Bits<5>;
using Port = Bits<31, 16>;
} // namespace io_qualification

namespace control_register_qualification { // SDM table 28-3
using Number = Bits<3, 0>;
using Access = Bits<5, 4>; // 0: move to, 1: move from the control register
using Register = Bits<11, 8>;
} // namespace control_register_qualification

namespace debug_register_qualification { // SDM table 28-4
using Number = Bits<2, 0>;
using FromDebugRegister = Bits<4>;
using Register = Bits<11, 8>;
} // namespace debug_register_qualification

namespace task_switch_qualification { // SDM table 28-2
using Selector = Bits<15, 0>;         // of the new task's TSS
using Source = Bits<31, 30>;
inline constexpr u64 call = 0, iret = 1, jump = 2, gate = 3; // gate: in the IDT
} // namespace task_switch_qualification

namespace ept_qualification { // SDM table 28-7
using Read = Bits<0>;
using Write = Bits<1>;
using Fetch = Bits<2>;
using Readable = Bits<3>; // the second-stage entry allows it
using Writable = Bits<4>;
using Executable = Bits<5>;
using FinalAddress = Bits<8>;
} // namespace ept_qualification

namespace string_io_info {      // exit instruction information of INS and OUTS, SDM table 28-9
using AddressSize = Bits<9, 7>; // 0: 16, 1: 32, 2: 64 bit
using Segment = Bits<17, 15>;
} // namespace string_io_info

using DescriptorTableIdentity =
    Bits<29, 28>; // SDM tables 28-10 and 28-11: SGDT SIDT LGDT LIDT; SLDT STR LLDT LTR

// MSR numbers that VCPUReadMSR and VCPUWriteMSR know.
inline constexpr u32 msr_vmx_misc = 0x485;
inline constexpr u32 msr_vmx_secondary = 0x48b; // SDM appendix A.3.3: low half: bits always 1; high half: bits that may be 1
inline constexpr u32 msr_star = 0xc0000081;
inline constexpr u32 msr_lstar = 0xc0000082;
inline constexpr u32 msr_cstar = 0xc0000083;
inline constexpr u32 msr_fmask = 0xc0000084;

} // namespace vmx
