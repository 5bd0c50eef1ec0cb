// SPDX-License-Identifier: Apache-2.0
// The guest's page tables, in its RAM. Outside of it the bus gives all ones, devices included: a
// page walk never reaches one.
#pragma once

#include "vmm/pc/guest_memory.hpp"
#include "x86/emulate/page_walk.hpp"

namespace vmm {

class GuestTables : public x86::TableMemory {
public:
    explicit GuestTables(GuestMemory memory) : memory_(memory) {}

    u64 read_entry(GuestPhys at, unsigned size) override {
        if (size == 4) return memory_.read<u32>(at).value_or(~u32{0});
        return memory_.read<u64>(at).value_or(~u64{0});
    }
    void write_entry(GuestPhys at, unsigned size, u64 value) override {
        [[maybe_unused]] bool const stored =
            size == 4 ? memory_.write(at, static_cast<u32>(value)) : memory_.write(at, value);
    }

private:
    GuestMemory memory_;
};

} // namespace vmm
