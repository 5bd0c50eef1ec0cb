// SPDX-License-Identifier: Apache-2.0
#include "kernel/device/vcpu_table.hpp"

unsigned VcpuTable::number_for(Vcpu const& vcpu) const {
    unsigned free = 0;
    for (unsigned number = 1; number <= capacity; ++number) {
        if (vcpus_[number - 1] == &vcpu) return number;
        if (!vcpus_[number - 1] && !free) free = number;
    }
    return free;
}

void VcpuTable::release(Vcpu const& vcpu) {
    for (Vcpu*& entry : vcpus_)
        if (entry == &vcpu) entry = nullptr;
}
