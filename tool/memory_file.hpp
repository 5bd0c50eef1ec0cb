// SPDX-License-Identifier: Apache-2.0
// A file that only we and our children can see, and that is gone with the last of us.
#pragma once

#include <filesystem>
#include <span>

#include "base/types.hpp"

class MemoryFile {
public:
    explicit MemoryFile(std::span<u8 const> bytes); // throws std::system_error
    explicit MemoryFile(u64 size);                  // of zeros; throws std::system_error
    MemoryFile(MemoryFile const&) = delete;
    MemoryFile& operator=(MemoryFile const&) = delete;
    ~MemoryFile();
    std::filesystem::path path() const; // for a child process to open
    // The contents, for as long as this process lives; throws std::system_error.
    std::span<u8 const> map() const;

private:
    int descriptor_;
};
