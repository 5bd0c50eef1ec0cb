// SPDX-License-Identifier: Apache-2.0
#include "tool/process.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace {

[[noreturn]] void give_up(char const* what) { throw std::system_error(errno, std::generic_category(), what); }

void close_if_open(int& descriptor) {
    if (descriptor >= 0) close(descriptor);
    descriptor = -1;
}

} // namespace

Process::Process(std::vector<std::string> const& command, Streams streams) {
    // Built before fork: the child does nothing but system calls.
    std::vector<char*> arguments;
    for (auto const& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);

    int in[2] = {-1, -1}, out[2] = {-1, -1};
    bool const piped = streams == Streams::piped;
    if (piped && (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)) give_up("pipe");
    pid_t const parent = getpid();
    pid_ = fork();
    if (pid_ < 0) give_up("fork");
    if (pid_ == 0) {
        // Even if we are killed ourselves.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(127);
        if (piped) {
            dup2(in[0], STDIN_FILENO);
            dup2(out[1], STDOUT_FILENO);
            dup2(out[1], STDERR_FILENO);
        }
        execvp(arguments[0], arguments.data());
        _exit(127);
    }
    if (!piped) return;
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    output_ = out[0];
    std::signal(SIGPIPE, SIG_IGN); // a child that ended while we type is no reason to end ourselves
}

Process::~Process() {
    stop();
    close_if_open(input_);
    close_if_open(output_);
}

void Process::type(std::string_view text) {
    while (!text.empty()) {
        ssize_t const count = write(input_, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

Ended Process::decode(int state) {
    ended_ = WIFEXITED(state) ? Ended{WEXITSTATUS(state), 0} : Ended{-1, WTERMSIG(state)};
    return *ended_;
}

std::optional<Ended> Process::ended() {
    int state{};
    if (!ended_ && waitpid(pid_, &state, WNOHANG) == pid_) decode(state);
    return ended_;
}

Ended Process::wait() {
    int state{};
    while (!ended_) {
        if (waitpid(pid_, &state, 0) == pid_) decode(state);
        else if (errno != EINTR) ended_ = Ended{-1, 0};
    }
    return *ended_;
}

Ended Process::stop() {
    if (ended()) return *ended_;
    kill(pid_, SIGTERM);
    for (int tries = 0; tries < 100 && !ended(); ++tries) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (!ended_) kill(pid_, SIGKILL);
    return wait();
}

Ended run_command(std::vector<std::string> const& command) { return Process(command, Process::Streams::inherited).wait(); }
