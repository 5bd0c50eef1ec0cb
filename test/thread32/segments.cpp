// SPDX-License-Identifier: Apache-2.0
#include "test/thread32/tests.hpp"

void test_segments() {
    group("segments");
}
