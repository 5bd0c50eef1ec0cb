// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/features.hpp"

#include "kernel/machine/x86_64/instructions.hpp"

namespace machine {
namespace {

void store(char* to, u32 word) {
    for (unsigned i = 0; i < 4; ++i) to[i] = static_cast<char>(word >> (8 * i));
}

// The brand string is padded with blanks on either side.
void trim(char (&text)[49]) {
    unsigned start = 0, end = 0;
    while (text[start] == ' ') ++start;
    for (unsigned i = 0; text[start + i] != 0; ++i) {
        text[i] = text[start + i];
        if (text[i] != ' ') end = i + 1;
    }
    text[end] = 0;
}

} // namespace

Features detect_features() {
    using processor::cpuid;
    Features found;
    auto const leaf0 = cpuid(0);
    store(found.vendor, leaf0.ebx);
    store(found.vendor + 4, leaf0.edx);
    store(found.vendor + 8, leaf0.ecx);

    auto const leaf1 = cpuid(1);
    found.vmx = Bits<5>::get(leaf1.ecx);
    found.pcid = Bits<17>::get(leaf1.ecx);
    if (leaf0.eax >= 7) {
        auto const leaf7 = cpuid(7);
        found.smep = Bits<7>::get(leaf7.ebx);
        found.smap = Bits<20>::get(leaf7.ebx);
        found.umip = Bits<2>::get(leaf7.ecx);
    }

    u32 const last_extended = cpuid(0x80000000).eax;
    auto const extended = cpuid(0x80000001);
    found.svm = Bits<2>::get(extended.ecx);
    found.no_execute = Bits<20>::get(extended.edx);
    found.one_gib_pages = Bits<26>::get(extended.edx);
    if (last_extended >= 0x80000004) {
        for (u32 i = 0; i < 3; ++i) {
            auto const part = cpuid(0x80000002 + i);
            store(found.brand + 16 * i, part.eax);
            store(found.brand + 16 * i + 4, part.ebx);
            store(found.brand + 16 * i + 8, part.ecx);
            store(found.brand + 16 * i + 12, part.edx);
        }
        trim(found.brand);
    }
    if (last_extended >= 0x80000008) found.physical_address_bits = cpuid(0x80000008).eax & 0xff;
    if (found.svm && last_extended >= 0x8000000a) found.nested_paging = Bits<0>::get(cpuid(0x8000000a).edx);
    return found;
}

} // namespace machine
