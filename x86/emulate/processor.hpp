// SPDX-License-Identifier: Apache-2.0
// A processor as the emulator sees it: registers that it works on directly, and everything else
// behind one interface, because each engine keeps it elsewhere (a VMCB, its own memory).
#pragma once

#include <array>
#include <expected>
#include <optional>
#include <span>

#include "base/types.hpp"

namespace x86 {

// By the processor's numbers: rax rcx rdx rbx rsp rbp rsi rdi r8 ... r15.
struct GeneralRegisters {
    u64 value[16];
};

// What an instruction changes in the common case. In 32-bit modes the upper halves are 0.
struct CoreState {
    GeneralRegisters registers{};
    u64 rip{}; // offset in CS, as the program sees it
    u64 rflags{2};
};

enum class SegmentName : u8 { es, cs, ss, ds, fs, gs, ldtr, tr }; // in the order of instructions' numbers and of VMX

// Access rights in the format of VMX (Intel SDM vol. 3, 25.4.1): bits 7:0 as descriptor bits 47:40,
// bits 15:12 as descriptor bits 55:52, bit 16 unusable.
namespace access_rights {
using Type = Bits<3, 0>;
using CodeOrData = Bits<4>; // S
using Dpl = Bits<6, 5>;
using Present = Bits<7>;
using Long = Bits<13>;
using Default32 = Bits<14>; // D/B
using Granularity = Bits<15>;
using Unusable = Bits<16>;
} // namespace access_rights

struct Segment {
    u16 selector{};
    u32 access_rights{access_rights::Unusable::mask};
    u32 limit{}; // in bytes, granularity applied
    u64 base{};
};

struct TableRegister { // GDTR, IDTR
    u64 base{};
    u16 limit{};
};

// How instructions are decoded, by the code segment; 16 bits in real and virtual-8086 mode as well.
enum class Mode : u8 { protected16, protected32, long64 };

// An exception that the guest is to get (Intel SDM vol. 3, 6.15).
struct Exception {
    u8 vector{};
    std::optional<u32> error_code{}; // for the vectors that push one
    u64 address{};                   // page fault: CR2
};

namespace vector {
inline constexpr u8 divide_error = 0, debug = 1, breakpoint = 3, overflow = 4, bound = 5,
                    invalid_opcode = 6, no_device = 7, double_fault = 8, invalid_tss = 10,
                    segment_not_present = 11, stack_fault = 12, general_protection = 13,
                    page_fault = 14, x87_error = 16, alignment = 17;
} // namespace vector

enum class Access : u8 { read, write, execute };

template <class T = void> using OrException = std::expected<T, Exception>;

// The rest of the processor and its surroundings. Every address and value comes from the guest;
// implementations check.
class Processor {
public:
    virtual ~Processor() = default;

    // Linear to guest-physical by the guest's page tables, with the guest's rights (as supervisor:
    // CPL < 3 or an implicit access); sets accessed and dirty bits. Good up to the end of the 4 KiB
    // page. The exception is the guest's #PF.
    virtual OrException<GuestPhys> translate(u64 linear, Access access, bool supervisor) = 0;
    // Inside one page; RAM or a device. Writes tell whoever mirrors or has patched that memory. False: neither RAM
    // nor a device is there (reads give all ones, writes vanish on a PC; the emulator does that).
    virtual bool read(GuestPhys at, std::span<u8> to) = 0;
    virtual bool write(GuestPhys at, std::span<u8 const> from) = 0;

    virtual CoreState core() = 0;
    virtual void set_core(CoreState const& core) = 0;
    virtual Segment segment(SegmentName name) = 0;
    // Access rights of CS: in 64-bit mode all of it that most instructions need.
    virtual u32 code_rights() { return segment(SegmentName::cs).access_rights; }
    // The hidden part is already loaded from the descriptor; base, limit and rights are final.
    virtual void set_segment(SegmentName name, Segment const& segment) = 0;
    virtual TableRegister gdtr() = 0;
    virtual TableRegister idtr() = 0;
    virtual void set_gdtr(TableRegister const& value) = 0;
    virtual void set_idtr(TableRegister const& value) = 0;
    // Of the guest in protected mode, 0 to 3: the DPL of SS, also right after real mode was left, when
    // CS still holds a paragraph. Not asked in real and virtual-8086 mode.
    virtual unsigned cpl() = 0;

    // CR0, CR2, CR3, CR4 as the guest believes them to be (CR8 through an MSR's device: 8). A value
    // that the processor would refuse is #GP. CR0.PE clear is real mode.
    virtual u64 control_register(unsigned number) = 0;
    virtual OrException<> set_control_register(unsigned number, u64 value) = 0;
    virtual u64 debug_register(unsigned number) = 0;
    virtual OrException<> set_debug_register(unsigned number, u64 value) = 0;
    virtual u64 efer() = 0;
    // Empty or false: #GP.
    virtual std::optional<u64> read_msr(u32 msr) = 0;
    [[nodiscard]] virtual bool write_msr(u32 msr, u64 value) = 0;

    // size: 1, 2, 4 bytes.
    virtual u32 read_port(u16 port, u8 size) = 0;
    virtual void write_port(u16 port, u8 size, u32 value) = 0;
    virtual std::array<u32, 4> cpuid(u32 leaf, u32 subleaf) = 0; // eax ebx ecx edx
    virtual u64 time_stamp() = 0;
    virtual void invalidate_page(u64 linear) = 0;  // INVLPG
    virtual void flush_caches() {}                  // WBINVD, INVD
    virtual void block_interrupts() = 0;            // until after the next instruction: STI, MOV SS, POP SS
};

} // namespace x86
