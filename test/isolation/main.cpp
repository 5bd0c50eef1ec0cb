// SPDX-License-Identifier: Apache-2.0
// A root task that starts children which attack the kernel and each other, and compares every outcome with the one exact outcome
// that is right. Last line: "isolation: N checks, M failed".
#include "test/isolation/tests.hpp"
#include "user/bare/print.hpp"
#include "user/bare/start.hpp"

void root_main(abi::BootInfo const& info) {
    start_world(info);
    for (auto const test : {test_memory, test_cases, test_interrupts, test_segments, test_flags, test_addresses, test_ports,
                            test_translation, test_fpu, test_leaks}) {
        test();
        supply().take_back();
    }
    print_score("isolation");
    user::debug_halt();
}
