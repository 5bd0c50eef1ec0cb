// SPDX-License-Identifier: Apache-2.0
// An exception without an interrupt table, and so a double fault, and so a triple fault.
#include "test/guests/guest.h"
    lidt no_table(%rip)
    ud2
no_table:
    .word 0
    .quad 0
#include "test/guests/end.h"
