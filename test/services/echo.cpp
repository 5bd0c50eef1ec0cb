// SPDX-License-Identifier: Apache-2.0
// Says each line it reads from the console, until it reads "quit".
#include <iostream>
#include <string>

int main(int, char** argv) {
    std::cout << argv[0] << " listens" << std::endl;
    std::string line;
    for (char c; line != "quit" && std::cin.get(c);) {
        if (c != '\n' && c != '\r') {
            line += c;
            continue;
        }
        if (line == "quit") break;
        std::cout << argv[0] << " got " << line << std::endl;
        line.clear();
    }
}
