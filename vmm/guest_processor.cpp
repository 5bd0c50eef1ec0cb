// SPDX-License-Identifier: Apache-2.0
#include "vmm/guest_processor.hpp"

#include <algorithm>
#include <cstring>

namespace vmm {
namespace {

constexpr std::size_t widest_device_access = 8; // bytes
constexpr u32 task_priority_msr = 0x808;        // of the x2APIC: CR8 is its bits 7:4
constexpr unsigned task_priority = 8;           // CR8

} // namespace

bool GuestProcessor::read(GuestPhys at, std::span<u8> to) {
    if (auto const from = machine_.memory().bytes(at, to.size()); !from.empty()) {
        std::ranges::copy(from, to.begin());
        return true;
    }
    if (to.size() > widest_device_access || !machine_.has_device(at)) return false;
    u64 const value = machine_.read_device(at, static_cast<u8>(to.size()), host_.now());
    std::memcpy(to.data(), &value, to.size());
    return true;
}

bool GuestProcessor::write(GuestPhys at, std::span<u8 const> from) {
    if (auto const to = machine_.memory().bytes(at, from.size()); !to.empty()) {
        std::ranges::copy(from, to.begin());
        engine_.written(at, from.size());
        return true;
    }
    if (from.size() > widest_device_access || !machine_.has_device(at)) return false;
    u64 value = 0;
    std::memcpy(&value, from.data(), from.size());
    machine_.write_device(at, static_cast<u8>(from.size()), value, host_.now());
    return true;
}

u64 GuestProcessor::control_register(unsigned number) {
    if (number != task_priority) return engine_.control_register(number);
    return machine_.read_msr(task_priority_msr, host_.now()).value_or(0) >> 4;
}

x86::OrException<> GuestProcessor::set_control_register(unsigned number, u64 value) {
    if (number != task_priority) return engine_.set_control_register(number, value);
    constexpr u64 highest = 15;
    if (value > highest || !machine_.write_msr(task_priority_msr, value << 4, host_.now()))
        return fail(x86::Exception{x86::vector::general_protection, 0});
    return {};
}

std::optional<u64> GuestProcessor::read_msr(u32 msr) {
    auto const value = engine_.read_msr(msr);
    return value ? value : machine_.read_msr(msr, host_.now());
}

bool GuestProcessor::write_msr(u32 msr, u64 value) {
    return engine_.write_msr(msr, value) || machine_.write_msr(msr, value, host_.now());
}

std::array<u32, 4> GuestProcessor::cpuid(u32 leaf, u32 subleaf) {
    auto result = machine_.cpuid(leaf, subleaf);
    engine_.mask_cpuid(leaf, subleaf, result);
    return {result.eax, result.ebx, result.ecx, result.edx};
}

} // namespace vmm
