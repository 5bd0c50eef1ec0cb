// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/host/code_area.hpp"

#include <cerrno>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

namespace x86::translate::hosted {
namespace {

constexpr u64 guard = 16 * page_bytes, stack_bytes = 256 * page_bytes;
constexpr u64 page_at = guard, stack_at = page_at + page_bytes + guard, code_at = stack_at + stack_bytes + guard;
static_assert(sizeof(StatePage) <= page_bytes);

void check(bool good) {
    if (!good) throw std::system_error(errno, std::generic_category(), "memory for generated code");
}

u64 address(void const* pointer) { return reinterpret_cast<u64>(pointer); }

} // namespace

CodeArea::CodeArea(u64 code_bytes) : code_bytes_(code_bytes) {
    void* const area = mmap(nullptr, code_at + code_bytes_ + guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    check(area != MAP_FAILED);
    area_ = static_cast<u8*>(area);
    check(mprotect(area_ + page_at, page_bytes, PROT_READ | PROT_WRITE) == 0);
    check(mprotect(area_ + stack_at, stack_bytes, PROT_READ | PROT_WRITE) == 0);
    int const file = memfd_create("generated code", MFD_CLOEXEC);
    check(file >= 0 && ftruncate(file, static_cast<off_t>(code_bytes_)) == 0);
    check(mmap(area_ + code_at, code_bytes_, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED);
    void* const writable = mmap(nullptr, code_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    check(writable != MAP_FAILED);
    writable_ = static_cast<u8*>(writable);
    close(file);
}

CodeArea::~CodeArea() {
    munmap(area_, code_at + code_bytes_ + guard);
    munmap(writable_, code_bytes_);
}

StatePage& CodeArea::page() { return *reinterpret_cast<StatePage*>(area_ + page_at); }

std::span<u8 const> CodeArea::code() const { return {area_ + code_at, code_bytes_}; }

CodeMemory CodeArea::memory() {
    return {.bytes = {writable_, code_bytes_},
            .code = address(area_ + code_at),
            .state = &page().state,
            .state_address = address(area_ + page_at),
            .stack = {area_ + stack_at, stack_bytes},
            .stack_address = address(area_ + stack_at)};
}

} // namespace x86::translate::hosted
