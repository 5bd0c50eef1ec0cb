// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/differential/native32.hpp"

#include <asm/ldt.h>
#include <cerrno>
#include <cstring>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace {

// By offset in the assembly below.
struct Saved {
    u32 general[8];
    u32 flags;
    u32 target; // and its segment
    u32 segment;
    u32 exit;
    u64 host_stack;
    u16 es, ss, ds, gs;
    alignas(16) u8 fpu[512];
};
static_assert(offsetof(Saved, host_stack) == 48 && offsetof(Saved, fpu) == 64);

} // namespace

extern "C" {
Saved native32_saved __attribute__((visibility("hidden")));
void native32_enter();
void native32_exit();
void native32_fault_exit();
}

// In 64-bit mode DS, ES and GS hold nothing; 32-bit code needs them. FS stays, the C library's: code that uses it faults.
asm(R"(
.text
native32_enter:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    pushfq
    mov %rsp, native32_saved+48(%rip)
    mov native32_saved+56(%rip), %es
    mov native32_saved+60(%rip), %ds
    mov native32_saved+62(%rip), %gs
    fxrstor native32_saved+64(%rip)
    mov native32_saved+32(%rip), %eax
    push %rax
    popfq
    mov native32_saved+58(%rip), %ss
    mov native32_saved+0(%rip), %eax
    mov native32_saved+4(%rip), %ecx
    mov native32_saved+8(%rip), %edx
    mov native32_saved+12(%rip), %ebx
    mov native32_saved+20(%rip), %ebp
    mov native32_saved+24(%rip), %esi
    mov native32_saved+28(%rip), %edi
    mov native32_saved+16(%rip), %esp
    ljmpl *native32_saved+36(%rip)
native32_exit:
    mov %r15d, native32_saved+44(%rip)
    mov %eax, native32_saved+0(%rip)
    mov %ecx, native32_saved+4(%rip)
    mov %edx, native32_saved+8(%rip)
    mov %ebx, native32_saved+12(%rip)
    mov %esp, native32_saved+16(%rip)
    mov %ebp, native32_saved+20(%rip)
    mov %esi, native32_saved+24(%rip)
    mov %edi, native32_saved+28(%rip)
    mov native32_saved+48(%rip), %rsp
    pushfq
    pop %rax
    mov %eax, native32_saved+32(%rip)
    fxsave native32_saved+64(%rip)
native32_fault_exit:
    fninit
    movl $0x1f80, -8(%rsp)
    ldmxcsr -8(%rsp)
    mov $0x2b, %eax
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %gs
    popfq
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
)");

namespace x86::translate::differential {
namespace {

constexpr u32 program_segment = 0x23, host_segment = 0x33, data_segment = 0x2b; // Linux's, on x86-64
constexpr u32 fixed_and_interrupt = 0x202; // flags
constexpr int context_registers[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI};

} // namespace

void Native::write_exits(u8* page) {
    for (u32 i = 0; i < arena::exit_count; ++i) {
        u8* const at = page + i * arena::exit_bytes;
        u32 const address = arena::exit(i), in_64_bit_mode = address + 8;
        u64 const back = reinterpret_cast<u64>(&native32_exit);
        u8 const code[] = {0xea, 0, 0, 0, 0, host_segment, 0, 0x90, // jmp 33h:in_64_bit_mode
                           0x41, 0xbf, 0, 0, 0, 0,                  // mov r15d, address
                           0xff, 0x25, 0, 0, 0, 0};                 // jmp [rip]: back
        std::memcpy(at, code, sizeof code);
        std::memcpy(at + 1, &in_64_bit_mode, 4);
        std::memcpy(at + 10, &address, 4);
        std::memcpy(at + sizeof code, &back, sizeof back);
        static_assert(sizeof code + sizeof back <= arena::exit_bytes);
    }
}

bool Native::caught(mcontext_t& registers) {
    outcome_.exception = hosted::exception_of(registers);
    for (unsigned i = 0; i < 8; ++i) outcome_.general[i] = static_cast<u32>(registers.gregs[context_registers[i]]);
    outcome_.eip = static_cast<u32>(registers.gregs[REG_RIP]);
    outcome_.flags = static_cast<u32>(registers.gregs[REG_EFL]);
    std::memcpy(outcome_.fpu, registers.fpregs, sizeof outcome_.fpu);
    leave(registers);
    return true;
}

// Not on the way in or out: it ends soon by itself.
void Native::end(mcontext_t& registers) {
    auto const segments = static_cast<u64>(registers.gregs[REG_CSGSFS]);
    if ((segments & 0xffff) != program_segment) return;
    outcome_.unsupported = Outcome::too_long;
    leave(registers);
}

void Native::leave(mcontext_t& registers) {
    registers.gregs[REG_RIP] = reinterpret_cast<greg_t>(&native32_fault_exit);
    registers.gregs[REG_EFL] = fixed_and_interrupt; // no single steps, no alignment checks here
    registers.gregs[REG_RSP] = static_cast<greg_t>(native32_saved.host_stack);
    auto& segments = registers.gregs[REG_CSGSFS]; // cs, gs, fs, ss: 16 bits each
    segments = static_cast<greg_t>((static_cast<u64>(segments) & 0x0000'ffff'ffff'0000) | host_segment | u64{data_segment} << 48);
}

namespace {

// The selector for a segment, which is made if it is not flat.
u16 selector_for(Case const& test, SegmentName name, u16 otherwise) {
    auto const index = static_cast<unsigned>(name);
    auto const& segment = test.segments[index];
    if (!segment) return otherwise;
    user_desc entry{};
    entry.entry_number = index;
    entry.base_addr = segment->base;
    entry.limit_in_pages = segment->limit == 0xffffffff;
    entry.limit = entry.limit_in_pages ? 0xfffff : segment->limit;
    entry.seg_32bit = segment->big;
    entry.useable = 1;
    constexpr int write_entry = 0x11;
    if (syscall(SYS_modify_ldt, write_entry, &entry, sizeof entry) != 0) throw std::system_error(errno, std::generic_category(), "modify_ldt");
    return table_selector(index);
}

} // namespace

Outcome Native::run(Case const& test, u8 const (&fpu)[512]) {
    hosted::FaultScope const scope(*this);
    outcome_ = {};
    std::memcpy(native32_saved.general, test.general, sizeof test.general);
    native32_saved.flags = test.flags | fixed_and_interrupt;
    native32_saved.target = test.at;
    native32_saved.segment = program_segment;
    native32_saved.es = selector_for(test, SegmentName::es, data_segment);
    native32_saved.ss = selector_for(test, SegmentName::ss, data_segment);
    native32_saved.ds = selector_for(test, SegmentName::ds, data_segment);
    native32_saved.gs = selector_for(test, SegmentName::gs, 0);
    std::memcpy(native32_saved.fpu, fpu, sizeof fpu);
    native32_enter();
    if (outcome_.exception || outcome_.unsupported != nullptr) return outcome_;
    std::memcpy(outcome_.general, native32_saved.general, sizeof outcome_.general);
    outcome_.eip = native32_saved.exit;
    outcome_.flags = native32_saved.flags;
    std::memcpy(outcome_.fpu, native32_saved.fpu, sizeof outcome_.fpu);
    return outcome_;
}

} // namespace x86::translate::differential
