// SPDX-License-Identifier: Apache-2.0
// What the tests stand on: the root task's memory and slots, and the score.
#pragma once

#include "abi/boot_info.hpp"
#include "base/fixed_vector.hpp"
#include "user/domain.hpp"
#include "user/io_port.hpp"
#include "user/tcb.hpp"
#include "user/untyped.hpp"

inline constexpr u64 read_write = abi::right::read | abi::right::write;
inline constexpr user::VSpace own_space{abi::initial_slot::vspace};
inline constexpr user::CNode own_cnode{abi::initial_slot::cnode};
inline constexpr user::Tcb own_thread{abi::initial_slot::tcb};
inline constexpr u64 page_size = 4096;

// Scores one statement; prints it when `found` is not the value wanted. The number names one of many like it.
void expect(char const* statement, u64 found, u64 wanted, u64 number = 0);
inline void check(char const* statement, bool holds, u64 number = 0) { expect(statement, holds, true, number); }
void group(char const* name); // what follows belongs to it; prints the count of the group before
void print_score(char const* program); // last line: "PROGRAM: N checks, M failed"
u64 failures();

// For what must succeed: otherwise says what did not, and stops the machine.
[[noreturn]] void stop(char const* what, user::Error const& error);
inline void must(char const* what, user::Result<> const& result) {
    if (!result) stop(what, result.error());
}
template <class T> T must(char const* what, user::Result<T> result) {
    if (!result) stop(what, result.error());
    return std::move(*result);
}
inline u64 code_of(user::Result<> const& result) { return result ? 0 : static_cast<u64>(result.error().code); }
template <class T> u64 code_of(user::Result<T> const& result) { return result ? 0 : static_cast<u64>(result.error().code); }

// Objects of one untyped, in slots of the root task. All of them go at once: by revoking the untyped.
class Supply {
public:
    Supply(user::Untyped memory, u64 first_slot, u64 end_slot) : memory_(memory), first_(first_slot), next_(first_slot), end_(end_slot) {}
    Supply(Supply const&) = delete;
    Supply& operator=(Supply const&) = delete;

    u64 slot(); // a free one
    u64 make(abi::ObjectType type, unsigned size_bits = 0);
    template <class Object> Object make(unsigned size_bits = 0) {
        Object object;
        object.cptr = make(Object::type, size_bits);
        return object;
    }
    u64 copy(u64 cptr, u64 rights = abi::right::all);
    // Maps the frame, and makes the paging structures that are missing.
    void map(user::VSpace space, user::Frame frame, u64 address, u64 rights, u64 attributes = 0);
    // A new address space with its ASID.
    user::VSpace make_space();
    // The same frame, or another capability to it, where the root task sees it.
    u8* view(user::Frame frame, u64 bytes = page_size);
    void take_back(); // all objects are gone, the slots and the memory free
    // The paging structures that map() made outside the root task's own address space, as many as fit.
    FixedVector<u64, 64>& structures() { return structures_; }
    user::Untyped memory() const { return memory_; }

private:
    user::Untyped memory_;
    u64 first_, next_, end_;
    FixedVector<u64, 64> structures_;
};

void start_world(abi::BootInfo const& info);
abi::BootInfo const& boot_info();
Supply& supply(); // most of the memory
// A page of the root task's address space that nothing is mapped to: `bytes` at a multiple of `bytes`, 4 KiB at least.
u64 fresh_address(u64 bytes = page_size);

class Random { // xorshift64
public:
    explicit Random(u64 seed) : state_(seed ? seed : 1) {}
    u64 next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        return state_ ^= state_ << 17;
    }
    u64 below(u64 limit) { return next() % limit; }

private:
    u64 state_;
};
