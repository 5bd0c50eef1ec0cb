// SPDX-License-Identifier: Apache-2.0
// How often the guest stopped, by kind: the price of virtualisation.
#pragma once

#include <string>

#include "vmm/engine/engine.hpp"

namespace vmm {

class ExitCounts {
public:
    void add(Exit const& exit) { ++counts_[exit.index()]; }
    u64 total() const {
        u64 sum = 0;
        for (u64 count : counts_) sum += count;
        return sum;
    }
    // "1234 exits: ports 700, cpuid 400, ..."
    std::string text() const {
        std::string result = std::to_string(total()) + " exits";
        char const* separator = ": ";
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            if (counts_[i] == 0) continue;
            result += separator + std::string(exit_names[i]) + " " + std::to_string(counts_[i]);
            separator = ", ";
        }
        return result;
    }

private:
    std::array<u64, std::variant_size_v<Exit>> counts_{};
};

} // namespace vmm
