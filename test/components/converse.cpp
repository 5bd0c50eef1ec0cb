// SPDX-License-Identifier: Apache-2.0
// Prints more than the console's queue holds, then answers each line it is told with its length,
// until "end".
#include <poll.h>

#include <iostream>
#include <string>

#include "test/components/check.hpp"

int main() {
    for (int i = 0; i < 2000; ++i)
        std::cout << "line " << i << " of a text that is longer than the queue\n";
    pollfd input{.fd = 0, .events = POLLIN, .revents = 0};
    check(poll(&input, 1, 20) == 0, "nothing was typed yet");
    std::cout << "say something" << std::endl;
    check(poll(&input, 1, -1) == 1 && input.revents == POLLIN, "poll waits for a line");
    std::string line;
    while (std::getline(std::cin, line) && line != "end")
        std::cout << line.size() << " characters: " << line << std::endl;
    std::cout << "converse: goodbye" << std::endl;
}
