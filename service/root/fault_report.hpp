// SPDX-License-Identifier: Apache-2.0
// What a fault message says, in words: `page fault: write to 0x0 at rip 0x401136`. The message may
// come from a hostile component that sends whatever it likes under a fault's label: every word is
// only printed, never used.
#pragma once

#include <span>

#include "service/root/text.hpp"

using FaultText = user::Text<200>;

// A fault message of the kernel (ABI 9.2): label 1..5 and its words, of which missing ones count as
// 0.
FaultText describe_fault(u64 label, std::span<u64 const> words);

// A report of the library OS (RootLabel::fault): thread, vector, error code, CR2, rip.
FaultText describe_exception(std::span<u64 const> words);
