// SPDX-License-Identifier: Apache-2.0
// Prints more than the console's queue holds, then answers each line it is told with its length,
// until "end".
#include <iostream>
#include <string>

int main() {
    for (int i = 0; i < 2000; ++i)
        std::cout << "line " << i << " of a text that is longer than the queue\n";
    std::cout << "say something" << std::endl;
    std::string line;
    while (std::getline(std::cin, line) && line != "end")
        std::cout << line.size() << " characters: " << line << std::endl;
    std::cout << "converse: goodbye" << std::endl;
}
