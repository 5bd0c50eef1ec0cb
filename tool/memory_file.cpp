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

MemoryFile::~MemoryFile() { close(descriptor_); }

// Short and without commas, to which QEMU gives a meaning.
std::filesystem::path MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
