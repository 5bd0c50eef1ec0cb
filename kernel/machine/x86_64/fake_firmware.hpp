// SPDX-License-Identifier: Apache-2.0
// For the tests of acpi.cpp and multiboot.cpp on the host: physical memory as an array, the console as a string, and a halt that
// can be caught.
#pragma once

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/types.hpp"

struct Halted : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class FakeFirmware {
public:
    static constexpr u64 bytes = u64{2} << 20; // of physical memory, from 0 on

    FakeFirmware();
    ~FakeFirmware();
    std::string const& console() const { return console_; }

    template <class T> void put(u64 address, T const& object) { std::memcpy(&memory_.at(address), &object, sizeof object); }
    void put_text(u64 address, char const* text) { std::memcpy(&memory_.at(address), text, std::strlen(text)); }
    // Writes the byte at `at` so that the bytes from start on add up to 0.
    void set_checksum(u64 start, u64 length, u64 at);

    static FakeFirmware& current();
    std::byte* at(u64 address) { return memory_.data() + address; }
    void write(char c) { console_ += c; }

private:
    std::vector<std::byte> memory_ = std::vector<std::byte>(bytes);
    std::string console_;
};
