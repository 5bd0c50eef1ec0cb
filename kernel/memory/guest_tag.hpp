// SPDX-License-Identifier: Apache-2.0
// Hardware address space identifiers of guests. Translations of a guest stay in the TLB under its
// tag when it stops; a tag is never given to another guest before the whole TLB was flushed. Where
// second-stage mappings go away, every guest takes a new tag, which leaves the old translations
// without anybody who could use them.
#pragma once

#include "base/types.hpp"

// A guest's tag, and until when it counts.
struct GuestTag {
    u64 generation{}; // 0: none yet
    u32 asid{};       // 1..
};

class GuestTags {
public:
    // Before an entry: gives the guest a tag if it has none that counts. True: the TLB must be
    // flushed at this entry. asids: how many the processor knows, at least 2.
    bool renew(GuestTag& tag, u32 asids) {
        if (tag.generation != generation_) {
            if (next_ >= asids) {
                next_ = 1;
                ++generation_;
                flush_ = true;
            }
            tag = {generation_, next_++};
        }
        return flush_;
    }
    // An entry that was to flush took place.
    void flushed() { flush_ = false; }
    // Second-stage mappings went away: no tag counts any more.
    void retire_all() { ++generation_; }
    // A table was mapped or unmapped, or a root went away: copies of a root's entries are out of date.
    void tables_changed() { ++tables_; }
    // Another number whenever that happened. Never 0.
    u64 tables() const { return tables_; }

private:
    u64 generation_{1};
    u64 tables_{1};
    u32 next_{1};
    bool flush_{};
};
