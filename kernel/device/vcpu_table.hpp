// SPDX-License-Identifier: Apache-2.0
// Numbers for Vcpus. A capability to I/O ports that were opened to a guest keeps the number, so
// that the ports close again when the capability goes. The Vcpu may be gone by then; so the
// capability keeps no pointer.
#pragma once

#include "base/types.hpp"

class Vcpu;

class VcpuTable {
public:
    static constexpr unsigned capacity = 1024;

    // The Vcpu's number, or the one that it can get: 1 .. capacity. 0: all are in use.
    unsigned number_for(Vcpu const& vcpu) const;
    // number: what number_for() said.
    void assign(Vcpu& vcpu, unsigned number) { vcpus_[number - 1] = &vcpu; }
    // Null: nobody has the number (any more).
    Vcpu* find(unsigned number) const {
        return number && number <= capacity ? vcpus_[number - 1] : nullptr;
    }
    // The Vcpu ends: its number is free again.
    void release(Vcpu const& vcpu);

private:
    Vcpu* vcpus_[capacity]{};
};
