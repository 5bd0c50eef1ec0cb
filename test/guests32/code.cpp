// SPDX-License-Identifier: Apache-2.0
// Code that reads and writes code: the changed copies that an engine may run must not be seen.
#include "test/guests32/behaviours.hpp"
#include "test/guests32/machine.hpp"

namespace guest {
namespace {

// A page of its own: PUSHF; POP EAX; RET, and far from it a function that returns 1.
extern "C" u8 code_page[4096];
asm(".section .pages, \"awx\"\n.balign 4096\ncode_page:\n"
    "pushf; pop %eax; ret\n"
    ".org code_page + 0x100\n mov $1, %eax; ret\n"
    ".org code_page + 0x200\n jmp . + 5\n"                  // into the middle of what follows
    ".org code_page + 0x202\n mov $0x9c58c39c, %eax; ret\n" // its bytes: b8, then PUSHF, RET, POP
                                                            // EAX, PUSHF
    ".org code_page + 0x212\n mov $0x9c58c39c, %eax; ret\n"
    ".org code_page + 0x300\n cpuid; ret\n"
    ".org code_page + 0x400\n mov %cs, %eax; nop; ret\n"
    ".org code_page + 4096\n.text");

u32 run(u32 address) {
    u32 result;
    asm volatile("call *%1" : "=a"(result) : "r"(address) : "ecx", "edx", "ebx", "memory", "cc");
    return result;
}

} // namespace

void own_code() {
    Checks checks("own-code");
    start_paging();
    u32 const code = address_of(code_page);
    asm volatile("cli");
    checks.check((run(code) & flag_interrupt) == 0, "PUSHF runs in its page");
    checks.check(run(code + 0x400) == code_selector, "MOV from CS runs in its page");
    // The page is executed from now on. Its bytes through another mapping, and by an instruction
    // that a monitor emulates.
    map(window, code | present | writable);
    checks.check(at<u8>(window) == 0x9c && at<u8>(window + 0x400) == 0x8c,
                 "bytes through another mapping", at<u8>(window));
    u8 copy[16];
    for (u32 i = 0; i < sizeof copy; ++i) copy[i] = at<u8>(window + i);
    checks.check(copy[0] == 0x9c && copy[1] == 0x58 && copy[2] == 0xc3, "a copy", copy[0]);

    // Written through either mapping, it runs what was written.
    at<u8>(code + 0x101) = 2;
    checks.check(run(code + 0x100) == 2, "an operand changed", run(code + 0x100));
    at<u8>(window + 0x101) = 3;
    checks.check(run(code + 0x100) == 3, "changed through the other mapping", run(code + 0x100));
    at<u16>(code) = 0xc033; // XOR EAX, EAX
    checks.check(run(code) == 0, "an instruction replaced", run(code));
    at<u16>(code) = 0x589c;
    asm volatile("sti");
    checks.check((run(code) & flag_interrupt) != 0, "and put back");
    asm volatile("cli");
    at<u16>(window + 0x100) = 0x589c; // PUSHF; POP EAX where none was
    at<u8>(window + 0x102) = 0xc3;
    checks.check((run(code + 0x100) & ~0x8d5u) == 2, "a new PUSHF is found", run(code + 0x100));
    for (u32 i = 0; i < 200; ++i) { // again and again
        at<u8>(code + 0x100) = 0xb0;
        at<u8>(code + 0x101) = static_cast<u8>(i);
        checks.check((run(code + 0x100) & 0xff) == i, "changed in a loop", i);
    }
    // A page whose code ends in the next page.
    u32 const first = new_page(), second = new_page();
    map(window + 0x4000, first | present | writable);
    map(window + 0x5000, second | present | writable);
    at<u8>(window + 0x4fff) = 0x0f; // CPUID across the end; RET
    at<u8>(window + 0x5000) = 0xa2;
    at<u8>(window + 0x5001) = 0xc3;
    checks.check(run(window + 0x4fff) != 0x0f, "an instruction across pages");
    at<u8>(window + 0x4ffe) = 0x9c; // PUSHF; then a POP EAX across nothing
    at<u8>(window + 0x4fff) = 0x58;
    at<u8>(window + 0x5000) = 0xc3;
    checks.check((run(window + 0x4ffe) & flag_interrupt) == 0, "code across pages, written again");
    checks.report();
}

void middle_of_instruction() {
    Checks checks("middle");
    start_paging();
    u32 const code = address_of(code_page);
    asm volatile("cli");
    checks.check(run(code + 0x202) == 0x9c58c39c, "the instruction as a whole", run(code + 0x202));
    // POP EAX; PUSHF; RET: takes a word, leaves the flags and returns to them: an address that is
    // not mapped.
    auto const inside = [](u32 address) {
        return exception_of([=] { asm volatile("push $0x12345678; jmp *%0" ::"r"(address)); });
    };
    Event const direct = inside(code + 0x200);
    checks.check(direct.vector == page_fault && (direct.frame.eip & ~0x8d5u) == 2 &&
                     direct.frame.eax == 0x12345678,
                 "POP, PUSHF and RET inside", direct.frame.eip);
    checks.check(run(code + 0x202) == 0x9c58c39c, "the instruction as a whole again",
                 run(code + 0x202));
    // Nobody can foresee a computed jump to such a place: there PUSHF may show the real interrupt
    // flag, and nothing else.
    checks.check(run(code + 0x212) == 0x9c58c39c, "another instruction as a whole",
                 run(code + 0x212));
    Event const computed = inside(code + 0x215);
    checks.check(computed.vector == page_fault &&
                     (computed.frame.eip & ~(0x8d5u | flag_interrupt)) == 2 &&
                     computed.frame.eax == 0x12345678,
                 "inside by a computed jump", computed.frame.eip);
    checks.check(run(code + 0x212) == 0x9c58c39c, "the other instruction again", run(code + 0x212));
    checks.report();
}

} // namespace guest
