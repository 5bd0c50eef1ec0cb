// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/print.hpp"

namespace machine {

void print(char const* text) {
    for (; *text != 0; ++text) put_char(*text);
}

void print(u64 decimal) {
    if (decimal >= 10) print(decimal / 10);
    put_char(static_cast<char>('0' + decimal % 10));
}

void print(Hex number) {
    print("0x");
    unsigned shift = 60;
    while (shift > 0 && number.value >> shift == 0) shift -= 4;
    for (;; shift -= 4) {
        put_char("0123456789abcdef"[number.value >> shift & 0xf]);
        if (shift == 0) return;
    }
}

} // namespace machine
