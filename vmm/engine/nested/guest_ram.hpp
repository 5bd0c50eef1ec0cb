// SPDX-License-Identifier: Apache-2.0
// The guest's RAM: large frames made of the pieces that the grant names, each mapped twice: for the
// guest in the second-stage tables, and for the monitor in its own address space, where it is never
// executable.
#pragma once

#include <span>
#include <string>

#include "user/component/component.hpp"

namespace vmm {

// What failed, and the kernel's answer.
struct SetupError {
    std::string text;
};

// Lasts as long as the component. Guest-physical address 0 is the first byte.
std::expected<std::span<u8>, SetupError> map_guest_ram(protocol::GrantInfo const& guest);

} // namespace vmm
