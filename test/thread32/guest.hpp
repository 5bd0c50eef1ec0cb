// SPDX-License-Identifier: Apache-2.0
// A 32-bit thread with an address space of its own. The root task is its fault handler.
//
//   0x10000     the routines of this program (section .attacks), readable and executable
//   0x20000     one page that the root task writes code into
//   0x30000     data; 0x40000 stack, one page each, and not executable
//   0xc0000000  the shared root begins, if it has one
#pragma once

#include "test/isolation/world.hpp"
#include "user/thread32.hpp"

extern "C" std::byte const attacks_start[];

// Nested tables, and what is mapped there.
class Tables {
public:
    explicit Tables(Supply& supply);
    void map(user::Frame frame, u64 address, u64 rights, u64 attributes = 6);
    user::NestedRoot root;

private:
    Supply* supply_;
};

class Guest {
public:
    static constexpr u32 routines = 0x10000, code = 0x20000, data = 0x30000, stack_top = 0x41000, shared = 0xc0000000;

    explicit Guest(Supply& supply);
    // Another thread of the same address space, with a fault endpoint of its own.
    Guest(Supply& supply, Guest const& sibling);
    Guest(Guest const&) = delete;
    Guest& operator=(Guest const&) = delete;

    static u32 address_of(void (*label)()) {
        return routines + static_cast<u32>(reinterpret_cast<std::byte const*>(label) - attacks_start);
    }
    user::Registers32 at(u32 eip) const { return {.eip = eip, .esp = stack_top}; }
    user::Registers32 at(void (*label)()) const { return at(address_of(label)); }
    void set_code(std::initializer_list<u8> bytes) const;
    user::Registers32 at_code(std::initializer_list<u8> bytes) const {
        set_code(bytes);
        return at(code);
    }

    // By WriteRegisters; until its next trap. Anything else it sends counts as a failure.
    user::Trap32 start(user::Registers32 const& registers) const;
    void start_alone(user::Registers32 const& registers) const; // and does not wait
    user::Trap32 wait() const { return read(faults.receive()); }
    // By answering its trap; until the next.
    user::Trap32 go_on(user::Registers32 const& registers, bool shared_root_visible = true) const;
    user::Trap32 answer(user::Message const& message) const { return read(faults.reply_receive(message)); }

    // The same as a wide thread.
    user::Registers64 wide_at(u64 rip) const { return {.rip = rip, .rsp = stack_top}; }
    user::Registers64 wide_at(void (*label)()) const { return wide_at(address_of(label)); }
    user::Registers64 wide_at_code(std::initializer_list<u8> bytes) const {
        set_code(bytes);
        return wide_at(code);
    }
    user::Trap64 go_on(user::Registers64 const& registers, bool shared_root_visible = true) const;
    user::Trap64 answer_wide(user::Message const& message) const { return read_wide(faults.reply_receive(message)); }
    user::Trap64 wait_wide() const { return read_wide(faults.receive()); }

    Tables tables;
    user::Frame code_frame, data_frame, stack_frame;
    u8* code_view;
    u32* data_view;
    user::Tcb tcb;
    user::Endpoint faults;

private:
    void make_thread(Supply& supply);
    static user::Trap32 read(user::Message const& message);
    static user::Trap64 read_wide(user::Message const& message);
};

// Is it that event (abi::trap32::event_word; an exception is its vector), at the instruction or behind it, as eip says?
void expect_exception(char const* statement, user::Trap32 const& trap, u32 event, u32 error_code, u32 eip, u64 number = 0);
void expect_exception(char const* statement, user::Trap64 const& trap, u32 event, u32 error_code, u64 rip, u64 number = 0);
// QEMU's TCG uses the stack of user mode's far calls and returns with the kernel's rights, so that SMAP refuses it: docs/security.md.
bool refused_by_smap(u32 event, u32 error_code);
