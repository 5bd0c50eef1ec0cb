// SPDX-License-Identifier: Apache-2.0
// The engine `translate` made of the component's capabilities.
#pragma once

#include <memory>
#include <vector>

#include "user/component/component.hpp"
#include "vmm/engine/engine.hpp"
#include "vmm/pc/guest_memory.hpp"

namespace vmm::translate {

// frames: of guest RAM, 2 MiB each, all of `memory` in order. asids: for roots of shadow page
// tables, which with their tables take shadow_memory bytes of the component's own, and for the
// address space of generated code: code_cache bytes.
user::Result<std::unique_ptr<Engine>> make_engine(GuestMemory memory,
                                                  std::vector<user::CPtr> frames,
                                                  user::AsidPool asids, u64 shadow_memory,
                                                  u64 most_leaves, u64 code_cache);

} // namespace vmm::translate
