// SPDX-License-Identifier: Apache-2.0
// What a machine can't go on after.
#include "test/guests/behaviours.hpp"
#include "test/guests/machine.hpp"

namespace guest {
namespace {

constexpr u64 nowhere =
    0x40000000; // 1 GiB: mapped by the boot page tables, above any test guest's RAM
constexpr u64 io_apic = 0xfec00000;

} // namespace

void triple_fault(std::string_view) {
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) const table{};
    asm volatile("lidt %0; ud2" ::"m"(table));
}

void bad_instruction(std::string_view) {
    return_to_the_fault();
    asm volatile("ud2");
}

void read_unmapped(std::string_view) {
    asm volatile("mov (%0), %%rax" ::"r"(nowhere) : "rax", "memory");
}
void write_unmapped(std::string_view) { asm volatile("mov %%rax, (%0)" ::"r"(nowhere) : "memory"); }
void execute_unmapped(std::string_view) { asm volatile("jmp *%0" ::"r"(nowhere)); }

void string_port(std::string_view) {
    static constexpr char text[] = "text";
    char const* from = text;
    u64 count = sizeof text;
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(com1::data) : "memory");
}

// A local APIC in memory: this machine's speaks MSRs only.
void missing_device(std::string_view) { *reinterpret_cast<u32 volatile*>(0xfee000b0) = 0; }

void string_device(std::string_view) {
    char const* from = reinterpret_cast<char const*>(io_apic);
    char buffer[64];
    char* to = buffer;
    u64 count = sizeof buffer;
    asm volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count)::"memory");
}

void halt(std::string_view) { asm volatile("cli; hlt"); }

} // namespace guest
