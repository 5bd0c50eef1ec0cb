// SPDX-License-Identifier: Apache-2.0
// Scheduling domains: ABI 7.5.
#pragma once

#include "user/tcb.hpp"

namespace user {

struct DomainControl {
    CPtr cptr{};
    Result<> set(Tcb thread, u64 domain) const {
        return perform(cptr, abi::Label::domain_set_set, {domain}, {thread.cptr});
    }
    // duration: ticks; 0 with domain 0 marks the end of the schedule.
    Result<> configure_schedule(u64 index, u64 domain, u64 duration) const {
        return perform(cptr, abi::Label::domain_schedule_configure, {index, domain, duration});
    }
    Result<> start_schedule(u64 index) const {
        return perform(cptr, abi::Label::domain_schedule_set_start, {index});
    }
};

} // namespace user
