// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/descriptors.hpp"

#include "base/types.hpp"
#include "kernel/machine/machine.hpp"
#include "kernel/machine/x86_64/entry.hpp"
#include "kernel/machine/x86_64/instructions.hpp"
#include "x86/registers.hpp"

extern "C" std::byte kernel_stack_top[];

namespace machine {
namespace {

struct TaskState { // Intel SDM vol. 3, 7.7
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3;
    u16 io_map_base;
} __attribute__((packed));
static_assert(sizeof(TaskState) == 104);

struct Gate { // Intel SDM vol. 3, 6.14.1
    u64 low, high;
    static constexpr Gate make(u64 handler, unsigned ist, bool from_user) {
        u64 const type = from_user ? 0xee : 0x8e; // present interrupt gate
        return {Bits<15, 0>::get(handler) | u64{0x08} << 16 | u64{ist} << 32 | type << 40 |
                    Bits<31, 16>::get(handler) << 48,
                handler >> 32};
    }
};

struct TableRegister {
    u16 limit;
    u64 base;
} __attribute__((packed));

// Selectors that user programs can see are 0x2b (index 5), 0x33 (6) and, after SYSRET, 0x3b (7): ABI 2.5 and 4.2.
// SYSCALL needs data after code (1, 2), SYSRET needs STAR + 8 data and STAR + 16 code (6, 7).
constinit u64 descriptors[] = {
    0,
    0x00af9b000000ffff, // 0x08 kernel code
    0x00cf93000000ffff, // 0x10 kernel data
    0,
    0,                  // 0x18 task state
    0x00affb000000ffff, // 0x2b user code
    0x00cff3000000ffff, // 0x33 user data
    0x00affb000000ffff, // 0x3b user code
};
constexpr u16 task_state_selector = 0x18;

// In force while a 32-bit thread runs (abi/thread32.hpp): what the kernel needs at the same places, and at the very end what the thread
// may load. Of the two code segments for user mode, only that of its mode is there: no far transfer leads to the other.
constexpr unsigned descriptors_of_32_bit = 512;
constinit u64 descriptors_32[descriptors_of_32_bit]{};
constexpr unsigned wide_code_index = 509, code_32_index = 510, data_32_index = 511;
constexpr u64 wide_code = 0x00affb000000ffff;
constexpr u64 flat_code_32 = 0x00cffb000000ffff;
constexpr u64 flat_data_32 = 0x00cff3000000ffff;
static_assert(abi::selector32::wide_code == (wide_code_index << 3 | 3));
static_assert(abi::selector32::code == (code_32_index << 3 | 3));
static_assert(abi::selector32::data == (data_32_index << 3 | 3));

constexpr u64 star = u64{0x2b} << 48 | u64{0x08} << 32;

constinit TaskState task_state{};
constinit Gate gates[256]{};

// Traps that can come before the kernel has its own stack get one each.
constexpr u8 vectors_with_stacks[] = {1, 2, 8, 18}; // debug, NMI, double fault, machine check
struct TrapStack {
    alignas(16) std::byte bytes[4096];
};
constinit TrapStack trap_stacks[sizeof vectors_with_stacks]{};

// INT 255 does nothing: ABI 4.7. In a 32-bit thread it is a fault like every other INT n.
void set_spurious_gate(bool from_user) {
    constexpr u64 user = Gate::make(0, 0, true).low & ~Gate::make(0, 0, false).low;
    if (from_user) gates[spurious_vector].low |= user;
    else gates[spurious_vector].low &= ~user;
}

void fill_gates() {
    for (unsigned vector = 0; vector < 256; ++vector) {
        bool const from_user = vector == 3 || vector == 4 || (vector >= 158 && vector != spurious_vector);
        gates[vector] = Gate::make(reinterpret_cast<u64>(&trap_stubs[16 * vector]), 0, from_user);
    }
    for (unsigned i = 0; i < sizeof vectors_with_stacks; ++i) {
        u8 const vector = vectors_with_stacks[i];
        task_state.ist[i] = reinterpret_cast<u64>(&trap_stacks[i + 1]);
        gates[vector] = Gate::make(reinterpret_cast<u64>(&trap_stubs[16 * vector]), i + 1, false);
    }
    // Spurious ones: the masked interrupt controllers of the PC (0x20..0x2f) and the local APIC.
    u64 const ignore = reinterpret_cast<u64>(&ignore_interrupt);
    for (unsigned vector = 0x20; vector < first_irq_vector; ++vector)
        gates[vector] = Gate::make(ignore, 0, false);
    gates[spurious_vector] = Gate::make(ignore, 0, true);
}

TableRegister const gdt{sizeof descriptors - 1, reinterpret_cast<u64>(descriptors)};
TableRegister const gdt_32{sizeof descriptors_32 - 1, reinterpret_cast<u64>(descriptors_32)};

// The table, and the same selector in the four registers that the kernel does not use.
void load_segments(TableRegister const& table, u64 selector) {
    asm volatile("lgdt %0\n mov %w1, %%ds\n mov %w1, %%es\n mov %w1, %%fs\n mov %w1, %%gs"
                 :
                 : "m"(table), "r"(selector)
                 : "memory");
}

} // namespace

void load_descriptors() {
    fill_gates();
    task_state.rsp[0] = reinterpret_cast<u64>(kernel_stack_top);
    task_state.io_map_base = sizeof(TaskState); // no bitmap: every IN and OUT of user mode faults
    u64 const base = reinterpret_cast<u64>(&task_state);
    u64 const limit = sizeof(TaskState) - 1;
    descriptors[3] = limit | Bits<23, 0>::get(base) << 16 | u64{0x89} << 40 | Bits<31, 24>::get(base) << 56;
    descriptors[4] = base >> 32;
    for (unsigned i = 1; i < 5; ++i) descriptors_32[i] = descriptors[i];
    descriptors_32[data_32_index] = flat_data_32;

    TableRegister const idt{sizeof gates - 1, reinterpret_cast<u64>(gates)};
    // After a reset LDTR names 64 KiB at address 0, which is user memory: call gates there would lead into the kernel.
    asm volatile("lgdt %0\n lidt %1\n ltr %w2\n lldt %w4\n"
                 "mov %w3, %%ss\n mov %w4, %%ds\n mov %w4, %%es\n mov %w4, %%fs\n mov %w4, %%gs\n"
                 "push $0x08\n lea 1f(%%rip), %%rax\n push %%rax\n lretq\n1:"
                 :
                 : "m"(gdt), "m"(idt), "r"(task_state_selector), "r"(u16{0x10}), "r"(u16{0})
                 : "rax", "memory");
}

void enable_syscall() {
    // IF and TF: the kernel runs undisturbed; DF, NT, AC, IOPL: as its code expects them.
    constexpr u64 flag_mask = 1 << 8 | 1 << 9 | 1 << 10 | 3 << 12 | 1 << 14 | 1 << 18;
    processor::write_msr(msr::star, star);
    processor::write_msr(msr::lstar, reinterpret_cast<u64>(&syscall_entry));
    processor::write_msr(msr::cstar, reinterpret_cast<u64>(&syscall_entry_32));
    processor::write_msr(msr::syscall_flag_mask, flag_mask);
    processor::write_msr(msr::efer, processor::read_msr(msr::efer) | efer::SystemCall::mask);
    processor::write_msr(msr::sysenter_cs, 0); // SYSENTER faults in user mode, whatever the firmware left there
}

void begin_32_bit(bool wide) {
    descriptors_32[wide_code_index] = wide ? wide_code : 0;
    descriptors_32[code_32_index] = wide ? 0 : flat_code_32;
    set_spurious_gate(false);
    load_segments(gdt_32, abi::selector32::data);
}

// User mode finds null selectors, as at first.
void end_32_bit() {
    set_spurious_gate(true);
    load_segments(gdt, 0);
}

} // namespace machine
