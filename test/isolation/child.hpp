// SPDX-License-Identifier: Apache-2.0
// A hostile thread in an address space and a CSpace of its own. The root task sets its registers, lets it run until it faults,
// and looks at the message.
//
//   0x400000  the attacks of this program (section .attacks), readable and executable
//   0x500000  one page that the root task writes code into; the child may write it, too
//   0x600000  data
//   0x700000  stack, one page; 0x800000 IPC buffer
#pragma once

#include "test/isolation/world.hpp"

extern "C" std::byte const attacks_start[], attacks_end[];

struct FaultMessage {
    u64 label, length;
    u64 words[20];
    abi::UserContext registers; // of the thread, after its fault

    u64 at() const { return words[0]; } // not of an unknown system call
    bool is(abi::FaultLabel wanted) const { return label == static_cast<u64>(wanted); }
    bool is_exception(u64 vector, u64 code = 0) const {
        return is(abi::FaultLabel::user_exception) && words[3] == vector && words[4] == code;
    }
    // status: the processor's error code, low five bits.
    bool is_page_fault(u64 address, u64 status) const {
        return is(abi::FaultLabel::vm_fault) && words[1] == address && words[3] == status && words[2] == (status >> 4);
    }
};

class Child {
public:
    static constexpr u64 attacks = 0x400000, code = 0x500000, data = 0x600000, stack_top = 0x701000, buffer = 0x800000;
    static constexpr unsigned cnode_radix = 6;
    // Slots of its CNode. Slot 1 is the endpoint of its faults; the rest are empty until granted.
    static constexpr u64 fault_slot = 1, first_free_slot = 2;

    explicit Child(Supply& supply);
    // A second thread in the address space and the CSpace of another child, with a stack and an IPC buffer of its own.
    Child(Supply& supply, Child const& sibling);
    Child(Child const&) = delete;
    Child& operator=(Child const&) = delete;

    // Where a label of section .attacks stands in a child.
    static u64 address_of(void const* label) {
        return attacks + static_cast<u64>(static_cast<std::byte const*>(label) - attacks_start);
    }
    static u64 address_of(void (*label)()) { return address_of(reinterpret_cast<void const*>(label)); }
    // Registers to start with: rip, a stack, everything else zero.
    abi::UserContext at(u64 rip) const;
    // Lets it run until it faults.
    FaultMessage run(abi::UserContext const& registers) const;
    FaultMessage run(u64 rip) const { return run(at(rip)); }
    FaultMessage run(void (*label)(), u64 rdi = 0, u64 rsi = 0) const;
    // Starts it and does not wait.
    void start(abi::UserContext const& registers) const;
    FaultMessage wait() const;
    // Answers the fault and waits for the next; the words are the registers that the answer sets.
    FaultMessage answer(u64 label, std::initializer_list<u64> words) const;

    // One system call made by the child, and its registers afterwards.
    abi::UserContext system_call(abi::Syscall number, u64 rdi, u64 rsi, u64 (&words)[4]) const;
    // An invocation by the child: label and first words of the answer. Further words and capabilities: in its buffer.
    abi::MessageInfo invoke(u64 cptr, abi::Label label, std::initializer_list<u64> words, std::initializer_list<u64> caps = {}) const;

    void grant(u64 slot, u64 cptr, u64 rights = abi::right::all) const; // a copy of a capability of the root task
    void set_code(std::initializer_list<u8> bytes) const;

    user::VSpace space;
    user::CNode cnode;
    user::Tcb tcb;
    user::Endpoint faults;
    u8* code_view;
    u8* data_view;
    abi::IpcBuffer* buffer_view;
    FixedVector<u64, 16> frames; // of its memory, as it is mapped there; not how the root task sees them

private:
    void start_thread(Supply& supply, u64 stack, u64 buffer_address);
    u64 stack_top_;
};
