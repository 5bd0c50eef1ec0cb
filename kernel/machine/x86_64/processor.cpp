// SPDX-License-Identifier: Apache-2.0
// Registers of the processor that the kernel sets once, and those that change with the thread.
#include "kernel/machine/x86_64/processor.hpp"

#include "kernel/machine/machine.hpp"
#include "kernel/machine/x86_64/features.hpp"
#include "kernel/machine/x86_64/instructions.hpp"
#include "x86/registers.hpp"

namespace machine {
namespace {

// Entries 0 write back, 1 write through, 2 uncached-, 3 uncached, 4 write combining; 5 to 7 as after reset (ABI 2.5).
constexpr u64 memory_types = 0x0007'0401'0007'0406;

// WRMSR would fault in the kernel on an address that is not canonical; a user may name one (ABI 7.2, SetTLSBase).
u64 canonical_or_zero(u64 address) { return is_canonical(address) ? address : 0; }

[[gnu::noinline]] void write_segment_bases(u64 fs_base, u64 gs_base) {
    processor::write_msr(msr::fs_base, canonical_or_zero(fs_base));
    processor::write_msr(msr::gs_base, canonical_or_zero(gs_base));
}

} // namespace

void enable_no_execute() {
    if (features().no_execute)
        processor::write_msr(msr::efer, processor::read_msr(msr::efer) | efer::NoExecuteEnable::mask);
}

void harden_processor() {
    Features const& have = features();
    processor::write_msr(msr::pat, memory_types);
    u64 word0 = processor::read_cr0();
    word0 |= cr0::MonitorCoprocessor::mask | cr0::NumericError::mask | cr0::WriteProtect::mask;
    word0 &= ~(cr0::Emulation::mask | cr0::TaskSwitched::mask | cr0::AlignmentMask::mask);
    processor::write_cr0(word0);
    processor::disable_breakpoints(); // a loader's could strike anywhere
    u64 word4 = cr4::PhysicalAddressExtension::mask | cr4::MachineCheck::mask | cr4::GlobalPages::mask |
                cr4::FxSave::mask;
    if (have.smep) word4 |= cr4::SupervisorExecutionPrevention::mask;
    if (have.smap) word4 |= cr4::SupervisorAccessPrevention::mask;
    if (have.umip) word4 |= cr4::UserModeInstructionPrevention::mask;
    processor::write_cr4(word4);
}

// A thread may have changed a base by loading a selector, but only to 0 (no descriptor has another): what was written last
// says nothing, unless that was 0.
void load_segment_bases(u64 fs_base, u64 gs_base) {
    static constinit u64 written = 1; // 0: both bases are 0. The loader may have left anything
    if ((written | fs_base | gs_base) == 0) return;
    written = fs_base | gs_base;
    write_segment_bases(fs_base, gs_base);
}

void save_fpu(std::byte* image) { asm volatile("fxsave64 (%0)" : : "r"(image) : "memory"); }

void load_fpu(std::byte const* image) {
    // AMD's FXRSTOR leaves the addresses of the last x87 instruction alone if no exception is pending in the image (APM vol. 5):
    // an instruction of the kernel's own takes the place of another thread's.
    static constexpr u32 anything = 0;
    asm volatile("fnclex\n ffree %%st(7)\n fildl %0" : : "m"(anything));
    asm volatile("fxrstor64 (%0)" : : "r"(image) : "memory");
}

void initial_fpu(std::byte* image) {
    clear(image, 512);
    *reinterpret_cast<u16*>(image) = 0x37f;       // control word: all exceptions masked, extended precision
    *reinterpret_cast<u32*>(image + 24) = 0x1f80; // MXCSR: all exceptions masked
}

// Writing CR0 makes the processor wait for itself: only when something changes.
void enable_fpu(bool on) {
    static constinit bool enabled = true; // as harden_processor leaves it
    if (on == enabled) return;
    enabled = on;
    if (on)
        processor::clear_task_switched();
    else
        processor::write_cr0(processor::read_cr0() | cr0::TaskSwitched::mask);
}

void copy_words(u64* to, u64 const* from, u64 count) {
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

void clear(void* start, u64 bytes) {
    u64 words = bytes / 8;
    asm volatile("rep stosq" : "+D"(start), "+c"(words) : "a"(0) : "memory");
}

Ticks now() { return processor::time_stamp(); }

u32 port_in(u16 port, unsigned bytes) {
    switch (bytes) {
    case 1: return processor::in8(port);
    case 2: return processor::in16(port);
    default: return processor::in32(port);
    }
}

void port_out(u16 port, unsigned bytes, u32 value) {
    switch (bytes) {
    case 1: return processor::out8(port, static_cast<u8>(value));
    case 2: return processor::out16(port, static_cast<u16>(value));
    default: return processor::out32(port, value);
    }
}

} // namespace machine
