// SPDX-License-Identifier: Apache-2.0
// What this processor can do: Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E.
#pragma once

#include "base/types.hpp"

struct Features {
    char vendor[13]{}; // "AuthenticAMD", "GenuineIntel"
    char brand[49]{};  // empty if the processor does not say
    bool no_execute{}, one_gib_pages{}, pcid{}, smep{}, smap{}, umip{};
    bool svm{}, nested_paging{}, vmx{}; // vmx: with or without EPT
    unsigned physical_address_bits{36};
};

namespace machine {
Features detect_features();
Features const& features(); // of the boot processor; valid after start()
} // namespace machine
