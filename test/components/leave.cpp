// SPDX-License-Identifier: Apache-2.0
// Exits with the status in its argument.
#include <cstdlib>

int main(int argc, char** argv) { return argc > 1 ? std::atoi(argv[1]) : 3; }
