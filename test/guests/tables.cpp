// SPDX-License-Identifier: Apache-2.0
// Page tables that no good kernel makes, and everything that a processor promises about good ones:
// accessed and dirty bits, write protection, INVLPG, address spaces that come and go.
#include "test/guests/behaviours.hpp"
#include "test/guests/checks.hpp"

namespace guest {
namespace {

constexpr int page_fault = 14;
constexpr u64 present = 1, writable = 2, accessed = 0x20, dirty = 0x40, large = 0x80, global = 0x100,
              no_execute = u64{1} << 63;
constexpr u64 write_protect = 1 << 16, global_pages = 1 << 7;
constexpr u64 outside_ram = 0x40000000, io_apic = 0xfec00000;
constexpr u32 efer = 0xc0000080;
constexpr u64 no_execute_enable = 1 << 11;

struct alignas(4096) Page {
    u64 words[512];
};
// Memory is mapped where it is: an address is a guest-physical one as well.
Page first_copy, second_copy, directory_pointers, directory, table, data, other_data;

u64 address(Page const& page) { return reinterpret_cast<u64>(&page); }
u64 link(Page const& page) { return address(page) | present | writable; }

Page& top() {
    u64 cr3;
    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    return *reinterpret_cast<Page*>(cr3 & ~u64{0xfff});
}
void load(u64 cr3) { asm volatile("mov %0, %%cr3" ::"r"(cr3) : "memory"); }
void load(Page const& page) { load(address(page)); }
void invalidate(u64 linear) { asm volatile("invlpg (%0)" ::"r"(linear) : "memory"); }
void set_write_protect(bool on) {
    u64 value;
    asm volatile("mov %%cr0, %0" : "=r"(value));
    asm volatile("mov %0, %%cr0" ::"r"(on ? value | write_protect : value & ~write_protect) : "memory");
}
void set_global_pages(bool on) {
    u64 value;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    asm volatile("mov %0, %%cr4" ::"r"(on ? value | global_pages : value & ~global_pages) : "memory");
}

// Entries written before count, and entries read afterwards show what the processor did.
u64 volatile& at(u64 linear) {
    asm volatile("" ::: "memory");
    return *reinterpret_cast<u64 volatile*>(linear);
}
int reading(u64 linear) {
    return exception_of([&] { asm volatile("" ::"r"(at(linear)) : "memory"); });
}
int writing(u64 linear) {
    int const vector = exception_of([&] { at(linear) = 1; });
    asm volatile("" ::: "memory");
    return vector;
}
constexpr u64 linear(u64 i4, u64 i3 = 0, u64 i2 = 0, u64 i1 = 0) {
    u64 const low = i4 << 39 | i3 << 30 | i2 << 21 | i1 << 12;
    return i4 < 256 ? low : low | u64{0xffff} << 48;
}

// Entry `slot` of the uppermost table leads to `table` through the shared upper ones.
void reach_table(Page& top, u64 slot) {
    top.words[slot] = link(directory_pointers);
    directory_pointers.words[0] = link(directory);
    directory.words[0] = link(table);
}

void check_loops(Checks& checks) {
    Page& root = top();
    root.words[1] = link(root);
    u64 const itself = linear(1, 1, 1, 1);
    checks.check(at(itself) == root.words[0], "a table that is its own page", at(itself));
    at(itself + 8 * 9) = link(directory_pointers); // through the loop
    checks.check(root.words[9] == link(directory_pointers), "a write through it", root.words[9]);
    table.words[3] = link(data);
    reach_table(root, 9);
    data.words[0] = 0x1234;
    checks.check(at(linear(9, 0, 0, 3)) == 0x1234, "what it then maps", at(linear(9, 0, 0, 3)));
    at(linear(1, 1, 1, 9)) = link(other_data); // directory_pointers, entry 0, as a page
    checks.check(directory_pointers.words[0] == link(other_data), "a directory written as data");
    root.words[1] = root.words[9] = 0;
    load(root);
    checks.check(reading(itself) == page_fault, "the loop is gone");
}

void check_bad_tables(Checks& checks) {
    Page& root = top();
    reach_table(root, 2);
    struct {
        char const* what;
        u64& entry;
        u64 value;
    } const cases[] = {
        {"a table outside RAM", root.words[2], outside_ram | present | writable},
        {"a table in a device", root.words[2], io_apic | present | writable},
        {"a table at the end of everything", root.words[2], 0x000ffffffffff000 | present},
        {"a reserved bit", root.words[2], link(directory_pointers) | u64{1} << 51},
        {"a large entry in the uppermost table", root.words[2], link(directory_pointers) | large},
        {"a huge page with reserved bits", directory_pointers.words[0], present | large | 0x2000},
        {"a large page with reserved bits", directory.words[0], present | large | 0x2000},
        {"a directory outside RAM", directory.words[0], outside_ram | present},
        {"nothing", table.words[5], 0},
    };
    for (auto const& bad : cases) {
        table.words[5] = link(data);
        reach_table(root, 2);
        load(root);
        checks.check(reading(linear(2, 0, 0, 5)) == none, bad.what, 1);
        bad.entry = bad.value;
        load(root);
        checks.check(reading(linear(2, 0, 0, 5)) == page_fault, bad.what, 2);
        checks.check(writing(linear(2, 0, 0, 5)) == page_fault, bad.what, 3);
    }
    root.words[2] = 0;
    load(root);
}

void check_bits_and_rights(Checks& checks) {
    Page& root = top();
    reach_table(root, 3);
    u64 const here = linear(3, 0, 0, 7);
    u64& entry = table.words[7];
    entry = link(data);
    checks.check(reading(here) == none && (entry & (accessed | dirty)) == accessed, "accessed", entry);
    checks.check(directory.words[0] & accessed, "accessed above", directory.words[0]);
    checks.check(writing(here) == none && (entry & dirty), "dirty", entry);
    entry = link(data);
    invalidate(here);
    checks.check(writing(here) == none && (entry & dirty), "dirty again", entry);
    entry = link(other_data);
    invalidate(here);
    other_data.words[0] = 77;
    checks.check(at(here) == 77, "another page after INVLPG", at(here));

    entry = address(data) | present;
    invalidate(here);
    checks.check(writing(here) == page_fault, "write protection");
    set_write_protect(false);
    checks.check(writing(here) == none, "no write protection");
    set_write_protect(true);
    checks.check(writing(here) == page_fault, "write protection again");
    write_msr(efer, read_msr(efer) | no_execute_enable);
    data.words[0] = 0xc3; // ret
    entry = address(data) | present | no_execute;
    invalidate(here);
    auto const call = [&] { reinterpret_cast<void (*)()>(here)(); };
    checks.check(exception_of(call) == page_fault, "a page that is not executed");
    entry = address(data) | present;
    invalidate(here);
    checks.check(exception_of(call) == none, "a page that is");
    root.words[3] = 0;
    load(root);
}

void check_address_spaces(Checks& checks) {
    Page& root = top();
    constexpr u64 high = 300; // above every split
    first_copy = second_copy = root;
    reach_table(first_copy, 4);
    table.words[1] = link(data);
    second_copy.words[4] = address(other_data) | present | writable; // its tables are its data
    other_data = {};
    data.words[1] = 11;
    first_copy.words[high] = link(directory_pointers);
    for (int round = 0; round < 20; ++round) {
        load(first_copy);
        checks.check(at(linear(4, 0, 0, 1) + 8) == 11, "the first space", 0);
        checks.check(at(linear(high, 0, 0, 1) + 8) == 11, "the first space, high", 0);
        load(second_copy);
        checks.check(reading(linear(4, 0, 0, 1)) == page_fault, "the second space", 0);
        checks.check(reading(linear(high, 0, 0, 1)) == page_fault, "the second space, high", 0);
    }
    // A table written while its space is not loaded.
    table.words[1] = link(other_data);
    other_data.words[1] = 22;
    load(first_copy);
    checks.check(at(linear(4, 0, 0, 1) + 8) == 22, "a table written from elsewhere", 0);
    // Global pages stay over a load, but not over INVLPG or CR4.PGE.
    set_global_pages(true);
    table.words[2] = link(data) | global;
    checks.check(at(linear(high, 0, 0, 2) + 8) == 11, "a global page", 0);
    table.words[2] = link(other_data) | global;
    invalidate(linear(high, 0, 0, 2));
    checks.check(at(linear(high, 0, 0, 2) + 8) == 22, "a global page after INVLPG", 0);
    table.words[2] = link(data) | global;
    set_global_pages(false);
    checks.check(at(linear(high, 0, 0, 2) + 8) == 11, "a global page after CR4.PGE", 0);
    load(root);
}

// One page in thousands of places, each with tables of its own in a shadow: more than its memory.
void check_many(Checks& checks) {
    Page& root = top();
    data.words[2] = 0x55aa;
    for (u64 i = 0; i < 512; ++i) table.words[i] = link(data);
    for (u64 i = 0; i < 512; ++i) directory.words[i] = link(table);
    for (u64 i = 0; i < 512; ++i) directory_pointers.words[i] = link(directory);
    for (u64 slot = 5; slot < 256; ++slot) root.words[slot] = link(directory_pointers);
    u64 wrong = 0;
    Random random(7);
    for (int i = 0; i < 2000; ++i) {
        u64 const place = random.next();
        u64 const where = linear(5 + place % 251, place >> 8 & 511, place >> 17 & 511, place >> 26 & 511);
        wrong += at(where + 16) != 0x55aa;
    }
    checks.check(wrong == 0, "one page in many places", wrong);
    // The same with large pages, which need no tables of their own.
    for (u64 i = 0; i < 512; ++i)
        directory.words[i] = (address(data) & ~u64{0x1fffff}) | present | writable | large;
    load(root);
    for (u64 i = 0; i < 6000; ++i) {
        u64 const where = linear(5, i >> 9, i & 511) + (address(data) & 0x1fffff);
        wrong += at(where + 16) != 0x55aa;
    }
    checks.check(wrong == 0, "one large page in many places", wrong);
    for (u64 slot = 5; slot < 256; ++slot) root.words[slot] = 0;
    load(root);
}

} // namespace

void tables(std::string_view) {
    Checks checks("tables");
    set_write_protect(true);
    check_loops(checks);
    check_bad_tables(checks);
    check_bits_and_rights(checks);
    check_address_spaces(checks);
    check_many(checks);
    checks.report();
}

} // namespace guest
