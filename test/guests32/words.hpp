// SPDX-License-Identifier: Apache-2.0
// Words of a 32-bit program without any library: Debian's compiler brings its standard headers for
// 64 bits only.
#pragma once

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
static_assert(sizeof(u32) == 4 && sizeof(u64) == 8 && sizeof(void*) == 4);

inline u32 address_of(void const* at) { return reinterpret_cast<u32>(at); }
template <class T> T volatile& at(u32 address) { return *reinterpret_cast<T volatile*>(address); }

inline bool same(char const* a, char const* b) {
    while (*a != 0 && *a == *b) ++a, ++b;
    return *a == *b;
}
