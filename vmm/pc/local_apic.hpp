// SPDX-License-Identifier: Apache-2.0
// The local interrupt controller of the one virtual processor (Intel SDM vol. 3, chapter 11): in
// x2APIC mode its registers are MSRs 0x800..0x83f, so no access needs an instruction decoded; in
// xAPIC mode, which 32-bit Linux uses, they are a page of memory.
// The timer knows one-shot, periodic and TSC-deadline mode; its bus clock is the time-stamp
// counter.
//
// A vector's way: accept() -> requested -> deliverable() -> acknowledge() -> in service ->
// end_of_interrupt().
#pragma once

#include <bitset>
#include <optional>

#include "base/types.hpp"

namespace vmm {

class LocalApic {
public:
    static constexpr u32 first_msr = 0x800;
    static constexpr u32 last_msr = 0x83f;

    // Times are values of the guest's time-stamp counter. Empty or false: no such register, the
    // guest gets #GP.
    std::optional<u64> read(u32 msr, u64 now) const;
    [[nodiscard]] bool write(u32 msr, u64 value, u64 now);

    // The page of xAPIC mode, 32-bit accesses. Outside of its registers: reads 0, writes vanish.
    u32 read_page(u64 offset, u64 now) const;
    void write_page(u64 offset, u32 value, u64 now);

    u64 deadline_msr() const; // IA32_TSC_DEADLINE
    void write_deadline_msr(u64 value);

    void accept(u8 vector);
    // The vector that the processor should take now, if its interrupt flag allows.
    std::optional<u8> deliverable() const;
    void acknowledge(u8 vector); // deliverable()'s vector was injected
    void end_of_interrupt();
    // Vector in service with the highest priority that waits for its end of interrupt.
    std::optional<u8> in_service() const { return highest(in_service_); }
    // The last vector whose service ended, once: the I/O APIC wants to know.
    std::optional<u8> take_ended();
    bool requests() const { return requested_.any(); }

    // When the timer fires next.
    std::optional<u64> next_timer() const { return timer_; }
    // Fires the timer if its time has come.
    void advance(u64 now);
    void reset() { *this = LocalApic{}; }

private:
    using Vectors = std::bitset<256>;
    static std::optional<u8> highest(Vectors const& set);
    static u32 word(Vectors const& set, u32 index);
    u8 processor_priority() const;
    u64 divisor() const;
    u64 current_count(u64 now) const;
    void start_timer(u64 now);

    Vectors requested_;
    Vectors in_service_;
    std::optional<u8> ended_;
    u32 task_priority_{};
    u32 spurious_{0xff};
    u32 error_status_{};
    u32 pending_error_{};
    u32 local_vectors_[6]{masked, masked, masked,
                          masked, masked, masked}; // timer .. error, MSRs 0x832..0x837
    u32 initial_count_{};
    u32 command_destination_{};          // upper half of the interrupt command register, xAPIC mode
    u32 logical_destination_{};          // xAPIC mode
    u32 destination_format_{0xffffffff}; // xAPIC mode
    u32 divide_{};
    u64 deadline_{};
    std::optional<u64> timer_;

    static constexpr u32 masked = 1u << 16;
};

} // namespace vmm
