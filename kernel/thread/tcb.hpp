// SPDX-License-Identifier: Apache-2.0
// A thread. The whole of what a user pays 2 KiB of untyped memory for.
#pragma once

#include "abi/upcall.hpp"
#include "kernel/capability/slot.hpp"
#include "kernel/thread/context.hpp"
#include "kernel/thread/fault.hpp"

enum class ThreadState : u8 { // ABI 8.1
    inactive,
    running, // continues at NextIP
    restart, // continues at FaultIP
    blocked_on_receive,
    blocked_on_send,
    blocked_on_reply,
    blocked_on_notification,
    running_vm, // in VMEnter: the Vcpu runs instead of the thread
    running_32, // as running, of a 32-bit thread (which is never in state running)
    idle,
};

class Tcb {
public:
    static constexpr unsigned size_bits = abi::size_bits::tcb;
    Tcb(Tcb const&) = delete;
    Tcb& operator=(Tcb const&) = delete;
    Tcb(); // as Retype makes it, ABI 6.4; the memory must be zero

    // machine/x86_64 saves and restores it: first member.
    Context context;

    // Capabilities the thread holds in itself; they disappear like any other when revoked.
    enum SlotIndex : unsigned { cspace, vspace, reply_master, caller, ipc_buffer, ept_root, shared_root, slot_count };
    Slot slots[slot_count];

    ThreadState state{};
    bool in_ready_queue{};
    bool fpu_disabled{}; // TCB flag 0
    u8 priority{};
    u8 max_priority{}; // MCP
    u8 domain{};
    u8 time_slice{}; // ticks left
    bool upcall_grace{}; // its time slice ended in an upcall; one tick more
    bool shared_root_visible{true}; // of a 32-bit thread

    u64 fault_handler{}; // CPtr in the thread's own CSpace
    u64 ipc_buffer_address{};
    Fault fault;

    // Blocked: on what, and with which capability.
    void* blocking_object{}; // Endpoint or Notification
    u64 blocked_badge{};     // sender's
    bool blocked_can_grant{};
    bool blocked_can_grant_reply{};
    bool blocked_is_call{};

    Notification* bound_notification{};
    Vcpu* vcpu{};
    u64 first_shared{}; // linear address from which on shared_root translates, not ept_root
    Tcb* queue_next{}; // ready queue or queue of an endpoint or notification: a thread is in one at most
    Tcb* queue_previous{};

    struct Upcall { // extension 2, abi/upcall.hpp; entry 0: off
        u64 entry, stack, range_start, range_end, block, causes;
    } upcall{};
    // Of a 32-bit thread: no SYSCALL is a system call, wherever it stands. No upcall has this entry.
    static constexpr Upcall no_system_calls{~u64{0}, 0, 0, 0, 0, 0};
    void end_upcalls() { upcall = is_32_bit() ? no_system_calls : Upcall{}; }

    static constexpr unsigned name_size = 512;
    char name[name_size]{}; // NUL-terminated, for messages

    Slot& slot(SlotIndex index) { return slots[index]; }
    Cap const& cap(SlotIndex index) const { return slots[index].cap(); }
    abi::UserContext& registers() { return context.registers; }

    bool runnable() const {
        return state == ThreadState::running || state == ThreadState::restart ||
               state == ThreadState::running_vm || state == ThreadState::running_32;
    }
    bool stopped() const { // TCB_Resume acts on these
        switch (state) {
        case ThreadState::inactive:
        case ThreadState::blocked_on_receive:
        case ThreadState::blocked_on_send:
        case ThreadState::blocked_on_reply:
        case ThreadState::blocked_on_notification: return true;
        case ThreadState::running:
        case ThreadState::restart:
        case ThreadState::running_vm:
        case ThreadState::running_32:
        case ThreadState::idle: break;
        }
        return false;
    }

    // Extension 3, abi/thread32.hpp: TCB flag 1.
    bool is_32_bit() const { return context.code_selector != selector::code; }
    void set_32_bit(bool on); // the thread must be inactive
    // It is a 32-bit one, and in 64-bit mode.
    bool is_wide() const { return context.code_selector == abi::selector32::wide_code; }
    void set_wide(bool on) { context.code_selector = on ? abi::selector32::wide_code : abi::selector32::code; } // of a 32-bit thread

    // Message registers and info word, ABI 4.2. i: 0 to 3.
    static constexpr u64 abi::UserContext::*message_registers[abi::register_message_words] = {
        &abi::UserContext::r10, &abi::UserContext::r8, &abi::UserContext::r9, &abi::UserContext::r15};
    u64 message_register(unsigned i) const { return context.registers.*message_registers[i]; }
    void set_message_register(unsigned i, u64 value) { context.registers.*message_registers[i] = value; }
    u64& badge_register() { return context.registers.rdi; }
    u64& info_register() { return context.registers.rsi; }

    // The thread's IPC buffer, or null: ABI 4.3. for_writing: also null when the frame is read-only.
    abi::IpcBuffer* buffer(bool for_writing) const {
        // Nearly every buffer lies in a writable page of 4 KiB: one comparison tells.
        constexpr u64 usual = (cap_bits::type(CapType::frame) | cap_bits::Small::make(FrameCap::small_part(PageSize::small, FrameRights::read_write))) >> cap_bits::Nibble::low;
        u64 const frame = cap(ipc_buffer).raw().high;
        if (frame >> cap_bits::Nibble::low != usual) return unusual_buffer(for_writing);
        return reinterpret_cast<abi::IpcBuffer*>(machine::window({cap_bits::Pointer::get(frame) + (ipc_buffer_address & 0xfff)}));
    }
    // The library OS's block, or null when the buffer's frame is gone.
    abi::UpcallBlock* upcall_block() const;
    void set_name(char const* text);

private:
    abi::IpcBuffer* unusual_buffer(bool for_writing) const;
};
static_assert(sizeof(Tcb) <= u64{1} << Tcb::size_bits);
static_assert(offsetof(Tcb, context) == 0);
