// SPDX-License-Identifier: Apache-2.0
// GoogleTest for tests of code that uses namespace abi: include this instead of <gtest/gtest.h>, before anything else.
// GoogleTest includes <cxxabi.h>, which declares a global namespace alias `abi`; it gets another name here.
#pragma once

#define abi cxx_abi
#include <gtest/gtest.h>
#undef abi
