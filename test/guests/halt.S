// SPDX-License-Identifier: Apache-2.0
// Halts with interrupts off: nothing can wake it.
#include "guest.h"
    cli
    hlt
#include "end.h"
