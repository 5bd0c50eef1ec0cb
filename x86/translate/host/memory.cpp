// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/host/memory.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>
#include <system_error>

namespace x86::translate::hosted {
namespace {

constexpr u64 first_address = page_bytes; // Linux keeps page 0 for nobody
constexpr u64 reserved_end = 2 * guest_bytes;
constexpr int anonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

void check(bool good, char const* what) {
    if (!good) throw std::system_error(errno, std::generic_category(), what);
}

void* pointer(u64 address) { return reinterpret_cast<void*>(address); }

} // namespace

Memory::Memory(bool native) : pages_(guest_bytes / page_bytes), native_(native) {
    void* const got = mmap(pointer(first_address), reserved_end - first_address, PROT_NONE, anonymous | MAP_FIXED_NOREPLACE, -1, 0);
    check(got != MAP_FAILED, "reserving the low 4 GB for the guest");
}

Memory::~Memory() { munmap(pointer(first_address), reserved_end - first_address); }

int Memory::host_protection(u8 page) const {
    int result = PROT_NONE;
    if ((page & rights::read) != 0) result |= PROT_READ;
    if ((page & rights::write) != 0 && (page & watched_bit) == 0) result |= PROT_WRITE;
    if ((page & rights::execute) != 0 && native_) result |= PROT_EXEC;
    return result;
}

void Memory::set_rights(u32 at, u64 bytes, u8 rights) {
    for (u64 page = at / page_bytes; page < (at + bytes) / page_bytes; ++page) {
        release(static_cast<u32>(page));
        pages_[page] = rights;
    }
}

void Memory::map(u32 at, u64 bytes, u8 rights, bool present) {
    set_rights(at, bytes, rights);
    int const flags = anonymous | MAP_FIXED | (present ? MAP_POPULATE : 0);
    check(mmap(pointer(at), bytes, PROT_READ | PROT_WRITE, flags, -1, 0) != MAP_FAILED, "mapping guest memory");
    check(mprotect(pointer(at), bytes, host_protection(rights)) == 0, "protecting guest memory");
}

void Memory::protect(u32 at, u64 bytes, u8 rights) {
    set_rights(at, bytes, rights);
    check(mprotect(pointer(at), bytes, host_protection(rights)) == 0, "protecting guest memory");
}

void Memory::unmap(u32 at, u64 bytes) {
    set_rights(at, bytes, rights::none);
    check(mmap(pointer(at), bytes, PROT_NONE, anonymous | MAP_FIXED, -1, 0) != MAP_FAILED, "unmapping guest memory");
}

void Memory::poke(u32 at, std::span<u8 const> bytes) {
    auto const page = static_cast<u32>(at / page_bytes);
    release(page);
    check(mprotect(pointer(page * page_bytes), page_bytes, PROT_READ | PROT_WRITE) == 0, "writing guest memory");
    std::ranges::copy(bytes, Memory::at(at));
    check(mprotect(pointer(page * page_bytes), page_bytes, host_protection(pages_[page])) == 0, "protecting guest memory");
}

bool Memory::allows(u32 at, u64 bytes, u8 wanted) const {
    if (at + bytes > guest_bytes) return false;
    for (u64 page = at / page_bytes; page * page_bytes < at + bytes; ++page)
        if ((pages_[page] & wanted) != wanted) return false;
    return true;
}

void Memory::watch(u32 page) {
    if (watched(page)) return;
    pages_[page] |= watched_bit;
    watched_.push_back(page);
    if ((pages_[page] & rights::write) == 0) return;
    check(mprotect(pointer(page * page_bytes), page_bytes, host_protection(pages_[page])) == 0, "write-protecting a page of code");
}

void Memory::release(u32 page) {
    if (!watched(page)) return;
    if (on_change) on_change(page);
    pages_[page] &= static_cast<u8>(~watched_bit);
    std::erase(watched_, page);
    if ((pages_[page] & rights::write) == 0) return;
    check(mprotect(pointer(page * page_bytes), page_bytes, host_protection(pages_[page])) == 0, "releasing a page of code");
}

void Memory::release_all() {
    while (!watched_.empty()) release(watched_.back());
}

} // namespace x86::translate::hosted
