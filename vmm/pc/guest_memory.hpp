// SPDX-License-Identifier: Apache-2.0
// The guest's RAM as the monitor sees it: one piece, guest-physical address 0 first. Every access
// is checked, because every address comes from the guest.
#pragma once

#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

#include "base/types.hpp"

namespace vmm {

class GuestMemory {
public:
    // Does not own the memory.
    explicit GuestMemory(std::span<u8> ram) : ram_(ram) {}

    u64 size() const { return ram_.size(); }

    // The bytes [at, at + size); empty when any of them is no RAM.
    std::span<u8> bytes(GuestPhys at, u64 size) const {
        if (at.value > ram_.size() || size > ram_.size() - at.value) return {};
        return ram_.subspan(at.value, size);
    }

    template <class T> std::optional<T> read(GuestPhys at) const {
        static_assert(std::is_trivially_copyable_v<T>);
        auto const from = bytes(at, sizeof(T));
        if (from.empty()) return std::nullopt;
        T value;
        std::memcpy(&value, from.data(), sizeof(T));
        return value;
    }

    // False when the place is no RAM; then nothing is written.
    template <class T> [[nodiscard]] bool write(GuestPhys at, T const& value) const {
        static_assert(std::is_trivially_copyable_v<T>);
        auto const to = bytes(at, sizeof(T));
        if (to.empty()) return false;
        std::memcpy(to.data(), &value, sizeof(T));
        return true;
    }

private:
    std::span<u8> ram_;
};

} // namespace vmm
