// SPDX-License-Identifier: Apache-2.0
// Reads where the machine has neither memory nor a device.
#include "test/guests/guest.h"
    mov $0x80001234, %eax
    mov (%rax), %ebx
    hlt
#include "test/guests/end.h"
