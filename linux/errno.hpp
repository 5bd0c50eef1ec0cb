// SPDX-License-Identifier: Apache-2.0
// What a system call answers: a value or one of Linux's error numbers.
#pragma once

#include <asm/errno.h>

#include <expected>

#include "base/types.hpp"

namespace libos {

struct Errno {
    int number;
};
using Outcome = std::expected<u64, Errno>;
using Done = std::expected<void, Errno>;

constexpr std::unexpected<Errno> fail_with(int number) { return std::unexpected(Errno{number}); }

} // namespace libos
