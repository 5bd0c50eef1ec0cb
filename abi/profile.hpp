// SPDX-License-Identifier: Apache-2.0
// The numbers of the seL4 API (x86-64, one core). Which number a label or an object type has depends on the configuration that
// seL4 programs were built for: one table per profile in abi/profile/, and CMake's TESSERA_ABI_PROFILE says which one the kernel and
// the programs of a build use. abi/numbers.json is the witness of every number (abi/numbers_test.cpp).
#pragma once

#include "abi/profile/reference.hpp"
#include "abi/profile/vtx64.hpp"
#include "base/types.hpp"

namespace abi {

namespace profile = TESSERA_ABI_PROFILE;

using profile::CapType;
using profile::FaultLabel;
using profile::Label;
using profile::ObjectType;
using profile::Syscall;
namespace size_bits = profile::size_bits;

enum class Error : u64 { // ABI 4.8
    none,
    invalid_argument,
    invalid_capability,
    illegal_operation,
    range_error,
    alignment_error,
    failed_lookup,
    truncated_message,
    delete_first,
    revoke_first,
    not_enough_memory,
};

enum class LookupFailureType : u64 { // ABI 4.9
    none,
    invalid_root,
    missing_capability,
    depth_mismatch,
    guard_mismatch,
};

inline constexpr unsigned priorities = 256;
inline constexpr unsigned domains = 1;
inline constexpr unsigned domain_schedules = 2;
inline constexpr unsigned time_slice_ticks = 5;
inline constexpr unsigned tick_milliseconds = 2;
inline constexpr u64 retype_fan_out_limit = 256;
inline constexpr unsigned work_units_per_preemption = 100;
inline constexpr unsigned reset_chunk_bits = 8;
inline constexpr unsigned asid_pools = 8;
inline constexpr unsigned asids_per_pool = 512;
inline constexpr unsigned max_irq_vector = 107; // abstract; the CPU's vector is this + 0x30 (ABI 7.4)
inline constexpr unsigned root_cnode_radix = 13;
inline constexpr u64 user_top = 0x00007fffffffffff; // ABI 2.4: the kernel's own limit in its mapping checks

// The VM attributes word of page and table maps, ABI 5.5.
namespace attribute {
using WriteThrough = Bits<0>;
using CacheDisable = Bits<1>;
using Pat = Bits<2>;
using ExecuteNever = Bits<16>; // ours: the page's instructions cannot be executed from user mode
using Supervisor = Bits<17>;   // ours, of X86PageMapEPT: only the guest's kernel reaches the page (abi/shadow_root.hpp)
} // namespace attribute

// The rights word, ABI 5.1.
namespace right {
inline constexpr u64 write = 1;
inline constexpr u64 read = 2;
inline constexpr u64 grant = 4;
inline constexpr u64 grant_reply = 8;
inline constexpr u64 all = 15;
} // namespace right

} // namespace abi
