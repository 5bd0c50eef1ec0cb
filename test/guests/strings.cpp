// SPDX-License-Identifier: Apache-2.0
// String instructions where the processor alone can't carry them out: the monitor's emulator does.
#include "test/guests/behaviours.hpp"
#include "test/guests/checks.hpp"
#include "test/guests/machine.hpp"

namespace guest {
namespace {

constexpr u16 com1_scratch = 0x3ff; // a register that keeps what it is given
constexpr u64 io_apic = 0xfec00000, window = 0x10;
constexpr u32 version = 1;

} // namespace

void strings(std::string_view) {
    Checks checks("strings");
    static u8 bytes[] = {0x11, 0x22, 0x33, 0x44, 0x55};
    u8 const* from = bytes;
    u64 count = sizeof bytes;
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(com1_scratch) : "memory");
    checks.check(count == 0 && from == bytes + sizeof bytes, "rep outsb: registers", count);
    checks.check(in8(com1_scratch) == 0x55, "rep outsb: last byte", in8(com1_scratch));

    u8* to = bytes + 2;
    count = 3;
    asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(com1_scratch) : "memory");
    checks.check(count == 0 && to == bytes + sizeof bytes, "rep insb: registers", count);
    checks.check(bytes[1] == 0x22 && bytes[2] == 0x55 && bytes[4] == 0x55, "rep insb: bytes",
                 bytes[2]);

    static u32 words[3] = {version};
    void const* source = words;
    u64 target = io_apic;
    asm volatile("movsl" : "+S"(source), "+D"(target)::"memory");
    source = reinterpret_cast<void const*>(io_apic + window);
    target = reinterpret_cast<u64>(&words[1]);
    asm volatile("movsl" : "+S"(source), "+D"(target)::"memory");
    words[2] = *reinterpret_cast<u32 volatile*>(io_apic + window);
    checks.check(words[1] == words[2] && words[1] != 0, "movsl from a device", words[1]);
    checks.report();
}

} // namespace guest
