// SPDX-License-Identifier: Apache-2.0
// The guest's linear addresses: the low 4 GB of this process, and a guard of as much above them. The program must be
// position independent, so that nothing of its own lies there. One object at a time.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/types.hpp"

namespace x86::translate::hosted {

inline constexpr u64 page_bytes = 4096;
inline constexpr u64 guest_bytes = u64{1} << 32;

// What the guest may do with a page.
namespace rights {
inline constexpr u8 none = 0, read = 1, write = 2, execute = 4,
                    supervisor = 8; // the other rights are for cpl 0 to 2
} // namespace rights

class Memory {
public:
    // native: pages that the guest may execute can be executed by the processor itself, in 32-bit mode.
    explicit Memory(bool native = false);
    ~Memory();
    Memory(Memory const&) = delete;
    Memory& operator=(Memory const&) = delete;

    // Whole pages; the first page of the address space cannot be mapped. What was there goes. map: zeros, all there at once if `present`
    // (page faults of the processor then say "protection", not "not present").
    void map(u32 at, u64 bytes, u8 rights, bool present = false);
    void protect(u32 at, u64 bytes, u8 rights);
    void unmap(u32 at, u64 bytes);
    // Writes where the guest itself may not, inside one page.
    void poke(u32 at, std::span<u8 const> bytes);

    u8 rights(u32 at) const { return pages_[at / page_bytes] & all_rights; }
    bool allows(u32 at, u64 bytes, u8 wanted) const;

    // Code pages: writes to a watched page fault until it is written through `write` or released.
    void watch(u32 page);
    bool watched(u32 page) const { return (pages_[page] & watched_bit) != 0; }
    void release(u32 page); // calls on_change
    void release_all();
    // The watched page's bytes are about to change.
    std::function<void(u32 page)> on_change;

    // The guest's memory as bytes of this process. No checks.
    static u8* at(u32 address) { return reinterpret_cast<u8*>(u64{address}); }

private:
    static constexpr u8 all_rights = 15, watched_bit = 16;
    int host_protection(u8 page) const;
    void set_rights(u32 at, u64 bytes, u8 rights);

    std::vector<u8> pages_; // rights and watched_bit of each
    std::vector<u32> watched_;
    bool native_;
};

} // namespace x86::translate::hosted
