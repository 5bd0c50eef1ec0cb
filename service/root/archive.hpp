// SPDX-License-Identifier: Apache-2.0
// The boot archive (protocol/system.hpp) as root reads it. The host tool checked it; root still
// never reads outside of it: open() checks every table and file once, and an Archive that exists
// can be used without further checks.
#pragma once

#include <span>
#include <string_view>

#include "protocol/system.hpp"

class Archive {
public:
    // bytes: from the archive's first byte to the last one that is mapped. The error is a sentence
    // for the user.
    static std::expected<Archive, char const*> open(std::span<std::byte const> bytes);

    protocol::ArchiveHeader const& header() const { return *at<protocol::ArchiveHeader>(0); }
    std::span<protocol::ComponentEntry const> components() const;
    std::span<protocol::Grant const> grants(protocol::ComponentEntry const& component) const;
    std::span<protocol::ArchiveFile const> files() const;
    std::span<std::byte const> contents(protocol::ArchiveFile const& file) const;
    protocol::ArchiveFile const* find_file(std::string_view name) const; // null: not in the archive
    // The component's arguments with their terminating NULs.
    std::span<char const> arguments(protocol::ComponentEntry const& component) const;

private:
    explicit Archive(std::span<std::byte const> bytes) : bytes_(bytes) {}
    template <class T> T const* at(u64 offset) const {
        return reinterpret_cast<T const*>(bytes_.data() + offset);
    }
    bool holds(u64 offset, u64 count, u64 size) const;
    u64 count(protocol::ComponentEntry const& component, protocol::GrantKind kind) const;
    char const* check() const; // null: fine
    char const* check_component(protocol::ComponentEntry const& component) const;

    std::span<std::byte const> bytes_;
};
