// SPDX-License-Identifier: Apache-2.0
// Code that attacks whoever runs a translation of it: what is written, mapped elsewhere or decoded
// twice must run as it is now, and no loop may hold interrupts off.
#include "test/guests32/behaviours.hpp"
#include "test/guests32/machine.hpp"

namespace guest {
namespace {

constexpr u32 last_page = 0xfffff000;
constexpr u8 move_to_eax = 0xb8, ret = 0xc3;

// User programs with the spare segment as DS.
extern "C" void user_unknown();
extern "C" void user_outside();
asm(".section .pages, \"ax\"\nuser_unknown: mov $0x3b, %eax; mov %eax, %ds; rsm; ud2\n"
    "user_outside: mov $0x3b, %eax; mov %eax, %ds; movups 0x2000, %xmm0; ud2\n.text");

// Behind enough instructions that nobody is still carrying them out one by one because of what was
// in front of them.
u32 run(u32 address) {
    u32 result;
    for (u32 i = 0; i < 50; ++i) asm volatile("");
    asm volatile("call *%1" : "=a"(result) : "r"(address) : "ecx", "edx", "ebx", "memory", "cc");
    return result;
}

// MOV EAX, value; RET.
void put_function(u32 address, u32 value) {
    at<u8>(address) = move_to_eax;
    at<u32>(address + 1) = value;
    at<u8>(address + 5) = ret;
}

template <unsigned size> void put(u32 address, u8 const (&bytes)[size]) {
    for (u32 i = 0; i < size; ++i) at<u8>(address + i) = bytes[i];
}

// The processor may run what it found there before, and must not once it is told.
void mappings_that_change(Checks& checks) {
    u32 const first = new_page(), second = new_page();
    put_function(first, 1);
    put_function(first + 0x100, 1);
    put_function(second, 2);
    put_function(second + 0x100, 2);
    map(window, first | present | writable);
    checks.check(run(window) == 1, "the first page");
    entry_of(window) = second | present | writable; // and no INVLPG: either page may run
    u32 const either = run(window + 0x100);
    checks.check(either == 1 || either == 2, "one of the two pages", either);
    map(window, first | present | writable);
    checks.check(run(window + 0x100) == 1, "the first page again", run(window + 0x100));
    entry_of(window) = second | present | writable;
    run(window);
    entry_of(window) = first | present | writable;
    set_cr3(cr3());
    checks.check(run(window) == 1, "the first page after a load of CR3", run(window));
}

void the_same_block(Checks& checks) {
    u32 const page = new_page();
    // MOV BYTE [next + 1], 9; next: MOV EAX, 1; RET
    u8 const code[] = {0xc6, 5, 0, 0, 0, 0, 9, move_to_eax, 1, 0, 0, 0, ret};
    put(page, code);
    at<u32>(page + 2) = page + 8;
    for (u8 i = 9; i < 14; ++i) {
        at<u8>(page + 6) = i;
        at<u8>(page + 8) = 1;
        checks.check(run(page) == i, "the next instruction written", run(page));
    }
    // The same through another mapping, and over the end of the page.
    u32 const behind = new_page();
    map(window, page | present | writable);
    map(window + 0x1000, behind | present | writable);
    map(window + 0x2000, behind | present | writable);
    u32 const start = window + 0x1000 - 10; // the immediate stands behind the end
    for (u32 i = 0; i < sizeof code; ++i) at<u8>(start + i) = code[i];
    for (u8 i = 20; i < 24; ++i) {
        at<u32>(start + 2) = window + ((i & 1) != 0 ? 0x1000 : 0x2000);
        at<u8>(start + 6) = i;
        at<u8>(window + 0x1000) = 0;
        checks.check((run(start) >> 16 & 0xff) == i, "written behind the end", run(start));
    }
}

void code_that_is_a_table(Checks& checks) {
    u32 const table = new_page(), page = new_page();
    put_function(table, 0x11223344);
    u32 const base = 0x50000000;
    directory()[base >> 22] = table | present | writable;
    invalidate(base);
    at<u32>(table + 0x40) = page | present | writable; // entry 16
    checks.check(run(table) == 0x11223344, "a table is run", run(table));
    at<u32>(page) = 77;
    checks.check(at<u32>(base + 0x10000) == 77, "the table translates");
    for (u32 i = 1; i < 8; ++i) {
        at<u32>(table + 1) = i; // changes code and entry
        at<u32>(table + 0x40) = (i & 1) != 0 ? page | present : 0;
        invalidate(base + 0x10000);
        checks.check(run(table) == i, "the table's code is written", run(table));
        Event const event =
            exception_of([=] { [[maybe_unused]] u32 const word = at<u32>(base + 0x10000); });
        checks.check((event.vector == none) == ((i & 1) != 0), "and its entry", event.vector);
    }
    directory()[base >> 22] = 0;
    invalidate(base);
}

void two_decodings(Checks& checks) {
    u32 const page = new_page();
    // MOV EAX, 0xc340c031; inside of it XOR EAX, EAX; INC EAX; RET
    u8 const code[] = {move_to_eax, 0x31, 0xc0, 0x40, ret, ret};
    put(page, code);
    for (u32 i = 0; i < 3; ++i) {
        checks.check(run(page) == 0xc340c031, "as a whole", run(page));
        checks.check(run(page + 1) == 1, "from the middle", run(page + 1));
    }
    at<u8>(page + 3) = 0x48; // DEC EAX
    checks.check(run(page) == 0xc348c031, "as a whole, written", run(page));
    checks.check(run(page + 1) == 0xffffffff, "from the middle, written", run(page + 1));
}

void resume_flag_ends(Checks& checks) {
    for (u32 i = 0; i < 5; ++i) {
        u32 seen;
        asm volatile("pushf; orl $0x10000, (%%esp); push %%cs; push $1f; iret; 1: nop; pushf;"
                     "pop %0; .fill 20, 1, 0x90"
                     : "=r"(seen)::"memory", "cc");
        checks.check((seen & 0x10000) == 0, "RF lasts for one instruction", seen);
    }
}

} // namespace

// Strings of EDX bytes one after the other, and no jump at all.
extern "C" void many_strings();
extern "C" void after_strings();
asm(".section .pages, \"ax\"\n.balign 64\nmany_strings: .rept 700\n mov %edx, %ecx\n"
    "mov $0x1000000, %esi\n rep lodsb\n.endr\n"
    "after_strings: ud2\n.text");

// Where no jump goes backwards: strings, and a loop over the end of the address space.
void forward_loop() {
    Checks checks("forward-loop");
    start_paging();
    u32 const table = new_page(), page = new_page();
    directory()[last_page >> 22] = table | present | writable;
    at<u32>(table + 4092) = page | present | writable;
    invalidate(last_page);
    u8 const jump[] = {0xe9, 0xf3, 0xff, 0xff, 0xff}; // from 0 to 0xfffffff8
    for (u32 i = 0; i < 8; ++i) at<u8>(last_page + 0xff8 + i) = 0x90;
    put(0, jump);
    enable_apic();
    auto const strings = [](u32 bytes) {
        return exception_of([=] { asm volatile("sti; jmp *%0" ::"r"(many_strings), "d"(bytes)); });
    };
    checks.check(strings(1).vector == invalid_opcode, "many strings");
    set_alarm(500000, false);
    Event const among = strings(10000);
    checks.check(among.vector == alarm &&
                     among.frame.eip < reinterpret_cast<u32>(after_strings) - 500,
                 "an interrupt among them", among.frame.eip);
    set_alarm(20000000, false);
    Event const event = exception_of([] {
        u32 const zero = 0;
        asm volatile("sti; jmp *%0" ::"r"(zero));
    });
    checks.check(event.vector == alarm, "a loop over the end is interrupted", event.vector);
    checks.report();
}

// What a translator gives to an emulator that does not know it either. In user mode that takes a
// segment that is not flat.
void refused_instructions() {
    Checks checks("refused");
    start_paging();
    u32 const page = new_page();
    u8 const instructions[][4] = {{0x0f, 0xaa, 0x90, ret},   // RSM
                                  {0x0f, 0x01, 0xd0, ret},   // XGETBV without CR4.OSXSAVE
                                  {0xc5, 0xf8, 0x77, ret},   // VZEROUPPER, likewise
                                  {0x0f, 0x0f, 0xc0, 0x9e}}; // 3DNow
    for (auto const& instruction : instructions) {
        put(page, instruction);
        Event const event = exception_of([=] { run(page); });
        checks.check(event.vector == invalid_opcode && event.frame.eip == page, "no instruction",
                     event.vector);
    }
    // MOVUPS [page + 0x800], XMM0; MOV EAX, 5; RET: a store of its own page that no emulator knows.
    u8 const vector_store[] = {0x0f, 0x11, 0x05, 0, 0, 0, 0, move_to_eax, 5, 0, 0, 0, ret};
    put(page, vector_store);
    at<u32>(page + 3) = page + 0x800;
    set_cr4(cr4() | 0x200); // OSFXSR
    for (u32 i = 0; i < 3; ++i) checks.check(run(page) == 5, "a vector stored in the code's page");
    directory()[4] |= user;
    for (u32 i = 0; i < 1024; ++i) image_table()[i] |= user;
    set_cr3(cr3());
    set_descriptor(spare_selector, descriptor(page, 0xfff, data_access | user_bits, false));
    Event const unknown = user_exception_of(user_unknown);
    checks.check(unknown.vector == invalid_opcode && unknown.frame.cs == user_code_selector,
                 "no instruction in user mode", unknown.vector);
    Event const outside = user_exception_of(user_outside);
    checks.check(outside.vector == general_protection && outside.error_code == 0,
                 "a vector behind a segment's end", outside.vector);
    checks.report();
}

void hostile_code() {
    Checks checks("hostile-code");
    start_paging();
    asm volatile("cli");
    mappings_that_change(checks);
    the_same_block(checks);
    code_that_is_a_table(checks);
    two_decodings(checks);
    resume_flag_ends(checks);
    checks.report();
}

} // namespace guest
