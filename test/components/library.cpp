// SPDX-License-Identifier: Apache-2.0
// The C++ library on the library OS: exceptions, containers, streams, clocks, random numbers,
// unknown system calls.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <numeric>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "test/components/check.hpp"

namespace {

void exceptions() {
    int depth = 0;
    auto const dive = [&](auto const& self, int levels) -> void {
        std::string const unwound(100, 'x'); // has a destructor to run
        if (levels == 0) throw std::runtime_error("from below");
        ++depth;
        self(self, levels - 1);
    };
    bool caught = false;
    try {
        dive(dive, 1000);
    } catch (std::exception const& error) {
        caught = std::string(error.what()) == "from below";
    }
    check(caught && depth == 1000, "an exception comes up through 1000 frames");
}

void containers() {
    std::map<int, std::string> numbers;
    for (int i = 0; i < 20000; ++i) numbers[i * 7919 % 20011] = std::to_string(i);
    check(numbers.size() == 20000, "20000 nodes in a map");
    std::vector<double> values(100000);
    std::iota(values.begin(), values.end(), 1.0);
    check(std::accumulate(values.begin(), values.end(), 0.0) == 5000050000.0,
          "floating point sums");
}

void clocks() {
    auto const before = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - before < std::chrono::milliseconds(2)) {
    }
    auto const today = std::chrono::system_clock::now().time_since_epoch();
    check(today > std::chrono::hours(24 * 365 * 50), "the wall clock is after the year 2020");
    check(::time(nullptr) / 10 ==
                  std::chrono::duration_cast<std::chrono::seconds>(today).count() / 10 ||
              ::time(nullptr) % 10 < 2,
          "time() and system_clock agree");
}

void random_numbers() {
    unsigned char bytes[64]{};
    check(syscall(SYS_getrandom, bytes, sizeof bytes, 0) == sizeof bytes, "getrandom");
    int zeroes = 0;
    for (unsigned char const byte : bytes) zeroes += byte == 0;
    check(zeroes < 8, "random bytes are not zero");
}

void unknown_calls() {
    for (int i = 0; i < 2; ++i) // the log names it once
        check(syscall(SYS_socket, 2, 1, 0) == -1 && errno == ENOSYS, "socket is not offered");
    check(syscall(5000) == -1 && errno == ENOSYS, "there is no system call 5000");
}

void bad_pointers() {
    check(syscall(SYS_write, 1, 0, 5) == -1 && errno == EFAULT, "write from nowhere");
    check(syscall(SYS_clock_gettime, 1, 8) == -1 && errno == EFAULT, "clock_gettime to nowhere");
}

void files() {
    std::ifstream missing("/files/missing");
    check(!missing, "a file that was not granted cannot be opened");
    std::ofstream created("/tmp/new");
    check(!created, "files cannot be created");

    check(std::filesystem::file_size("/files/manifest") > 500, "the size of a granted file");
    std::ifstream manifest("/files/manifest");
    std::string text, line;
    while (std::getline(manifest, line)) text += line + '\n';
    check(text.size() == std::filesystem::file_size("/files/manifest"), "all of it is read");
    check(text.find("files = {manifest = ") != std::string::npos,
          "... and it is this system's manifest");
    int const descriptor = open("/files/manifest", O_RDONLY);
    char piece[16]{};
    check(pread(descriptor, piece, 15, 2) == 15 && text.compare(2, 15, piece, 15) == 0, "pread");
    auto const* const mapped =
        static_cast<char const*>(mmap(nullptr, text.size(), PROT_READ, MAP_PRIVATE, descriptor, 0));
    check(mapped != MAP_FAILED && close(descriptor) == 0 &&
              text == std::string(mapped, text.size()),
          "mmap of a file");
}

} // namespace

int main() {
    exceptions();
    containers();
    clocks();
    random_numbers();
    unknown_calls();
    bad_pointers();
    files();
    std::ostringstream text;
    text << "library: " << 7 << " checks passed";
    std::cout << text.str() << std::endl;
}
