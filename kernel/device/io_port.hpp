// SPDX-License-Identifier: Apache-2.0
// Which I/O ports were issued: a port belongs to one capability range at a time (ABI 7.9).
#pragma once

#include "base/types.hpp"

class IoPortTable {
public:
    bool any_in_use(u16 first, u16 last) const;
    void issue(u16 first, u16 last) { set(first, last, true); }
    void release(u16 first, u16 last) { set(first, last, false); }

private:
    void set(u16 first, u16 last, bool used);
    u64 used_[65536 / 64]{};
};
