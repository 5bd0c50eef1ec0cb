// SPDX-License-Identifier: Apache-2.0
// Domain invocations: ABI 7.5.
#include "kernel/invocation/invocation.hpp"
#include "kernel/kernel.hpp"
#include "kernel/machine/bounded_index.hpp"

namespace {

using abi::Label;

struct SetDomain {
    Tcb& target;
    u8 domain;
    static std::expected<SetDomain, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(1, 0));
        if (call.word(0) >= abi::domains) return refuse(InvalidArgument{0});
        TRY(call.needs(1, 1));
        auto const target = call.extra[0]->cap().as<TcbCap>();
        if (!target) return refuse(InvalidArgument{1});
        return SetDomain{*target->object, static_cast<u8>(call.word(0))};
    }
    Performed perform(Kernel& kernel) const {
        kernel.scheduler.dequeue(target);
        target.domain = domain;
        if (&target == &kernel.current()) kernel.scheduler.choose_new();
        else if (target.runnable()) kernel.scheduler.enqueue(target);
        return Reply{};
    }
};

struct ScheduleConfigure {
    u64 index;
    u8 domain;
    u64 duration;
    static std::expected<ScheduleConfigure, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(3, 0));
        u64 const index = call.word(0);
        u64 const domain = call.word(1);
        u64 const duration = call.word(2);
        if (index >= abi::domain_schedules - 1) return refuse(RangeError{0, abi::domain_schedules - 2});
        if (domain >= abi::domains) return refuse(RangeError{0, abi::domains - 1});
        if (duration >= DomainSchedule::duration_limit) return refuse(InvalidArgument{2});
        if (duration == 0 && domain != 0) return refuse(InvalidArgument{1});
        if (duration == 0 && index == call.kernel.domain_schedule.start()) return refuse(InvalidArgument{2});
        return ScheduleConfigure{index, static_cast<u8>(domain), duration};
    }
    Performed perform(Kernel& kernel) const {
        kernel.domain_schedule.configure(index, domain, duration);
        return Reply{};
    }
};

struct ScheduleSetStart {
    u64 index;
    static std::expected<ScheduleSetStart, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(1, 0));
        if (call.word(0) >= abi::domain_schedules) return refuse(RangeError{0, abi::domain_schedules - 1});
        u64 const index = machine::bounded_index(call.word(0), abi::domain_schedules);
        if (call.kernel.domain_schedule.entry(index).duration == 0) return refuse(InvalidArgument{0});
        return ScheduleSetStart{index};
    }
    Performed perform(Kernel& kernel) const {
        kernel.scheduler.current_domain = kernel.domain_schedule.restart_at(index);
        kernel.scheduler.choose_new();
        return Reply{};
    }
};

} // namespace

InvocationResult invoke_domain(Invocation const& call) {
    switch (call.label) {
    case Label::domain_set_set: return carry_out<SetDomain>(call);
    case Label::domain_schedule_configure: return carry_out<ScheduleConfigure>(call);
    case Label::domain_schedule_set_start: return carry_out<ScheduleSetStart>(call);
    default: return refuse(IllegalOperation{});
    }
}
