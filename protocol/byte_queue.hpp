// SPDX-License-Identifier: Apache-2.0
// A queue of bytes in memory that two components share: one writes, one reads. Neither trusts the other: whatever the
// other side stores in the counters, no index leaves the array.
//
//        read              written
//          │                  │
//   ┌──────▼──────────────────▼─────────┐     counters only grow (mod 2^32); index = counter mod Size
//   │      │ bytes to be read │  room   │
//   └──────┴──────────────────┴─────────┘
#pragma once

#include <atomic>
#include <span>

#include "base/types.hpp"

namespace protocol {

template <u32 Size> class ByteQueue {
    static_assert((Size & (Size - 1)) == 0);

public:
    // Bytes waiting to be read, at most Size.
    u32 used() const {
        u32 const count = written_.load(std::memory_order_acquire) - read_.load(std::memory_order_acquire);
        return count > Size ? Size : count;
    }
    u32 room() const { return Size - used(); }

    // Writes as many bytes as fit and returns their number. Writer only.
    u32 write(std::span<char const> bytes) {
        u32 const count = bytes.size() < room() ? static_cast<u32>(bytes.size()) : room();
        u32 const at = written_.load(std::memory_order_relaxed);
        for (u32 i = 0; i < count; ++i) data_[(at + i) % Size] = bytes[i];
        written_.store(at + count, std::memory_order_release);
        return count;
    }
    // Reads at most bytes.size() bytes and returns their number. Reader only. A counter that claims more than the queue
    // holds was wrecked by the writer: then everything is dropped, so that it cannot make the reader read for ever.
    u32 read(std::span<char> bytes) {
        u32 const at = read_.load(std::memory_order_relaxed);
        u32 const written = written_.load(std::memory_order_acquire);
        if (written - at > Size) {
            read_.store(written, std::memory_order_release);
            return 0;
        }
        u32 const count = bytes.size() < written - at ? static_cast<u32>(bytes.size()) : written - at;
        for (u32 i = 0; i < count; ++i) bytes[i] = data_[(at + i) % Size];
        read_.store(at + count, std::memory_order_release);
        return count;
    }

private:
    std::atomic<u32> written_{};
    std::atomic<u32> read_{};
    char data_[Size]{};
};

} // namespace protocol
