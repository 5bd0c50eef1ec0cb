// SPDX-License-Identifier: Apache-2.0
#include "tool/memory_file.hpp"

#include <cerrno>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

MemoryFile::MemoryFile(std::span<u8 const> bytes) : descriptor_(memfd_create("tessera", 0)) {
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
    while (!bytes.empty()) {
        ssize_t const count = write(descriptor_, bytes.data(), bytes.size());
        if (count < 0) throw std::system_error(errno, std::generic_category(), "write to memory file");
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
}

MemoryFile::MemoryFile(u64 size) : MemoryFile(std::span<u8 const>()) {
    if (ftruncate(descriptor_, static_cast<off_t>(size)) != 0) throw std::system_error(errno, std::generic_category(), "size of memory file");
}

std::span<u8 const> MemoryFile::map() const {
    off_t const size = lseek(descriptor_, 0, SEEK_END);
    void* const bytes = size < 0 ? MAP_FAILED : mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_SHARED, descriptor_, 0);
    if (bytes == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "memory file");
    return {static_cast<u8 const*>(bytes), static_cast<std::size_t>(size)};
}

MemoryFile::~MemoryFile() { close(descriptor_); }

// Short and without commas, to which QEMU gives a meaning.
std::filesystem::path MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
