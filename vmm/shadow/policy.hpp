// SPDX-License-Identifier: Apache-2.0
// When shadow page tables follow the guest's: vmm/shadow/shadow.hpp.
#pragma once

#include "base/types.hpp"

namespace vmm::shadow {

enum class Policy : u8 { fill, sync };

} // namespace vmm::shadow
