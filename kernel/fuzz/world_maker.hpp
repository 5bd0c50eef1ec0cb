// SPDX-License-Identifier: Apache-2.0
// Makes the world: what boot would leave by hand, all else by system calls of the first thread.
#pragma once

#include <initializer_list>

#include "abi/boot_info.hpp"
#include "kernel/fuzz/world.hpp"

namespace fuzz {

class WorldMaker {
public:
    explicit WorldMaker(World& made) : world_(made) {}
    void make();

private:
    std::byte* take(unsigned size_bits);
    void put(u64 to, Cap const& cap);
    void boot();
    void make_objects();
    void make_mappings();
    void make_guest();
    void make_devices();
    void fill_cnodes();
    void start_threads();

    void call(u64 cap, abi::Label label, std::initializer_list<u64> words, std::initializer_list<u64> caps = {});
    void retype(u64 untyped, abi::ObjectType type, u64 to, u64 size_bits = 0, u64 count = 1);
    void mint(u64 from, u64 to, u64 data, u64 rights = abi::right::all);
    void copy(u64 from, u64 to) { copy_into(abi::initial_slot::cnode, to, 64, from); }
    void copy_into(u64 node, u64 index, u64 depth, u64 from);
    void configure(u64 thread, u64 fault_handler, u64 cspace, u64 cspace_data, u64 vspace, u64 frame);

    World& world_;
    Slot* root_{};
    u64 next_memory_{ram_start};
};

} // namespace fuzz
