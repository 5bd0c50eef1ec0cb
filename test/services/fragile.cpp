// SPDX-License-Identifier: Apache-2.0
// Linked with a service, makes it crash two seconds after each start, in a thread of its own. It
// never gives root a reason to give up: that takes six crashes within ten seconds.
#include <chrono>
#include <thread>

namespace {

struct Crash {
    Crash() {
        std::thread([] {
            std::this_thread::sleep_for(
                std::chrono::milliseconds(2200)); // the timer needs its own service for this
            *static_cast<int volatile*>(nullptr) = 0;
        }).detach();
    }
} crash;

} // namespace
