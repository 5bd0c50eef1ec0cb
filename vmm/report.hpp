// SPDX-License-Identifier: Apache-2.0
// What running a guest took so far: how often it stopped, by cause, and what its engine did for it.
// The price of each technique, as one line for a person or for a program.
#pragma once

#include <string>

#include "vmm/engine/engine.hpp"

namespace vmm {

class ExitCounts {
public:
    void add(Exit const& exit) { ++counts_[exit.index()]; }
    u64 operator[](std::size_t kind) const { return counts_[kind]; }

private:
    std::array<u64, std::variant_size_v<Exit>> counts_{};
};

struct Report {
    u64 milliseconds;          // since the guest's start
    std::optional<u32> mark;   // the number that the guest wrote to mark_port, if that is why
    ExitCounts const& exits;   // that the engine returned
    EngineCounters const& engine;

    // Stops of the guest of either kind.
    u64 total() const;
    // "1.234 s: 1234 exits: ports 700, shadow fills 400; 20 guest page-table switches, 3 real ones"
    std::string text() const;
    // {"seconds": 1.234, "mark": null, "exits": {"total": 1234, "ports": 700}, ...}, names as in the
    // structures; exits that did not happen are left out.
    std::string json() const;
};

} // namespace vmm
