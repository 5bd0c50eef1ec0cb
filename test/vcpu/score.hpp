// SPDX-License-Identifier: Apache-2.0
// The beginning and the end of the tests.
#pragma once

#include "user/object_allocator.hpp"

void set_objects(user::ObjectAllocator& allocator);
void print_score(); // the last line: "vcpu: N passed, M failed"
