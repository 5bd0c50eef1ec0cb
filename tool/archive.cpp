// SPDX-License-Identifier: Apache-2.0
#include "tool/archive.hpp"

#include <cstring>

#include "tool/elf.hpp"

namespace {

using namespace protocol;

template <std::size_t Size> void copy_name(char (&to)[Size], std::string_view from) {
    std::memcpy(to, from.data(), std::min(from.size(), Size - 1)); // the rest is zero already
}

template <class T> u64 append(Bytes& bytes, std::vector<T> const& entries) {
    bytes.resize((bytes.size() + alignof(T) - 1) / alignof(T) * alignof(T));
    u64 const offset = bytes.size();
    auto const* first = reinterpret_cast<u8 const*>(entries.data());
    bytes.insert(bytes.end(), first, first + entries.size() * sizeof(T));
    return offset;
}

} // namespace

Bytes make_archive(ValidManifest const& plan) {
    std::vector<ComponentEntry> components;
    std::vector<Grant> grants;
    std::vector<ArchiveFile> files;
    Bytes strings;
    for (auto const& component : plan.components()) {
        ComponentEntry entry{.name = {},
                             .program = component.program,
                             .first_grant = static_cast<u32>(grants.size()),
                             .grant_count = static_cast<u32>(component.grants.size()),
                             .role = component.role,
                             .restart = component.restart,
                             .priority = component.priority,
                             .memory = component.memory,
                             .arguments = strings.size(), // from the start of the strings so far
                             .argument_count = static_cast<u32>(component.arguments.size()),
                             .cnode_radix = component.cnode_radix};
        copy_name(entry.name, component.name);
        components.push_back(entry);
        for (auto const& argument : component.arguments) {
            strings.insert(strings.end(), argument.begin(), argument.end());
            strings.push_back(0);
        }
        for (auto const& planned : component.grants) {
            Grant grant{.kind = planned.kind, .padding = 0, .name = {}, .first = planned.first, .second = planned.second};
            copy_name(grant.name, planned.name);
            grants.push_back(grant);
        }
    }

    // The tables' sizes are known now, so every offset is.
    auto const page_up = [](u64 value) { return (value + 4095) & ~u64{4095}; };
    u64 const strings_at = sizeof(ArchiveHeader) + components.size() * sizeof(ComponentEntry) +
                           grants.size() * sizeof(Grant) + plan.files().size() * sizeof(ArchiveFile);
    for (auto& entry : components) entry.arguments += strings_at;
    u64 next = page_up(strings_at + strings.size());
    for (auto const& planned : plan.files()) {
        ArchiveFile file{.name = {}, .offset = next, .size = planned.bytes.size()};
        copy_name(file.name, planned.name);
        files.push_back(file);
        next = page_up(next + file.size);
    }

    Bytes archive(sizeof(ArchiveHeader));
    ArchiveHeader header{.magic = archive_magic,
                         .version = archive_version,
                         .component_count = static_cast<u32>(components.size()),
                         .grant_count = static_cast<u32>(grants.size()),
                         .file_count = static_cast<u32>(files.size()),
                         .components = append(archive, components),
                         .grants = append(archive, grants),
                         .files = append(archive, files),
                         .size = next,
                         .system_name = {}};
    copy_name(header.system_name, plan.name());
    std::memcpy(archive.data(), &header, sizeof header);
    archive.insert(archive.end(), strings.begin(), strings.end());
    archive.resize(next);
    for (std::size_t i = 0; i < files.size(); ++i) {
        auto const& bytes = plan.files()[i].bytes;
        if (!bytes.empty()) std::memcpy(archive.data() + files[i].offset, bytes.data(), bytes.size());
    }
    return archive;
}

Checked<Bytes> make_boot_module(Bytes const& root_task, ValidManifest const& plan, Place const& place) {
    auto const root = CheckedElf::check(root_task);
    if (!root) return fail(Problem(place, root.error()));
    auto module = root->with_segment(archive_address, make_archive(plan));
    if (!module) return fail(Problem(place, module.error()));
    return *std::move(module);
}
