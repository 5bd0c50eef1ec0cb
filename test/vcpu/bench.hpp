// SPDX-License-Identifier: Apache-2.0
// What every test here stands on: the root task's memory and slots, a Vcpu with 2 MiB of guest
// memory, and the score.
#pragma once

#include "abi/boot_info.hpp"
#include "abi/vcpu.hpp"
#include "test/vcpu/guests.hpp"
#include "user/mapping.hpp"
#include "user/vcpu.hpp"
#include "x86/vmcs.hpp"

// Scores one statement: prints it as passed or failed, with the value found when it is not the one
// wanted.
void expect(char const* statement, u64 found, u64 wanted);
inline void check(char const* statement, bool holds) { expect(statement, holds, true); }

// The value of an invocation that must succeed; otherwise says which did not, and stops the
// machine.
template <class T> T must(char const* what, user::Result<T> result);
void must(char const* what, user::Result<> result);
[[noreturn]] void stop(char const* what, user::Error const& error);
template <class T> T must(char const* what, user::Result<T> result) {
    if (!result) stop(what, result.error());
    return std::move(*result);
}

user::ObjectAllocator& objects();
bool has_nested_paging(); // without it guests run without, all of them

// What VMEnter returned.
struct Stop {
    bool exit; // or the notification
    u64 badge;
    u64 words[abi::vm_message::words];
    u64 rip() const { return words[abi::vm_message::rip]; }
    u64 controls() const { return words[abi::vm_message::primary_controls]; }
    u64 event() const { return words[abi::vm_message::entry_interruption]; }
    u64 reason() const { return words[abi::vm_message::exit_reason]; }
    u64 qualification() const { return words[abi::vm_message::qualification]; }
    u64 length() const { return words[abi::vm_message::instruction_length]; }
    u64 physical() const { return words[abi::vm_message::guest_physical]; }
    u64 flags() const { return words[abi::vm_message::rflags]; }
    u64 gpr(unsigned i) const {
        return words[abi::vm_message::registers + i];
    } // rax rbx rcx rdx rsi rdi rbp r8..
    u64 rax() const { return gpr(0); }
    u64 rbx() const { return gpr(1); }
    u64 r15() const { return gpr(14); }
};
Stop enter(u64 rip, u64 controls = 0, u64 event = 0);

// A guest of one Vcpu. Its memory, 2 MiB from guest-physical 0, is at `memory` of this program:
//   0x1000 PML4, 0x2000 PDPT, 0x3000 page directory: 1 GiB, linear = physical
//   0x4000 IDT, 0x5000 GDT, 0x7000 top of stack, 0x8000 code, 0x9000 interrupt handlers
class Bench {
public:
    static constexpr u64 code = 0x8000;

    Bench();
    Bench(Bench const&) = delete;
    void use(user::Tcb thread); // VMEnter of this thread runs the guest

    void load_real_mode(std::span<u8 const> guest);
    void load(std::span<u8 const> guest); // 64-bit
    // Without nested paging: linear = physical by the root itself, in user mode's pages, and execution can be forbidden. Page
    // faults exit.
    void load_shadow(std::span<u8 const> guest); // 64-bit
    void load_pae(std::span<u8 const> guest);    // 32-bit
    void enter_user_mode();                      // of the guest loaded
    // Interrupt gate of the 64-bit guest.
    void handle(u8 vector, std::span<u8 const> handler);
    Stop run(u64 controls = 0) { return enter(code, controls); } // from its first instruction
    // Past the instruction that exited, with the same controls.
    Stop on(Stop const& at, u64 length) {
        return enter(at.rip() + length, at.controls(), at.event());
    }
    Stop on(Stop const& at) { return on(at, at.length()); }

    u64 read(vmx::Field field) const {
        return must("VCPUReadVMCS", vcpu.object().read_vmcs(static_cast<u64>(field)));
    }
    u64 write(vmx::Field field, u64 value) {
        return must("VCPUWriteVMCS", vcpu.object().write_vmcs(static_cast<u64>(field), value));
    }
    void write_registers(abi::VcpuRegisters const& registers) {
        must("VCPUWriteRegisters", vcpu.object().write_registers(registers));
    }
    u64& word(u64 guest_physical) { return *reinterpret_cast<u64*>(memory + guest_physical); }

    user::Handle<user::Vcpu> vcpu;
    user::Handle<user::NestedRoot> root;
    user::Handle<user::LargeFrame> frame;
    u8* memory;

private:
    void copy(u64 to, std::span<u8 const> bytes);
    void write_segment(unsigned index, u64 selector, u64 access_rights, u64 limit);
};

// A second thread at the root task's priority, stopped; it runs `function` when started.
class Helper {
public:
    explicit Helper(void (*function)());
    ~Helper();
    void start();
    void bind(Bench& bench) { bench.use(tcb.object()); }
    user::Handle<user::Tcb> tcb;

private:
    void (*function_)();
    user::Handle<user::Frame> buffer_;
};

inline constexpr vmx::Field segment_field(vmx::Field row, unsigned index) {
    return static_cast<vmx::Field>(static_cast<u32>(row) + 2 * index);
}
