// SPDX-License-Identifier: Apache-2.0
// Prints its arguments.
#include <iostream>

int main(int argc, char** argv) {
    std::cout << "hello from a component:";
    for (int i = 0; i < argc; ++i) std::cout << ' ' << argv[i];
    std::cout << std::endl;
}
