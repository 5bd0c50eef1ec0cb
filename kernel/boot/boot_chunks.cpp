// SPDX-License-Identifier: Apache-2.0
#include "kernel/boot/boot_chunks.hpp"

#include "abi/boot_info.hpp"

namespace {

struct RsdpChunk {
    abi::BootChunkHeader header;
    u8 rsdp[36];
} __attribute__((packed));
static_assert(sizeof(RsdpChunk) == 52);

struct MemoryMapChunk {
    abi::BootChunkHeader header;
    u32 bytes_used;
    LoaderMapEntry entries[50];
} __attribute__((packed));
static_assert(sizeof(MemoryMapChunk) == 1220);

struct TscChunk {
    abi::BootChunkHeader header;
    u32 mhz;
} __attribute__((packed));
static_assert(sizeof(TscChunk) == 20);

template <class Chunk> std::byte* append(Chunk& chunk, abi::BootChunk id, std::byte* to) {
    chunk.header = {static_cast<u64>(id), sizeof chunk};
    __builtin_memcpy(to, &chunk, sizeof chunk); // chunks follow each other without padding
    return to + sizeof chunk;
}

} // namespace

u64 boot_chunks_length(Environment const& environment) {
    return (environment.has_rsdp ? sizeof(RsdpChunk) : 0) + sizeof(MemoryMapChunk) + sizeof(TscChunk);
}

void write_boot_chunks(Environment const& environment, std::byte* to) {
    if (environment.has_rsdp) {
        RsdpChunk chunk{};
        __builtin_memcpy(chunk.rsdp, environment.rsdp, sizeof chunk.rsdp);
        to = append(chunk, abi::BootChunk::acpi_rsdp, to);
    }
    MemoryMapChunk map{};
    for (std::size_t i = 0; i < environment.loader_map.size(); ++i) map.entries[i] = environment.loader_map[i];
    map.bytes_used = static_cast<u32>(environment.loader_map.size() * sizeof(LoaderMapEntry));
    to = append(map, abi::BootChunk::multiboot_memory_map, to);
    TscChunk tsc{};
    tsc.mhz = environment.tsc_mhz;
    append(tsc, abi::BootChunk::tsc_frequency, to);
}
