// SPDX-License-Identifier: Apache-2.0
// The loaded address space; load_address_space() and invalidate() of machine.hpp work on it.
#pragma once

namespace machine {
void enable_address_space_ids(); // PCIDs, if the processor has them; after load_kernel_tables
}
