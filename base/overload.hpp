// SPDX-License-Identifier: Apache-2.0
// One visitor made of lambdas, for std::visit over a closed choice.
#pragma once

template <class... Functions> struct Overload : Functions... {
    using Functions::operator()...;
};
