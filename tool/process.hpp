// SPDX-License-Identifier: Apache-2.0
// Child processes that cannot be left behind.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

// How a process ended: with a status, or by a signal.
struct Ended {
    int status{}; // exit status; -1: a signal ended it
    int signal{};
};

class Process {
public:
    enum class Streams {
        inherited, // the child shares our terminal
        piped,     // its standard input and output (with errors) are pipes to us
    };
    // Throws std::system_error when the system has no process or pipe to give. A program that does not exist ends with 127.
    Process(std::vector<std::string> const& command, Streams streams);
    Process(Process const&) = delete;
    Process& operator=(Process const&) = delete;
    ~Process(); // ends the child if it still runs

    int output() const { return output_; } // what the child writes; a descriptor to read or poll
    void type(std::string_view text);       // to the child's standard input; ignored when it no longer reads

    std::optional<Ended> ended(); // without waiting
    Ended wait();
    Ended stop(); // asks, then kills; waits for the end

private:
    Ended decode(int state);
    pid_t pid_{};
    int input_ = -1;
    int output_ = -1;
    std::optional<Ended> ended_;
};

// Runs a command on our own terminal and waits for it.
Ended run_command(std::vector<std::string> const& command);
