// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/deprivileged/kernel_thread.hpp"

#include "user/component/component.hpp"

namespace vmm {
namespace {

// Right below the calling thread's, which it may give at most.
user::Result<> set_priority_below(user::Tcb thread, user::Tcb main) {
    auto const refused = thread.set_priority(main, abi::priorities);
    u64 const own = refused ? abi::priorities : refused.error().details[1];
    u64 const below = own > 0 ? own - 1 : 0;
    return thread.set_scheduling(main, below, below);
}

} // namespace

user::Result<KernelThread> KernelThread::make(Roots roots, u64 split, user::VSpace space) {
    using namespace user::component;
    auto tcb = TRY(objects().make<user::Tcb>());
    auto traps = TRY(objects().make<user::Endpoint>());
    user::CPtr const badged = TRY(slots().take());
    TRY(cnode().mint(badged, cnode().at(traps.cptr()), abi::right::all, protocol::event::message));
    TRY(tcb.object().set_space({badged, cnode(), 0, space}));
    TRY(set_priority_below(tcb.object(), main_thread()));
    TRY(tcb.object().set_flags(0, abi::thread_flag::compatibility));
    TRY(tcb.object().set_shared_root(roots(0), split));
    TRY(main_thread().bind(events()));
    return KernelThread(std::move(roots), split, std::move(tcb), std::move(traps));
}

ThreadStop KernelThread::stop_of(user::Message const& message) {
    ThreadStop stop;
    if (user::is_trap32(message)) {
        stop.trap = user::trap32_from(message);
    } else if (user::is_trap64(message)) {
        stop.wide = true;
        stop.wide_trap = user::trap64_from(message);
    } else {
        stop.notified = true;
        stop.word = message.badge;
    }
    return stop;
}

ThreadStop KernelThread::resume(user::Registers32 const& registers, bool visible) {
    begin(visible);
    if (has_trap_) return answer(user::trap32_reply(registers, visible), visible);
    [[maybe_unused]] auto const written =
        tcb_.object().write_registers(user::context_of(registers), true);
    return wait();
}

ThreadStop KernelThread::resume_wide(user::Registers64 const& registers, bool visible) {
    begin(visible);
    if (has_trap_) return answer(user::trap64_reply(registers, visible), visible);
    [[maybe_unused]] auto const written =
        tcb_.object().write_wide_registers(user::context_of(registers), true);
    return wait();
}

void KernelThread::begin(bool visible) {
    if (has_trap_ ? visible && !has_shared_root_ : visible != visible_) show_shared_root(visible);
}

ThreadStop KernelThread::answer(user::Message const& reply, bool visible) {
    visible_ = visible;
    auto const stop = stop_of(traps_.object().reply_receive(reply));
    has_trap_ = !stop.notified;
    return stop;
}

// Without an answer to a trap the shared root shows itself by being set, and hides by being taken.
void KernelThread::show_shared_root(bool visible) {
    [[maybe_unused]] auto const done = visible ? tcb_.object().set_shared_root(roots_(0), split_)
                                               : tcb_.object().clear_shared_root();
    has_shared_root_ = visible_ = visible;
}

ThreadStop KernelThread::wait() {
    auto const stop = stop_of(traps_.object().receive());
    has_trap_ = !stop.notified;
    return stop;
}

user::Registers32 KernelThread::stop() {
    has_trap_ = false;
    auto const context = tcb_.object().read_registers(true);
    if (!context) return {};
    auto const low = [](u64 value) { return static_cast<u32>(value); };
    return {.eip = low(context->rip),
            .esp = low(context->rsp),
            .eflags = low(context->rflags),
            .eax = low(context->rax),
            .ecx = low(context->rcx),
            .edx = low(context->rdx),
            .ebx = low(context->rbx),
            .ebp = low(context->rbp),
            .esi = low(context->rsi),
            .edi = low(context->rdi),
            .fs_base = low(context->fs_base),
            .gs_base = low(context->gs_base)};
}

u64 KernelThread::poll() { return user::component::events().poll(); }

void KernelThread::use_root(shadow::RootId root) {
    [[maybe_unused]] auto const used = tcb_.object().set_nested_root(roots_(root));
}

void KernelThread::allow_fpu(bool allowed) {
    constexpr u64 disabled = abi::thread_flag::fpu_disabled;
    [[maybe_unused]] auto const set =
        tcb_.object().set_flags(allowed ? disabled : 0, allowed ? 0 : disabled);
}

} // namespace vmm
