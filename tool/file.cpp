// SPDX-License-Identifier: Apache-2.0
#include "tool/file.hpp"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>

namespace fs = std::filesystem;

Checked<Bytes> read_file(fs::path const& path, Place const& place) {
    std::error_code error;
    auto const status = fs::status(path, error);
    if (!fs::exists(status)) {
        return fail(Problem(place, {fmt::format("there is no file {}", path.string()),
                                    "correct the path or create the file"}));
    }
    if (!fs::is_regular_file(status)) {
        return fail(Problem(place, {fmt::format("{} is not a regular file", path.string()), "name a file"}));
    }
    std::ifstream stream(path, std::ios::binary);
    Bytes bytes(fs::file_size(path, error));
    if (!error) {
        stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
    if (error || !stream) {
        return fail(Problem(place, {fmt::format("{} cannot be read ({})", path.string(), std::strerror(errno)),
                                    "check its permissions"}));
    }
    return bytes;
}

Checked<void> write_file(fs::path const& path, std::span<u8 const> bytes) {
    std::ofstream stream(path, std::ios::binary | std::ios::trunc);
    stream.write(reinterpret_cast<char const*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    stream.close();
    if (!stream) {
        return fail(Problem({path.string(), 0, ""}, {fmt::format("cannot be written ({})", std::strerror(errno)),
                                                     "choose another folder or make room"}));
    }
    return {};
}

Checked<void> write_file(fs::path const& path, std::string_view text) {
    return write_file(path, std::span(reinterpret_cast<u8 const*>(text.data()), text.size()));
}
