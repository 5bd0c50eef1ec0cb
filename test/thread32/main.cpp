// SPDX-License-Identifier: Apache-2.0
// A root task with 32-bit threads: what they can do, what they are told, and that there is no way out of them.
#include "test/thread32/tests.hpp"
#include "user/bare/start.hpp"

void root_main(abi::BootInfo const& info) {
    start_world(info);
    for (auto const test : {test_registers, test_segments, test_traps, test_spaces, test_threads, test_wide, test_wide_escapes, test_wide_spaces}) {
        test();
        supply().take_back();
    }
    print_score("thread32");
    user::debug_halt();
}
