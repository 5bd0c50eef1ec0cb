// SPDX-License-Identifier: Apache-2.0
// A component that works for a while and then writes where it may not.
#include <chrono>
#include <iostream>
#include <thread>

int main() {
    std::cout << "working" << std::endl;
    std::this_thread::sleep_for(std::chrono::seconds(3));
    std::cout << "about to write to address 8" << std::endl;
    int volatile* volatile nowhere = reinterpret_cast<int volatile*>(8);
    *nowhere = 1;
}
