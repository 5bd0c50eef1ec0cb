// SPDX-License-Identifier: Apache-2.0
// Writes to a local APIC in memory, which this machine has not: it has one in x2APIC mode only.
#include "test/guests/guest.h"
    mov $0xfee000b0, %eax
    movl $0, (%rax)
    hlt
#include "test/guests/end.h"
