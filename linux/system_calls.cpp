// SPDX-License-Identifier: Apache-2.0
#include "linux/system_calls.hpp"

namespace libos {

Outcome Process::system_call(Thread& thread) {
    abi::UserContext const& saved = thread.upcall().saved;
    SystemCall const* const call = find_system_call(saved.rax);
    if (!call || !call->handler) {
        log_unknown(saved.rax);
        return fail_with(ENOSYS);
    }
    Arguments const arguments{{saved.rdi, saved.rsi, saved.rdx, saved.r10, saved.r8, saved.r9}};
    return (this->*call->handler)(thread, arguments);
}

void Process::log_unknown(u64 number) {
    if (number < std::size(logged_) * 64) {
        u64 const bit = u64{1} << (number % 64);
        if ((logged_[number / 64] & bit) != 0) return;
        logged_[number / 64] |= bit;
    }
    SystemCall const* const call = find_system_call(number);
    log(user::Text<128>()
            .add("system call ")
            .decimal(number)
            .add(" (")
            .add(call ? call->name : "no such number")
            .add(") is not offered: ENOSYS"));
}

} // namespace libos
