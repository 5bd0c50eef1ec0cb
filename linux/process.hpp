// SPDX-License-Identifier: Apache-2.0
// The program as a Linux process: memory, threads, futexes, files, clocks. One per component; all
// state is here.
//
// An upcall holds the lock from its first to its last step; what waits gives it back meanwhile
// (wait()).
#pragma once

#include "linux/address_space.hpp"
#include "linux/clock.hpp"
#include "linux/elf.hpp"
#include "linux/lock.hpp"
#include "linux/output.hpp"
#include "linux/terminal.hpp"
#include "linux/thread.hpp"

namespace libos {

struct Arguments { // of a Linux system call
    u64 a[6];
};

class Process {
public:
    explicit Process(protocol::ComponentInfo const& info);
    // Loads the program and continues in it. Does not return; errors are logged and end the
    // component.
    [[noreturn]] void start();
    // One upcall. True: all registers must be restored.
    bool upcall(abi::UpcallBlock& block);

    // System calls: calls_*.cpp; the table is in system_calls.cpp.
    Outcome read(Thread&, Arguments const&);
    Outcome write(Thread&, Arguments const&);
    Outcome writev(Thread&, Arguments const&);
    Outcome readv(Thread&, Arguments const&);
    Outcome pread64(Thread&, Arguments const&);
    Outcome open(Thread&, Arguments const&);
    Outcome openat(Thread&, Arguments const&);
    Outcome close(Thread&, Arguments const&);
    Outcome fstat(Thread&, Arguments const&);
    Outcome stat(Thread&, Arguments const&);
    Outcome access(Thread&, Arguments const&);
    Outcome faccessat(Thread&, Arguments const&);
    Outcome getcwd(Thread&, Arguments const&);
    Outcome newfstatat(Thread&, Arguments const&);
    Outcome lseek(Thread&, Arguments const&);
    Outcome ioctl(Thread&, Arguments const&);
    Outcome fcntl(Thread&, Arguments const&);
    Outcome poll(Thread&, Arguments const&);
    Outcome ppoll(Thread&, Arguments const&);
    Outcome readlink(Thread&, Arguments const&);
    Outcome readlinkat(Thread&, Arguments const&);

    Outcome mmap(Thread&, Arguments const&);
    Outcome mprotect(Thread&, Arguments const&);
    Outcome munmap(Thread&, Arguments const&);
    Outcome mremap(Thread&, Arguments const&);
    Outcome madvise(Thread&, Arguments const&);
    Outcome brk(Thread&, Arguments const&);

    Outcome clone(Thread&, Arguments const&);
    Outcome clone3(Thread&, Arguments const&);
    Outcome exit(Thread&, Arguments const&);
    Outcome exit_group(Thread&, Arguments const&);
    Outcome set_tid_address(Thread&, Arguments const&);
    Outcome gettid(Thread&, Arguments const&);
    Outcome getpid(Thread&, Arguments const&);
    Outcome kill(Thread&, Arguments const&);
    Outcome tkill(Thread&, Arguments const&);
    Outcome tgkill(Thread&, Arguments const&);
    Outcome futex(Thread&, Arguments const&);
    Outcome sched_yield(Thread&, Arguments const&);
    Outcome sched_getaffinity(Thread&, Arguments const&);
    Outcome arch_prctl(Thread&, Arguments const&);
    Outcome thread_page(Thread&, Arguments const&);
    Outcome take_events(Thread&, Arguments const&);
    Outcome take_memory(Thread&, Arguments const&);

    Outcome clock_gettime(Thread&, Arguments const&);
    Outcome clock_getres(Thread&, Arguments const&);
    Outcome gettimeofday(Thread&, Arguments const&);
    Outcome time(Thread&, Arguments const&);
    Outcome nanosleep(Thread&, Arguments const&);
    Outcome clock_nanosleep(Thread&, Arguments const&);

    Outcome getrandom(Thread&, Arguments const&);
    Outcome uname(Thread&, Arguments const&);
    Outcome sysinfo(Thread&, Arguments const&);
    Outcome prlimit64(Thread&, Arguments const&);
    Outcome getrlimit(Thread&, Arguments const&);
    Outcome prctl(Thread&, Arguments const&);
    Outcome rt_sigaction(Thread&, Arguments const&);
    Outcome rt_sigprocmask(Thread&, Arguments const&);
    Outcome sigaltstack(Thread&, Arguments const&);
    Outcome succeed(Thread&, Arguments const&) { return 0; }
    Outcome no_such_call(Thread&, Arguments const&) {
        return fail_with(ENOSYS);
    } // expected by programs, not logged
    Outcome root_identity(Thread&, Arguments const&) { return 0; } // user and group ids

private:
    struct OpenFile {
        protocol::GrantInfo const* grant; // null: closed
        u64 offset;
    };
    static constexpr unsigned first_file = 3, max_files = 32; // file descriptors

    [[noreturn]] void end(u64 status);
    [[noreturn]] void report_fault(Thread& thread);
    Outcome system_call(Thread& thread);
    void log_unknown(u64 number);
    void on_page_fault(Thread& thread);

    void load(Program const& program);
    u64 make_start_stack(Program const& program);

    // A copy of a value in the program's memory, or room for one.
    template <class T> std::expected<T, Errno> fetch(u64 address);
    template <class T> Done store(u64 address, T const& value);

    // calls_thread.cpp
    struct CloneRequest {
        u64 flags, stack, parent_tid, child_tid, tls;
    };
    Outcome make_thread(Thread& parent, CloneRequest const& request);
    user::Result<Thread*> build_thread(u32 number);
    user::Result<> map_thread_pages(u32 number, std::span<user::Frame, Thread::pages> pages);
    void unmap_thread_pages(std::span<user::Frame const> pages);
    user::Result<> configure_thread(Thread& thread);
    user::Result<> register_upcalls(Thread& thread);
    void destroy_thread(Thread& thread);
    void bury_ended();
    std::expected<u32, Errno> free_thread_number() const;

    // calls_futex.cpp
    Outcome futex_wait(Thread& thread, u64 address, u32 expected, u32 bits, u64 deadline);
    u64 futex_wake(u64 address, u64 most, u32 bits);
    u64 futex_requeue(u64 from, u64 to, u64 most);
    void wake(Thread& thread);
    void stop_waiting(Thread& thread);

    // Waiting, without the lock: calls_time.cpp.
    static constexpr u64 never = ~u64{0};
    void wait(Thread& thread, u64 deadline);
    bool sleep(u64 deadline); // false: no timer
    void wait_for_console(Thread& thread);

    // calls_file.cpp
    OpenFile* file(u64 descriptor);
    Outcome poll_until(Thread& thread, u64 address, u64 count, u64 deadline);
    short readiness(int descriptor, short events);
    std::expected<u64, Errno> write_bytes(Thread& thread, u64 descriptor, u64 address, u64 size);
    std::expected<u64, Errno> read_bytes(Thread& thread, u64 descriptor, u64 address, u64 size);
    std::expected<u64, Errno> read_console(Thread& thread, u64 address, u64 size);
    Done write_console(Thread& thread, u64 address, u64 size);
    Done store_status(u64 address, protocol::GrantInfo const* grant);
    std::expected<protocol::GrantInfo const*, Errno> find_file(u64 path);
    u64 random_word();
    protocol::GrantInfo const* grant(protocol::GrantKind kind) const;

    protocol::ComponentInfo const& info_;
    KernelMemory memory_;
    FramePool frames_;
    AddressSpace space_;
    Clock clock_;
    Lock lock_;

    Thread* threads_{}; // living ones
    Thread* ended_{};
    Thread* futex_waiters_{};
    u64 heap_start_{}, heap_end_{};

    protocol::GrantInfo const* console_;
    protocol::GrantInfo const* timer_;
    LineBuffer lines_[2]; // standard output and error, without a console
    Terminal terminal_;
    OpenFile files_[max_files]{};
    Thread* console_leader_{}; // waits for `events` on behalf of all that wait for the console
    Thread* console_waiters_{};
    bool program_has_events_{}; // the program itself waits for `events`: the library OS keeps off
    bool polling_logged_{};
    u64 random_[4];
    u64 logged_[8]{}; // bit n: system call n, unknown, was logged
};

template <class T> std::expected<T, Errno> Process::fetch(u64 address) {
    TRY(space_.touch_range(address, sizeof(T), false));
    T value;
    __builtin_memcpy(&value, reinterpret_cast<void const*>(address), sizeof value);
    return value;
}

template <class T> Done Process::store(u64 address, T const& value) {
    TRY(space_.touch_range(address, sizeof(T), true));
    __builtin_memcpy(reinterpret_cast<void*>(address), &value, sizeof value);
    return {};
}

} // namespace libos
