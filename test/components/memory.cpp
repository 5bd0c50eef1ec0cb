// SPDX-License-Identifier: Apache-2.0
// Memory on the library OS: big blocks come back, growing works, exhaustion is bad_alloc and not a
// fault.
#include <sys/mman.h>

#include <cstring>
#include <iostream>
#include <list>
#include <memory>
#include <new>
#include <vector>

#include "test/components/check.hpp"

namespace {

constexpr std::size_t mebibyte = 1 << 20;

// In all many times the component's memory.
void comes_back() {
    for (int i = 0; i < 40; ++i) {
        std::vector<char> block(mebibyte, static_cast<char>(i));
        check(block[mebibyte / 2] == static_cast<char>(i), "the block holds what was written");
        std::vector<char> const next(mebibyte);
        check(next[mebibyte / 2] == 0, "fresh memory is zero");
    }
}

void grows() {
    auto* bytes = static_cast<char*>(std::malloc(mebibyte / 4));
    std::memset(bytes, 7, mebibyte / 4);
    auto* const grown = static_cast<char*>(std::realloc(bytes, mebibyte));
    check(grown && grown[0] == 7 && grown[mebibyte / 4 - 1] == 7, "realloc keeps the contents");
    std::free(grown);
}

void runs_out() {
    std::list<std::unique_ptr<char[]>> blocks;
    bool refused = false;
    try {
        for (;;) {
            blocks.emplace_back(new char[100000]);
            std::memset(blocks.back().get(), 1, 100000);
        }
    } catch (std::bad_alloc const&) {
        refused = true;
    }
    check(refused && blocks.size() > 10, "exhaustion is bad_alloc");
    std::size_t const first = blocks.size();
    blocks.clear();
    try {
        for (;;) blocks.emplace_back(new char[100000]);
    } catch (std::bad_alloc const&) {
        check(blocks.size() + 2 >= first, "all of it came back");
    }
    blocks.clear();
    bool too_much = false;
    try {
        std::vector<char> const huge(std::size_t{1} << 40);
    } catch (std::bad_alloc const&) {
        too_much = true;
    }
    check(too_much, "a TiB is bad_alloc");
}

void maps() {
    auto* const pages = static_cast<char*>(
        mmap(nullptr, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    check(pages != MAP_FAILED, "mmap");
    std::memset(pages, 3, 16 * 4096);
    check(munmap(pages + 4 * 4096, 4096) == 0, "munmap in the middle");
    check(mprotect(pages, 4 * 4096, PROT_READ) == 0 && pages[100] == 3, "mprotect");
    check(madvise(pages + 8 * 4096, 4096, MADV_DONTNEED) == 0 && pages[8 * 4096] == 0,
          "MADV_DONTNEED gives zeroes");
    check(mprotect(pages, 8 * 4096, PROT_READ) == -1, "mprotect of a hole");
    auto* const reserved =
        static_cast<char*>(mmap(nullptr, std::size_t{1} << 32, PROT_NONE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    check(reserved != MAP_FAILED, "4 GiB of addresses");
    check(mprotect(reserved + mebibyte, 4096, PROT_READ | PROT_WRITE) == 0, "a page of them");
    reserved[mebibyte] = 1;
    check(munmap(reserved, std::size_t{1} << 32) == 0 && munmap(pages, 16 * 4096) == 0, "munmap");
}

} // namespace

int main() {
    comes_back();
    grows();
    maps();
    runs_out();
    std::cout << "memory: 4 checks passed" << std::endl;
}
