// SPDX-License-Identifier: Apache-2.0
// The four functions that the compiler expects even without a C library.
#include "base/types.hpp"

namespace {

struct [[gnu::may_alias, gnu::packed]] Word { // eight bytes at any address
    u64 value;
};

Word* word(void* at, std::size_t offset) {
    return reinterpret_cast<Word*>(static_cast<char*>(at) + offset);
}
Word const* word(void const* at, std::size_t offset) {
    return reinterpret_cast<Word const*>(static_cast<char const*>(at) + offset);
}

} // namespace

extern "C" {

void* memcpy(void* to, void const* from, std::size_t size) {
    std::size_t i = 0;
    for (; i + 8 <= size; i += 8) word(to, i)->value = word(from, i)->value;
    for (; i < size; ++i) static_cast<char*>(to)[i] = static_cast<char const*>(from)[i];
    return to;
}

void* memmove(void* to, void const* from, std::size_t size) {
    if (to <= from) return memcpy(to, from, size);
    for (std::size_t i = size; i > 0; --i)
        static_cast<char*>(to)[i - 1] = static_cast<char const*>(from)[i - 1];
    return to;
}

void* memset(void* to, int value, std::size_t size) {
    u64 const pattern = 0x0101010101010101u * static_cast<u8>(value);
    std::size_t i = 0;
    for (; i + 8 <= size; i += 8) word(to, i)->value = pattern;
    for (; i < size; ++i) static_cast<char*>(to)[i] = static_cast<char>(value);
    return to;
}

int memcmp(void const* a, void const* b, std::size_t size) {
    auto const* const x = static_cast<unsigned char const*>(a);
    auto const* const y = static_cast<unsigned char const*>(b);
    for (std::size_t i = 0; i < size; ++i)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return 0;
}

std::size_t strlen(char const* text) {
    std::size_t length = 0;
    while (text[length] != 0) ++length;
    return length;
}

// Only reached through a pure virtual call or a failed library check, which bare programs don't
// have.
[[noreturn]] void abort() { __builtin_trap(); }

} // extern "C"
