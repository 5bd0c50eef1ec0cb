// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/local_apic.hpp"

#include "kernel/machine/machine.hpp"
#include "kernel/machine/x86_64/instructions.hpp"
#include "x86/registers.hpp"

namespace machine {
namespace {

constexpr u32 id = 0x20, task_priority = 0x80, acknowledge = 0xb0, spurious = 0xf0, in_service = 0x100,
              requested = 0x200, error_status = 0x280, timer = 0x320, line0 = 0x350, line1 = 0x360, error = 0x370,
              initial_count = 0x380, current_count = 0x390, divide = 0x3e0;
constexpr u32 masked = 1 << 16, periodic = 1 << 17, enabled = 1 << 8, divide_by_1 = 0xb;
constexpr u32 register_step = 0x10; // the 256 bits of in_service and requested lie in 8 registers

namespace base_register { // IA32_APIC_BASE
using X2Apic = Bits<10>;
using Enabled = Bits<11>;
using Page = Bits<51, 12>;
} // namespace base_register

constinit u64 base = 0;
constinit u32 counts_per_tick = 0;

u32 read(u32 offset) { return *reinterpret_cast<u32 volatile*>(base + offset); }
void write(u32 offset, u32 value) { *reinterpret_cast<u32 volatile*>(base + offset) = value; }

} // namespace

PhysAddr find_local_apic() {
    u64 word = processor::read_msr(msr::apic_base);
    if (base_register::X2Apic::get(word)) { // the way back from x2APIC leads through "off"
        word &= ~(base_register::X2Apic::mask | base_register::Enabled::mask);
        processor::write_msr(msr::apic_base, word);
    }
    processor::write_msr(msr::apic_base, word | base_register::Enabled::mask);
    return {word & base_register::Page::mask};
}

void start_local_apic(u64 registers) {
    base = registers;
    write(spurious, enabled | spurious_vector);
    write(task_priority, 0);
    for (u32 const entry : {timer, line0, line1, error}) write(entry, masked);
    write(error_status, 0);
    // What the firmware may have left in service would block everything below it.
    for (unsigned i = 0; i < 256; ++i) end_of_interrupt();
}

u8 local_apic_id() { return static_cast<u8>(read(id) >> 24); }
void end_of_interrupt() { write(acknowledge, 0); }

bool interrupt_in_service(u8 vector) {
    return read(in_service + vector / 32 * register_step) >> (vector % 32) & 1;
}

bool interrupt_pending() {
    for (u32 i = first_irq_vector / 32; i <= timer_vector / 32; ++i) {
        // Nobody acknowledges the vectors below the first, so one of them may stay requested for ever.
        u32 const counted = i == first_irq_vector / 32 ? ~u32{0} << first_irq_vector % 32 : ~u32{0};
        if (read(requested + i * register_step) & counted) return true;
    }
    return false;
}

void start_timer_count() {
    write(divide, divide_by_1);
    write(initial_count, 0xffffffff);
}

u32 timer_counts_elapsed() { return 0xffffffff - read(current_count); }

void start_tick(u32 counts) {
    write(divide, divide_by_1);
    write(timer, periodic | timer_vector);
    counts_per_tick = counts;
    write(initial_count, counts);
}

void run_tick(bool on) { write(initial_count, on ? counts_per_tick : 0); } // 0 stops the timer

} // namespace machine
