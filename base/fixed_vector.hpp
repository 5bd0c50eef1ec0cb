// SPDX-License-Identifier: Apache-2.0
// A vector with room for Capacity elements inside itself. push() says whether there was room.
#pragma once

#include "base/types.hpp"

template <class T, std::size_t Capacity> class FixedVector {
public:
    constexpr bool push(T const& value) {
        if (size_ == Capacity) return false;
        data_[size_++] = value;
        return true;
    }
    constexpr void pop() { --size_; } // not when empty
    constexpr void clear() { size_ = 0; }
    constexpr std::size_t size() const { return size_; }
    constexpr bool empty() const { return size_ == 0; }
    static constexpr std::size_t capacity() { return Capacity; }
    constexpr T& operator[](std::size_t i) { return data_[i]; }
    constexpr T const& operator[](std::size_t i) const { return data_[i]; }
    constexpr T* begin() { return data_; }
    constexpr T* end() { return data_ + size_; }
    constexpr T const* begin() const { return data_; }
    constexpr T const* end() const { return data_ + size_; }

private:
    T data_[Capacity]{};
    std::size_t size_{};
};
