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

// A local APIC in memory: this machine's speaks MSRs only.
void missing_device(std::string_view) { *reinterpret_cast<u32 volatile*>(0xfee000b0) = 0; }

// No emulator of ours knows vector registers.
void vector_device(std::string_view) {
    u64 value;
    asm volatile("mov %%cr4, %0; or $0x200, %0; mov %0, %%cr4" : "=r"(value)); // OSFXSR
    asm volatile("movups (%0), %%xmm0" ::"r"(io_apic) : "memory");
}

void halt(std::string_view) { asm volatile("cli; hlt"); }

} // namespace guest
