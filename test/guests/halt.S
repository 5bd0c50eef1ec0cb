// SPDX-License-Identifier: Apache-2.0
// Halts with interrupts off: nothing can wake it.
#include "test/guests/guest.h"
    cli
    hlt
#include "test/guests/end.h"
