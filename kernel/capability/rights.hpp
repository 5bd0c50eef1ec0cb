// SPDX-License-Identifier: Apache-2.0
// Rights of endpoint and notification capabilities, and the three levels of a frame's (ABI 5.1).
#pragma once

#include "abi/profile.hpp"

class CapRights {
public:
    constexpr CapRights() = default;
    static constexpr CapRights from_abi(u64 word) { return CapRights(word & abi::right::all); }
    static constexpr CapRights all() { return CapRights(abi::right::all); }
    constexpr u64 to_abi() const { return bits_; }
    constexpr CapRights operator&(CapRights other) const {
        return from_abi(u64{bits_} & other.bits_);
    }
    constexpr bool operator==(CapRights const&) const = default;
    constexpr bool write() const { return (bits_ & abi::right::write) != 0; }
    constexpr bool read() const { return (bits_ & abi::right::read) != 0; }
    constexpr bool grant() const { return (bits_ & abi::right::grant) != 0; }
    constexpr bool grant_reply() const { return (bits_ & abi::right::grant_reply) != 0; }
    // May a sender with these rights leave a reply capability behind?
    constexpr bool call() const { return grant() || grant_reply(); }

private:
    constexpr explicit CapRights(u64 bits) : bits_(static_cast<u8>(bits)) {}
    u8 bits_{};
};

enum class FrameRights : u8 { kernel_only = 1, read_only = 2, read_write = 3 };

constexpr FrameRights mask_frame_rights(FrameRights present, CapRights mask) {
    if (!mask.read() || present == FrameRights::kernel_only) return FrameRights::kernel_only;
    if (!mask.write()) return FrameRights::read_only;
    return present;
}
