// SPDX-License-Identifier: Apache-2.0
// Page tables, good and bad ones.
#include "test/guests32/behaviours.hpp"
#include "test/guests32/machine.hpp"

namespace guest {
namespace {

Event reading(u32 address) {
    return exception_of([=] { asm volatile("mov (%0), %%eax" ::"r"(address) : "eax"); });
}
Event writing(u32 address, u32 value) {
    return exception_of([=] { at<u32>(address) = value; });
}

} // namespace

void paging() {
    Checks checks("paging");
    start_paging();
    auto const faults = [&](Event const& event, u32 error_code, u32 address, char const* what) {
        checks.check(event.vector == page_fault && event.error_code == error_code &&
                         event.address == address,
                     what, event.vector << 16 | event.error_code);
    };
    u32 const page = new_page(), other = new_page();
    at<u32>(page) = 1111;
    at<u32>(other) = 2222;

    faults(reading(window), 0, window, "read of nothing");
    faults(writing(window + 8, 1), 2, window + 8, "write to nothing");
    map(window, page | present);
    checks.check(at<u32>(window) == 1111, "a page is read", at<u32>(window));
    checks.check((entry_of(window) & (accessed | dirty)) == accessed, "accessed, not dirty",
                 entry_of(window));
    faults(writing(window, 5), 3, window, "write to a read-only page");
    map(window, page | present | writable);
    checks.check(writing(window, 3333).vector == none && at<u32>(page) == 3333, "a page is written",
                 at<u32>(page));
    checks.check((entry_of(window) & (accessed | dirty)) == (accessed | dirty), "dirty",
                 entry_of(window));

    map(window, other | present | writable);
    checks.check(at<u32>(window) == 2222, "INVLPG forgets", at<u32>(window));
    entry_of(window) = page | present | writable;
    set_cr3(cr3());
    checks.check(at<u32>(window) == 3333, "a CR3 load forgets", at<u32>(window));
    map(window, page | present | writable | global);
    checks.check(at<u32>(window) == 3333, "a global page", at<u32>(window));
    entry_of(window) = other | present | writable | global;
    invalidate(window);
    checks.check(at<u32>(window) == 2222, "INVLPG forgets a global page", at<u32>(window));

    // Without CR0.WP the kernel may write to its read-only pages.
    map(window, page | present);
    set_cr0(cr0() & ~0x10000u);
    checks.check(writing(window, 4444).vector == none && at<u32>(page) == 4444, "write without WP",
                 at<u32>(page));
    set_cr0(cr0() | 0x10000);
    faults(writing(window, 5), 3, window, "write with WP again");

    // Two addresses, one page; a table that is itself mapped and written through.
    map(window, page | present | writable);
    map(window + 4096, page | present | writable);
    at<u32>(window + 4) = 77;
    checks.check(at<u32>(window + 4100) == 77, "two addresses of a page");
    u32 const table = address_of(&entry_of(window)) & ~4095u;
    map(window + 8192, table | present | writable);
    at<u32>(window + 8192) = other | present | writable;
    invalidate(window);
    checks.check(at<u32>(window) == 2222, "a table written through its own mapping",
                 at<u32>(window));

    // A whole other address space, and back.
    static u32 space[1024] __attribute__((aligned(4096)));
    for (u32 i = 0; i < 1024; ++i) space[i] = directory()[i];
    space[window >> 22] = 0;
    set_cr3(address_of(space));
    faults(reading(window), 0, window, "not in the other space");
    set_cr3(address_of(directory()));
    checks.check(at<u32>(window) == 2222, "back in the first space");

    // A large page.
    directory()[0x50000000 >> 22] = 0x1800000 | present | writable | large;
    u32 const through_large = 0x50000000 + ((page - 0x1800000) & 0x3fffff);
    checks.check(at<u32>(through_large) == 4444, "a large page", at<u32>(through_large));
    checks.check((directory()[0x50000000 >> 22] & accessed) != 0, "accessed large page");
    directory()[0x50000000 >> 22] = 0;
    invalidate(0x50000000);
    faults(reading(0x50000000), 0, 0x50000000, "a large page taken away");

    // REP MOVS across pages, the second of which is missing.
    map(window, page | present | writable);
    map(window + 4096, 0);
    Event const half = exception_of([] {
        asm volatile("rep movsb" ::"S"(0x1000000), "D"(window + 4090), "c"(16) : "memory");
    });
    faults(half, 2, window + 4096, "a string into a missing page");
    checks.check(half.frame.ecx == 10, "what is left of the string", half.frame.ecx);

    set_cr0(cr0() & ~0x80000000);
    checks.check(at<u32>(page) != 0, "paging off");
    set_cr0(cr0() | 0x80000000);
    checks.report();
}

void hostile_tables() {
    start_paging();
    u32 survived = 0;
    auto const touch = [&](u32 base) {
        for (u32 i = 0; i < 64; ++i) {
            u32 const address = base + i * 0x10000 + i * 4;
            Event const read = reading(address);
            if (read.vector == none || read.vector == page_fault) ++survived;
            if (base >= 0x80000000) continue; // what is no memory of ours is only read
            Event const write = writing(address + 0x8000, read.vector);
            if (write.vector == none || write.vector == page_fault) ++survived;
        }
    };
    u32 const first = 0x60000000, spaces = 4;
    u32* const tables = directory();
    u32 const loop = new_page();
    for (u32 i = 0; i < 1024; ++i)
        at<u32>(loop + 4 * i) = loop | 0x67; // a table that maps itself everywhere
    u32 const bad[spaces] = {
        loop | 7,               // reads and writes of the table itself
        address_of(tables) | 5, // the directory as a table, read-only
        0x00200000 | 7 | large, // reserved bits of a large page
        0x003fe000 | 7 | large,
    };
    for (u32 i = 0; i < spaces; ++i) {
        tables[(first >> 22) + i] = bad[i];
        touch(first + (i << 22));
    }
    for (u32 round = 0; round < 300;
         ++round) { // a new space each time, all but one of them forgotten
        u32 const page = 0x2000000 + (round % 200) * 4096;
        for (u32 i = 0; i < 1024; ++i) at<u32>(page + 4 * i) = tables[i];
        set_cr3(page);
        at<u32>(page + 4 * (0x70000000 >> 22)) = loop | 7;
        survived += reading(0x70000000 + round * 4096).vector == none;
    }
    set_cr3(address_of(tables));
    print_line("hostile-tables: survived ", survived);
}

// All ones come from where no memory is: a table there names the last page of the address space.
void table_nowhere() {
    start_paging();
    directory()[0x60000000 >> 22] = 0xe0000000 | 7;
    print_line("guest has a page table where no memory is");
    reading(0x60000000);
}

void table_in_device() {
    start_paging();
    directory()[0x60000000 >> 22] = 0xfec00000 | 7;
    print_line("guest has a page table in a device");
    reading(0x60000000);
}

void end_of_ram() {
    start_paging();
    // The machine has 32 MiB; the page behind is mapped one to one as well. MOV, PUSHF, NOP up to
    // the last byte.
    u32 const end = 0x2000000;
    u8 const code[] = {0xb8, 1, 0, 0, 0, 0x9c, 0x58, 0x90};
    for (u32 i = 0; i < sizeof code; ++i) at<u8>(end - sizeof code + i) = code[i];
    print_line("guest runs over the end of its memory");
    asm volatile("jmp *%0" ::"r"(end - sizeof code));
}

} // namespace guest
