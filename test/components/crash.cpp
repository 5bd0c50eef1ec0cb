// SPDX-License-Identifier: Apache-2.0
// Ends in the way its argument says: a write to address 0 (no argument), abort, an uncaught
// exception, an invalid instruction, a jump into its data, a write to its code.
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string_view>

namespace {

char data[16] = {'\xc3'}; // ret

} // namespace

int main(int argc, char** argv) {
    std::string_view const way = argc > 1 ? argv[1] : "null";
    std::cout << "crash: " << way << std::endl;
    if (way == "abort") std::abort();
    if (way == "throw") throw std::runtime_error("nobody catches this");
    if (way == "instruction") __builtin_trap();
    if (way == "data") reinterpret_cast<void (*)()>(data)();
    if (way == "code")
        *const_cast<char volatile*>(reinterpret_cast<char const volatile*>(&main)) = 0;
    *static_cast<int volatile*>(nullptr) = 1;
}
