// SPDX-License-Identifier: Apache-2.0
// Threads: clone, exit, identity. A thread is a TCB with its own page, library OS stack and bell;
// all come back at its end.
#include <asm/prctl.h>
#include <linux/sched.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "linux/entry.hpp"
#include "linux/process.hpp"

namespace libos {
namespace {

constexpr u64 thread_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
constexpr u64 died_by_signal = 128; // a shell's status for it, plus the signal's number

} // namespace

Outcome Process::clone(Thread& thread, Arguments const& arguments) {
    auto const [flags, stack, parent_tid, child_tid, tls, a5] = arguments.a;
    return make_thread(thread, {flags, stack, parent_tid, child_tid, tls});
}

Outcome Process::clone3(Thread& thread, Arguments const& arguments) {
    if (arguments.a[1] < CLONE_ARGS_SIZE_VER0) return fail_with(EINVAL);
    struct { // struct clone_args, first version
        u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } request;
    static_assert(sizeof request == CLONE_ARGS_SIZE_VER0);
    request = TRY(fetch<decltype(request)>(arguments.a[0]));
    return make_thread(thread, {request.flags, request.stack + request.stack_size,
                                request.parent_tid, request.child_tid, request.tls});
}

Outcome Process::make_thread(Thread& parent, CloneRequest const& request) {
    if ((request.flags & thread_flags) != thread_flags)
        return fail_with(ENOSYS); // processes: fork, vfork
    u32 const number = TRY(free_thread_number());
    auto const built = build_thread(number);
    if (!built) return fail_with(EAGAIN);
    Thread& child = **built;

    if ((request.flags & CLONE_PARENT_SETTID) != 0)
        TRY(store<u32>(request.parent_tid, child.linux_id()));
    if ((request.flags & CLONE_CHILD_SETTID) != 0)
        TRY(store<u32>(request.child_tid, child.linux_id()));
    if ((request.flags & CLONE_CHILD_CLEARTID) != 0) child.clear_child_tid = request.child_tid;

    abi::UserContext registers = parent.upcall().saved;
    registers.rax = 0;
    registers.rsp = request.stack;
    registers.gs_base = layout::thread_page(number);
    if ((request.flags & CLONE_SETTLS) != 0) registers.fs_base = request.tls;
    child.next = threads_;
    threads_ = &child;
    if (!child.tcb.write_registers(
            registers, true)) { // cannot be refused: it is another thread, all registers are given
        threads_ = child.next;
        destroy_thread(child);
        return fail_with(EAGAIN);
    }
    return child.linux_id();
}

std::expected<u32, Errno> Process::free_thread_number() const {
    bool used[layout::max_threads]{};
    for (Thread const* thread : {threads_, static_cast<Thread*>(ended_)})
        for (; thread; thread = thread->next) used[thread->number] = true;
    for (u32 number = 1; number < layout::max_threads; ++number)
        if (!used[number]) return number;
    return fail_with(EAGAIN);
}

user::Result<Thread*> Process::build_thread(u32 number) {
    TRY(memory_.reserve());
    auto tcb = TRY(memory_.objects().make<user::Tcb>());
    auto bell = TRY(memory_.objects().make<user::Notification>());
    user::Frame pages[Thread::pages];
    TRY(map_thread_pages(number, pages));

    Thread& thread = Thread::at(layout::thread_page(number));
    thread = {};
    thread.number = number;
    thread.tcb = tcb.object();
    thread.bell = bell.object();
    std::copy(std::begin(pages), std::end(pages), thread.page_frames);
    thread_page_on_stack(layout::thread_stack_top(number)) = layout::thread_page(number);
    if (auto const configured = configure_thread(thread); !configured) {
        unmap_thread_pages(pages);
        return std::unexpected(configured.error());
    }
    thread.tcb_object = tcb.release();
    thread.bell_object = bell.release();
    return &thread;
}

// The thread's page and its library OS stack, zeroed.
user::Result<> Process::map_thread_pages(u32 number, std::span<user::Frame, Thread::pages> pages) {
    for (u64 i = 0; i < pages.size(); ++i) {
        u64 const address = i == 0 ? layout::thread_page(number)
                                   : layout::thread_stack_top(number) - i * layout::page_size;
        auto const taken = frames_.take();
        user::Result<> mapped;
        if (taken) {
            pages[i] = taken->frame;
            mapped = user::map(memory_.objects(), memory_.vspace(), taken->frame, {address},
                               abi::right::read | abi::right::write,
                               abi::attribute::ExecuteNever::make(1));
        } else {
            mapped = std::unexpected(taken.error());
        }
        if (!mapped) {
            unmap_thread_pages(pages.first(taken ? i + 1 : i));
            return mapped;
        }
        std::memset(reinterpret_cast<void*>(address), 0, layout::page_size);
    }
    return {};
}

void Process::unmap_thread_pages(std::span<user::Frame const> pages) {
    for (user::Frame const frame : pages) {
        [[maybe_unused]] auto const unmapped = frame.unmap(); // always succeeds
        frames_.give_back(frame);
    }
}

user::Result<> Process::configure_thread(Thread& thread) {
    u64 const page = layout::thread_page(thread.number);
    TRY(thread.tcb.configure({.fault_endpoint = protocol::slot::root,
                              .cnode = memory_.cnode(),
                              .cnode_guard = 0,
                              .vspace = memory_.vspace()},
                             {page}, thread.page_frames[0]));
    // Threads get the priority that the main thread may give at most: its own
    // (protocol/component.hpp). The kernel names it when asked for an impossible one.
    user::Tcb const authority{protocol::slot::tcb};
    auto const refused = thread.tcb.set_priority(authority, abi::priorities);
    u64 const priority = refused ? 0 : refused.error().details[1];
    TRY(thread.tcb.set_scheduling(authority, priority, priority));
    return register_upcalls(thread);
}

user::Result<> Process::register_upcalls(Thread& thread) {
    return thread.tcb.set_upcall(
        {.entry = reinterpret_cast<u64>(libos_upcall_entry),
         .stack = layout::thread_stack_top(thread.number),
         .range_start = reinterpret_cast<u64>(libos_text),
         .range_end = reinterpret_cast<u64>(libos_text_end),
         .block = reinterpret_cast<u64>(&thread.upcall()),
         .causes = abi::upcall_causes::system_call | abi::upcall_causes::exception});
}

void Process::destroy_thread(Thread& thread) {
    Thread const gone = thread; // its page goes too
    memory_.objects().destroy(gone.tcb_object);
    memory_.objects().destroy(gone.bell_object);
    unmap_thread_pages(gone.page_frames);
}

// A thread cannot delete itself: the next upcall of another thread does it, often the one that
// joins it.
void Process::bury_ended() {
    for (Thread** link = &ended_; *link;) {
        Thread& thread = **link;
        if (__atomic_load_n(&thread.ended, __ATOMIC_ACQUIRE) == 0) { // still on its last steps
            link = &thread.next;
            continue;
        }
        *link = thread.next;
        destroy_thread(thread);
    }
}

Outcome Process::exit(Thread& thread, Arguments const& arguments) {
    if (threads_ == &thread && !thread.next) end(arguments.a[0] & 0xff); // the last one
    if (thread.clear_child_tid != 0 && store<u32>(thread.clear_child_tid, 0))
        futex_wake(thread.clear_child_tid, 1, ~0u);
    Thread** link = &threads_;
    while (*link != &thread) link = &(*link)->next;
    *link = thread.next;
    bool const has_objects = thread.number != 0; // root made the main thread's
    if (has_objects) {
        thread.next = ended_;
        ended_ = &thread;
    }
    lock_.unlock();
    __atomic_store_n(&thread.ended, 1, __ATOMIC_RELEASE);
    for (;;) [[maybe_unused]] auto const suspended = thread.tcb.suspend();
}

Outcome Process::exit_group(Thread&, Arguments const& arguments) { end(arguments.a[0] & 0xff); }

Outcome Process::set_tid_address(Thread& thread, Arguments const& arguments) {
    thread.clear_child_tid = arguments.a[0];
    return thread.linux_id();
}

Outcome Process::gettid(Thread& thread, Arguments const&) { return thread.linux_id(); }
Outcome Process::getpid(Thread&, Arguments const&) { return 1; }

// Signals are not delivered: those whose default is to do nothing do nothing, all others end the
// program.
Outcome Process::kill(Thread&, Arguments const& arguments) {
    u64 const signal = arguments.a[1];
    if (signal >= 65) return fail_with(EINVAL);
    if (signal == 0 || signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH ||
        signal == SIGCONT)
        return 0;
    end(died_by_signal + signal);
}

Outcome Process::tkill(Thread& thread, Arguments const& arguments) {
    return kill(thread, arguments);
}

Outcome Process::tgkill(Thread& thread, Arguments const& arguments) {
    return kill(thread, {{arguments.a[0], arguments.a[2]}});
}

Outcome Process::sched_yield(Thread&, Arguments const&) {
    lock_.unlock();
    user::yield();
    lock_.lock();
    return 0;
}

Outcome Process::sched_getaffinity(Thread&, Arguments const& arguments) {
    if (arguments.a[1] < sizeof(u64)) return fail_with(EINVAL);
    TRY(store<u64>(arguments.a[2], 1)); // one processor
    return sizeof(u64);
}

Outcome Process::arch_prctl(Thread& thread, Arguments const& arguments) {
    switch (arguments.a[0]) {
    case ARCH_SET_FS:
        if (arguments.a[1] > abi::user_top) return fail_with(EPERM);
        user::set_tls_base(arguments.a[1]);
        return 0;
    case ARCH_GET_FS: TRY(store(arguments.a[1], thread.upcall().saved.fs_base)); return 0;
    default: return fail_with(EINVAL);
    }
}

Outcome Process::thread_page(Thread& thread, Arguments const&) {
    return layout::thread_page(thread.number);
}

Outcome Process::take_events(Thread&, Arguments const&) {
    program_has_events_ = true;
    return 0;
}

} // namespace libos
