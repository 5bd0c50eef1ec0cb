// SPDX-License-Identifier: Apache-2.0
// The fast paths against the general path: the same event from the same state, both ways, and then every byte of the kernel's
// state must be the same, and everything the machine was told.
// TESSERA_FAST_PATH_CASES sets how many events (default 100000), TESSERA_FAST_PATH_SEED the first seed.
//
// Nothing is left out of the comparison but padding inside of Fault, which nobody reads.
#include "base/gtest.hpp"

#include <iomanip>
#include <iostream>

#include "kernel/fast_path.hpp"
#include "kernel/testing/ipc_world.hpp"

namespace {

void allow_fast_paths(Kernel& kernel, bool allowed) {
    Kernel::Options options = kernel.options();
    options.fast_paths = allowed;
    kernel.set(options);
}

constexpr unsigned walks_of_seed = 6; // from the same threads, set up once
constexpr unsigned events_of_walk = 16;
constexpr unsigned way_through_handle = 8; // one case in so many goes the whole way, through Kernel::handle

// What the event is about.
enum class Target { nothing, endpoint, notification, faulted_caller, count };
char const* name_of(Target target) {
    switch (target) {
    case Target::endpoint: return ", endpoint";
    case Target::notification: return ", notification";
    case Target::faulted_caller: return ", answering a fault";
    case Target::nothing:
    case Target::count: break;
    }
    return "";
}

Target target_of(IpcEvent kind, Tcb& thread) {
    if (kind == IpcEvent::reply || kind == IpcEvent::reply_recv) {
        auto const given = thread.cap(Tcb::caller).as<ReplyCap>();
        if (given && given->caller->fault) return Target::faulted_caller;
    }
    if (kind > IpcEvent::nb_recv || kind == IpcEvent::reply || kind == IpcEvent::yield) return Target::nothing;
    auto const found = lookup_slot(thread.cap(Tcb::cspace), thread.registers().rdi, 64);
    if (found && found->slot->cap().is<EndpointCap>()) return Target::endpoint;
    if (found && found->slot->cap().is<NotificationCap>()) return Target::notification;
    return Target::nothing;
}

struct Count {
    u64 cases{}, taken{};
};

// What has a fast path, which must have been entered: a comparison that never gets there proves nothing.
constexpr std::pair<IpcEvent, Target> fast[] = {
    {IpcEvent::call, Target::endpoint},          {IpcEvent::reply_recv, Target::endpoint},
    {IpcEvent::send, Target::endpoint},          {IpcEvent::reply_recv, Target::faulted_caller},
    {IpcEvent::send, Target::notification},      {IpcEvent::nb_send, Target::endpoint},
    {IpcEvent::nb_send, Target::notification},   {IpcEvent::recv, Target::endpoint},
    {IpcEvent::recv, Target::notification},      {IpcEvent::reply, Target::nothing},
    {IpcEvent::reply, Target::faulted_caller},   {IpcEvent::nb_recv, Target::endpoint},
    {IpcEvent::nb_recv, Target::notification},   {IpcEvent::yield, Target::nothing},
    {IpcEvent::trap_32, Target::nothing},
};
constexpr u64 fast_of_100000 = 20; // cases of each kind

class BothWays {
public:
    BothWays() {
        allow_fast_paths(world_.world().kernel, false); // unless it is the fast path's turn
        world_.state().save(made_);
    }

    // Everything that follows from one seed; false: a difference was reported.
    bool run(u64 seed) {
        Random random(seed);
        world_.state().restore(made_);
        world_.configure(random);
        world_.state().save(configured_);
        for (unsigned walk = 0; walk < walks_of_seed; ++walk) {
            if (walk) world_.state().restore(configured_);
            for (unsigned step = 0; step < events_of_walk; ++step) {
                auto const happening = world_.next(random);
                if (!happening) break;
                if (compare(*happening)) continue;
                ADD_FAILURE() << "seed " << seed << ", walk " << walk << ", step " << step << ": " << description_;
                return false;
            }
        }
        return true;
    }
    u64 cases() const { return cases_; }
    Count const& count(IpcEvent kind, Target target) const { return counts_[static_cast<unsigned>(kind)][static_cast<unsigned>(target)]; }
    IpcWorld& world() { return world_; }

private:
    bool compare(IpcWorld::Happening const& happening) {
        Kernel& kernel = world_.world().kernel;
        Target const target = target_of(happening.kind, kernel.current());
        Count& count = counts_[static_cast<unsigned>(happening.kind)][static_cast<unsigned>(target)];
        ++count.cases;
        ++cases_;
        world_.state().save(before_);
        world_.handle(happening.event);
        world_.state().save(slow_);
        world_.state().restore(before_);
        if (auto const* const trap = std::get_if<Trap32Event>(&happening.event)) {
            if (fast_path::trap_32(kernel, *trap)) ++count.taken;
            else if (!world_.state().is(before_)) return explain(happening, before_);
            world_.state().restore(before_);
        }
        bool const by_syscall = std::holds_alternative<SyscallEvent>(happening.event);
        if (!by_syscall || cases_ % way_through_handle == 0) {
            allow_fast_paths(kernel, true);
            world_.handle(happening.event);
            allow_fast_paths(kernel, false);
            return world_.state().is(slow_) || explain(happening, slow_);
        }
        Tcb* const next = fast_path::system_call(kernel);
        if (!next) {
            // Declining leaves everything to the general path.
            if (!world_.state().is(before_)) return explain(happening, before_);
            world_.state().restore(slow_);
            return true;
        }
        ++count.taken;
        static_cast<void>(kernel.finish(*next));
        return world_.state().is(slow_) || explain(happening, slow_);
    }
    bool explain(IpcWorld::Happening const& happening, KernelImage const& expected) {
        std::string const differences = world_.state().differences(expected);
        world_.state().restore(before_);
        description_ = world_.describe(happening) + (&expected == &before_ ? "\nbefore it and after a fast path declined it:\n"
                                                                          : "\nafter the general path and after the fast path:\n") +
                       differences;
        return false;
    }

    IpcWorld world_;
    KernelImage made_, configured_, before_, slow_;
    u64 cases_{};
    Count counts_[static_cast<unsigned>(IpcEvent::count)][static_cast<unsigned>(Target::count)];
    std::string description_;
};

} // namespace

TEST(FastPath, LeavesTheStateThatTheGeneralPathLeaves) {
    u64 const cases = from_environment("TESSERA_FAST_PATH_CASES", 100000);
    BothWays both;
    u64 seed = from_environment("TESSERA_FAST_PATH_SEED", 1);
    for (; both.cases() < cases; ++seed) {
        ASSERT_TRUE(both.run(seed));
        if (seed % 256 == 0) {
            ASSERT_EQ(both.world().state().written(), "") << "by seed " << seed << " or one of the 255 before it";
            ASSERT_EQ(both.world().world().inconsistency(), "") << "after seed " << seed;
        }
    }
    ASSERT_EQ(both.world().state().written(), "");
    for (unsigned kind = 0; kind < static_cast<unsigned>(IpcEvent::count); ++kind) {
        for (unsigned target = 0; target < static_cast<unsigned>(Target::count); ++target) {
            Count const& count = both.count(static_cast<IpcEvent>(kind), static_cast<Target>(target));
            if (count.cases)
                std::cout << std::setw(9) << count.cases << " cases, " << std::setw(9) << count.taken << " by a fast path: "
                          << name_of(static_cast<IpcEvent>(kind)) << name_of(static_cast<Target>(target)) << "\n";
        }
    }
    for (auto const& [kind, target] : fast)
        EXPECT_GE(both.count(kind, target).taken, cases / 100000 * fast_of_100000) << name_of(kind) << name_of(target);
}
