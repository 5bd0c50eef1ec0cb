// SPDX-License-Identifier: Apache-2.0
#include "kernel/thread/domain.hpp"

u8 DomainSchedule::restart_at(u64 index) {
    start_ = index;
    index_ = index;
    left_ = entries_[index].duration;
    return current_domain();
}

bool DomainSchedule::tick() {
    if (left_ > 1) {
        --left_;
        return false;
    }
    ++index_;
    if (index_ >= abi::domain_schedules || entries_[index_].duration == 0) index_ = start_;
    left_ = entries_[index_].duration;
    return true;
}
