// SPDX-License-Identifier: Apache-2.0
// Writes to its serial port without looking whether that is ready, for ever.
#include "test/guests/guest.h"
    mov $0x3f8, %dx
1:  mov $60, %ecx
    mov $'~', %al
2:  out %al, %dx
    loop 2b
    mov $'\n', %al
    out %al, %dx
    jmp 1b
#include "test/guests/end.h"
