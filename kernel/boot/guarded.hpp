// SPDX-License-Identifier: Apache-2.0
// The lock owns the data: with() is the only way to it.
#pragma once

#include <utility>

// One processor that runs the kernel with interrupts off: being in the kernel is the lock. A second processor needs a real one,
// here and nowhere else.
template <class T> class Guarded {
public:
    template <class... Arguments>
    explicit Guarded(Arguments&&... arguments) : data_(std::forward<Arguments>(arguments)...) {}
    template <class Function> decltype(auto) with(Function&& function) { return std::forward<Function>(function)(data_); }

private:
    T data_;
};
