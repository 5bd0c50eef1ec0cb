// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/local_apic.hpp"

namespace vmm {
namespace {

// Registers, Intel SDM vol. 3, table 11-6.
constexpr u32 id = 0x802;
constexpr u32 version = 0x803;
constexpr u32 task_priority = 0x808;
constexpr u32 processor_priority_msr = 0x80a;
constexpr u32 end_of_interrupt_msr = 0x80b;
constexpr u32 logical_destination = 0x80d;
constexpr u32 destination_format = 0x80e; // xAPIC mode
constexpr u32 spurious_vector = 0x80f;
constexpr u32 first_in_service = 0x810;
constexpr u32 first_trigger_mode = 0x818;
constexpr u32 first_requested = 0x820;
constexpr u32 error_status = 0x828;
constexpr u32 interrupt_command = 0x830;
constexpr u32 command_destination = 0x831; // xAPIC mode
constexpr u32 first_local_vector = 0x832;
constexpr u32 last_local_vector = 0x837;
constexpr u32 initial_count = 0x838;
constexpr u32 current_count_msr = 0x839;
constexpr u32 divide_configuration = 0x83e;
constexpr u32 self_interrupt = 0x83f;

constexpr u32 version_value = 5 << 16 | 0x14; // six local vectors, integrated APIC
constexpr u32 logical_id = 1;                 // of x2APIC id 0: cluster 0, bit 0

namespace LocalVector {
using Vector = Bits<7, 0>;
using Masked = Bits<16>;
using TimerMode = Bits<18, 17>;
} // namespace LocalVector
enum TimerMode : u64 { one_shot, periodic, tsc_deadline };

namespace Command { // interrupt command register, SDM figure 11-28
using Vector = Bits<7, 0>;
using Mode = Bits<10, 8>;
using Shorthand = Bits<19, 18>;
using Destination = Bits<63, 32>;
} // namespace Command
constexpr u64 shorthand_none = 0;
constexpr u64 shorthand_others = 3;
constexpr u64 mode_fixed = 0;
constexpr u64 broadcast = 0xffffffff;

constexpr u32 error_received_vector = 1 << 6;
using SoftwareEnable = Bits<8>; // of the spurious vector register

} // namespace

std::optional<u8> LocalApic::highest(Vectors const& set) {
    if (set.none()) return std::nullopt;
    for (unsigned vector = 256; vector-- > 0;)
        if (set[vector]) return static_cast<u8>(vector);
    return std::nullopt;
}

u32 LocalApic::word(Vectors const& set, u32 index) {
    u32 result = 0;
    for (u32 bit = 0; bit < 32; ++bit) result |= u32{set[index * 32 + bit]} << bit;
    return result;
}

u8 LocalApic::processor_priority() const {
    u8 const serving = in_service().value_or(0) & 0xf0;
    return (task_priority_ & 0xf0) >= serving ? static_cast<u8>(task_priority_) : serving;
}

std::optional<u64> LocalApic::read(u32 msr, u64 now) const {
    if (msr >= first_in_service && msr < first_trigger_mode)
        return word(in_service_, msr - first_in_service);
    if (msr >= first_trigger_mode && msr < first_requested) return 0;
    if (msr >= first_requested && msr < error_status)
        return word(requested_, msr - first_requested);
    if (msr >= first_local_vector && msr <= last_local_vector)
        return local_vectors_[msr - first_local_vector];
    switch (msr) {
    case id: return 0;
    case version: return version_value;
    case task_priority: return task_priority_;
    case processor_priority_msr: return processor_priority();
    case logical_destination: return logical_id;
    case spurious_vector: return spurious_;
    case error_status: return error_status_;
    case interrupt_command: return 0;
    case initial_count: return initial_count_;
    case current_count_msr: return current_count(now);
    case divide_configuration: return divide_;
    default: return std::nullopt;
    }
}

bool LocalApic::write(u32 msr, u64 value, u64 now) {
    u32 const low = static_cast<u32>(value);
    if (msr >= first_local_vector && msr <= last_local_vector) {
        local_vectors_[msr - first_local_vector] = low;
        if (msr == first_local_vector && LocalVector::TimerMode::get(low) != tsc_deadline)
            deadline_ = 0;
        return true;
    }
    switch (msr) {
    case task_priority: task_priority_ = low & 0xff; return true;
    case end_of_interrupt_msr: end_of_interrupt(); return value == 0;
    case spurious_vector: spurious_ = low; return true;
    case error_status: // writing makes the errors since the last write readable
        error_status_ = std::exchange(pending_error_, 0);
        return value == 0;
    case interrupt_command: {
        // One processor: only interrupts to itself mean anything; start-up messages to others reach
        // nobody.
        u64 const shorthand = Command::Shorthand::get(value);
        u64 const destination = Command::Destination::get(value);
        bool const self = shorthand == shorthand_none ? destination == 0 || destination == broadcast
                                                      : shorthand != shorthand_others;
        if (self && Command::Mode::get(value) == mode_fixed)
            accept(static_cast<u8>(Command::Vector::get(value)));
        return true;
    }
    case initial_count:
        initial_count_ = low;
        start_timer(now);
        return true;
    case divide_configuration: divide_ = low & 0xb; return true;
    case self_interrupt: accept(static_cast<u8>(low)); return true;
    default: return false;
    }
}

u32 LocalApic::read_page(u64 offset, u64 now) const {
    u32 const msr = first_msr + static_cast<u32>(offset >> 4);
    switch (msr) {
    case logical_destination: return logical_destination_;
    case destination_format: return destination_format_;
    case command_destination: return command_destination_;
    default: return static_cast<u32>(read(msr, now).value_or(0));
    }
}

void LocalApic::write_page(u64 offset, u32 value, u64 now) {
    u32 const msr = first_msr + static_cast<u32>(offset >> 4);
    switch (msr) {
    case logical_destination: logical_destination_ = value & 0xff000000; return;
    case destination_format: destination_format_ = value | 0x0fffffff; return;
    case command_destination: command_destination_ = value; return;
    case self_interrupt: return; // of x2APIC mode only
    case interrupt_command: {
        // The destination is 8 bits here, and 0xff is everybody.
        u64 const to = command_destination_ >> 24;
        u64 const wide = Command::Destination::make(to == 0xff ? broadcast : to);
        [[maybe_unused]] bool const known = write(msr, wide | value, now);
        return;
    }
    default: {
        // End of interrupt and error status take any value here.
        bool const any = msr == end_of_interrupt_msr || msr == error_status;
        [[maybe_unused]] bool const known = write(msr, any ? 0 : value, now);
    }
    }
}

u64 LocalApic::divisor() const { // SDM figure 11-10: 2, 4, ..., 128, 1
    u32 const code = ((divide_ & 8) >> 1) | (divide_ & 3);
    return u64{1} << ((code + 1) & 7);
}

u64 LocalApic::current_count(u64 now) const {
    if (!timer_ || deadline_ != 0 || *timer_ <= now) return 0;
    return (*timer_ - now) / divisor();
}

void LocalApic::start_timer(u64 now) {
    if (LocalVector::TimerMode::get(local_vectors_[0]) == tsc_deadline) return;
    if (initial_count_ == 0)
        timer_.reset();
    else
        timer_ = now + initial_count_ * divisor();
}

u64 LocalApic::deadline_msr() const { return deadline_; }

void LocalApic::write_deadline_msr(u64 value) {
    if (LocalVector::TimerMode::get(local_vectors_[0]) != tsc_deadline) return;
    deadline_ = value;
    if (value == 0)
        timer_.reset();
    else
        timer_ = value;
}

void LocalApic::advance(u64 now) {
    if (!timer_ || *timer_ > now) return;
    u32 const entry = local_vectors_[0];
    if (!LocalVector::Masked::get(entry)) accept(static_cast<u8>(LocalVector::Vector::get(entry)));
    if (LocalVector::TimerMode::get(entry) == periodic && initial_count_ != 0) {
        u64 const period = initial_count_ * divisor();
        *timer_ += ((now - *timer_) / period + 1) *
                   period; // periods missed count as one, like on the real chip
    } else {
        timer_.reset();
        deadline_ = 0;
    }
}

void LocalApic::accept(u8 vector) {
    if (vector < 16) {
        pending_error_ |= error_received_vector;
        return;
    }
    if (SoftwareEnable::get(spurious_)) requested_.set(vector);
}

std::optional<u8> LocalApic::deliverable() const {
    auto const vector = highest(requested_);
    if (!vector || (*vector & 0xf0) <= (processor_priority() & 0xf0)) return std::nullopt;
    return vector;
}

void LocalApic::acknowledge(u8 vector) {
    requested_.reset(vector);
    in_service_.set(vector);
}

void LocalApic::end_of_interrupt() {
    ended_ = in_service();
    if (ended_) in_service_.reset(*ended_);
}

std::optional<u8> LocalApic::take_ended() { return std::exchange(ended_, std::nullopt); }

} // namespace vmm
