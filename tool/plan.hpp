// SPDX-License-Identifier: Apache-2.0
// What a manifest comes to on one machine: every component with its grants, every file read and checked.
#pragma once

#include "tool/file.hpp"
#include "tool/machine.hpp"
#include "tool/manifest.hpp"
#include "tool/tree.hpp"

// A file of the boot archive.
struct PlannedFile {
    std::string name;
    Bytes bytes;
};

struct PlannedGrant {
    protocol::GrantKind kind{};
    std::string name; // unique in its component
    u64 first{}, second{};
};

struct PlannedComponent {
    std::string name;
    u32 program{}; // index of a file
    u64 memory{};
    u32 priority{};
    u32 cnode_radix{};
    protocol::Role role{};
    protocol::Restart restart{};
    std::vector<std::string> arguments; // argv[0] included
    std::vector<PlannedGrant> grants;
};

// The file that a VM's `kernel` or `initramfs` names: one that the set-up made, or a path beside the manifest.
std::filesystem::path guest_file(Located<std::string> const& written, Tree const& tree);

// Proof that a manifest can run: the writer of boot archives takes nothing else.
class ValidManifest {
public:
    // The only way in. `options` overrides what the manifest says of the machine.
    static Checked<ValidManifest> check(manifest::Manifest const& manifest, MachineOptions const& options, Tree const& tree);

    std::string const& name() const { return name_; }
    Machine const& machine() const { return machine_; }
    std::vector<PlannedComponent> const& components() const { return components_; }
    std::vector<PlannedFile> const& files() const { return files_; } // the first is the library OS, "libos"

private:
    friend class Planner;
    ValidManifest() = default;
    std::string name_;
    Machine machine_;
    std::vector<PlannedComponent> components_;
    std::vector<PlannedFile> files_;
};
