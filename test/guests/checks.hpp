// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "test/guests/machine.hpp"

namespace guest {

// Says what does not hold, and at the end whether all held.
class Checks {
public:
    explicit Checks(std::string_view name) : name_(name) {}
    void check(bool holds, std::string_view what, u64 number = 0) {
        ++count_;
        if (holds) return;
        ++failed_;
        print(name_);
        print(": failed: ");
        print(what);
        print(" ");
        print_hex(number);
        print_line();
    }
    void report() {
        print_line(name_,
                   failed_ == 0 && count_ != 0 ? ": all as it should be" : ": not as it should be");
    }

private:
    std::string_view name_;
    unsigned count_{};
    unsigned failed_{};
};

} // namespace guest
