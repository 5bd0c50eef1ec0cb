// SPDX-License-Identifier: Apache-2.0
// Memory of the component's own that others than the monitor see as well: frames, mapped for the
// monitor one behind the other and never executable.
#pragma once

#include <span>
#include <vector>

#include "user/component/component.hpp"

namespace vmm {

struct OwnFrames {
    std::vector<user::CPtr> frames; // not mapped: for the other mapping
    std::span<u8> bytes;            // lasts as long as the component
};

// size_bits: abi::size_bits::small_page or large_page.
user::Result<OwnFrames> make_own_frames(u64 count, unsigned size_bits);

} // namespace vmm
