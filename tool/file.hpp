// SPDX-License-Identifier: Apache-2.0
// Whole files in memory.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "tool/problem.hpp"

using Bytes = std::vector<u8>;

// The contents of a regular file. `place` says where its name was written.
Checked<Bytes> read_file(std::filesystem::path const& path, Place const& place);

// Replaces the file. The problem, if any, carries the path as its place.
Checked<void> write_file(std::filesystem::path const& path, std::span<u8 const> bytes);
Checked<void> write_file(std::filesystem::path const& path, std::string_view text);
