// SPDX-License-Identifier: Apache-2.0
// The guest's RAM: large frames made of the pieces that the grant names, mapped for the monitor in
// its own address space, where they are never executable, and with nested paging for the guest as
// well.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "user/component/component.hpp"

namespace vmm {

// What failed, and the kernel's answer.
struct SetupError {
    std::string text;
};

// Lasts as long as the component. Guest-physical address 0 is the first byte.
struct GuestRam {
    std::span<u8> bytes;
    std::vector<user::CPtr> frames; // 2 MiB each, in order; with nested paging they are mapped
};

// nested: whether the guest's second-stage tables are to have it, too.
std::expected<GuestRam, SetupError> map_guest_ram(protocol::GrantInfo const& guest, bool nested);

} // namespace vmm
