// SPDX-License-Identifier: Apache-2.0
// Long-mode page-table entries, all four levels: Intel SDM vol. 3, 4.5; AMD APM vol. 2, 5.3. Nested tables of SVM are alike.
#pragma once

#include "base/types.hpp"

struct PageEntry {
    using Present = Bits<0>;
    using Write = Bits<1>;
    using User = Bits<2>;
    using WriteThrough = Bits<3>;
    using CacheDisable = Bits<4>;
    using Accessed = Bits<5>;
    using Dirty = Bits<6>;
    using Large = Bits<7>;    // in a page directory or PDPT: maps 2 MiB or 1 GiB itself
    using SmallPat = Bits<7>; // in a page table
    using Global = Bits<8>;
    using LargePat = Bits<12>; // of a 2 MiB or 1 GiB page
    using Frame = Bits<51, 12>;
    using NoExecute = Bits<63>;

    u64 word{};

    constexpr bool present() const { return Present::get(word) != 0; }
    constexpr bool large() const { return Large::get(word) != 0; }
    constexpr PhysAddr frame() const { return {word & Frame::mask}; }
};

// Error code of a page fault: Intel SDM vol. 3, 4.7.
namespace page_fault_code {
using Present = Bits<0>;
using Write = Bits<1>;
using User = Bits<2>;
using Reserved = Bits<3>;
using Fetch = Bits<4>;
} // namespace page_fault_code

inline constexpr unsigned page_table_entries = 512;

// Address bits below the index of each level: one entry of that level spans 2^shift bytes.
namespace level_shift {
inline constexpr unsigned pml4 = 39;
inline constexpr unsigned pdpt = 30;
inline constexpr unsigned page_directory = 21;
inline constexpr unsigned page_table = 12;
} // namespace level_shift
