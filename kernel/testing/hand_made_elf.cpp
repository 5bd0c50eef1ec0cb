// SPDX-License-Identifier: Apache-2.0
#include "kernel/testing/hand_made_elf.hpp"

#include <cstring>

std::vector<std::byte> HandMadeElf::file() const {
    constexpr u64 header_size = 64, program_header_size = 56;
    u64 const table_end = header_size + segments.size() * program_header_size;
    std::vector<std::byte> bytes(table_end);
    auto const put = [&](u64 at, auto value) { std::memcpy(&bytes[at], &value, sizeof value); };
    put(0, u32{0x464c457f});
    put(4, u32{0x00010102}); // 64 bits, little-endian, version 1
    put(16, u16{2});         // executable
    put(18, u16{62});        // x86-64
    put(24, entry);
    put(32, header_size);
    put(52, u16{header_size});
    put(54, u16{program_header_size});
    put(56, static_cast<u16>(segments.size()));
    for (u64 i = 0; i < segments.size(); ++i) {
        Segment const& segment = segments[i];
        u64 const header = header_size + i * program_header_size;
        put(header, segment.type);
        put(header + 8, u64{bytes.size()});
        put(header + 16, segment.address);
        put(header + 32, u64{segment.bytes.size()});
        put(header + 40, segment.memory_size);
        for (u8 const byte : segment.bytes) bytes.push_back(std::byte{byte});
    }
    return bytes;
}
