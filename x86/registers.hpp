// SPDX-License-Identifier: Apache-2.0
// Control registers and model-specific registers: Intel SDM vol. 3, 2.5 and vol. 4; AMD APM vol. 2, 3.1 and appendix A.
#pragma once

#include "base/types.hpp"

namespace cr0 {
using ProtectedMode = Bits<0>;
using MonitorCoprocessor = Bits<1>;
using Emulation = Bits<2>;
using TaskSwitched = Bits<3>;
using ExtensionType = Bits<4>; // always 1
using NumericError = Bits<5>;
using WriteProtect = Bits<16>;
using AlignmentMask = Bits<18>;
using NotWriteThrough = Bits<29>;
using CacheDisable = Bits<30>;
using Paging = Bits<31>;
} // namespace cr0

namespace cr3 {
using Pcid = Bits<11, 0>;
using KeepTlb = Bits<63>; // with CR4.PCIDE: the load leaves the TLB entries of the PCID alone
} // namespace cr3

namespace cr4 {
using VirtualModeExtensions = Bits<0>; // VME
using PageSizeExtension = Bits<4>;
using PhysicalAddressExtension = Bits<5>;
using MachineCheck = Bits<6>;
using GlobalPages = Bits<7>;
using FxSave = Bits<9>; // OSFXSR
using UserModeInstructionPrevention = Bits<11>;
using Pcid = Bits<17>;
using XSave = Bits<18>; // OSXSAVE
using SupervisorExecutionPrevention = Bits<20>;
using SupervisorAccessPrevention = Bits<21>;
using ProtectionKeys = Bits<22>; // PKE
} // namespace cr4

namespace efer {
using SystemCall = Bits<0>;
using LongModeEnable = Bits<8>;
using LongModeActive = Bits<10>;
using NoExecuteEnable = Bits<11>;
} // namespace efer

namespace msr {
inline constexpr u32 apic_base = 0x1b;
inline constexpr u32 sysenter_cs = 0x174;
inline constexpr u32 pat = 0x277;
inline constexpr u32 efer = 0xc0000080;
inline constexpr u32 star = 0xc0000081;
inline constexpr u32 lstar = 0xc0000082;
inline constexpr u32 cstar = 0xc0000083;
inline constexpr u32 syscall_flag_mask = 0xc0000084;
inline constexpr u32 fs_base = 0xc0000100;
inline constexpr u32 gs_base = 0xc0000101;
} // namespace msr
