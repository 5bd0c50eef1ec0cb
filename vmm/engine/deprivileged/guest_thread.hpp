// SPDX-License-Identifier: Apache-2.0
// The thread that runs the guest's code in user mode, and how it stops: kernel extension 3
// (abi/thread32.hpp) behind one class, so that tests can put a script in its place.
#pragma once

#include "user/thread32.hpp"
#include "vmm/shadow/backend.hpp"

namespace vmm {

// Why it stopped: a trap, or not at all.
struct ThreadStop {
    bool notified{}; // events happened meanwhile; the thread may be anywhere by now
    u64 word{};      // of the notification
    bool wide{};     // it ran in 64-bit mode: the second of these, else the first
    user::Trap32 trap{};
    user::Trap64 wide_trap{};
};

class GuestThread {
public:
    virtual ~GuestThread() = default;

    // Lets the thread go on with these registers, from a trap or after stop(), until something
    // happens. visible: whether the shared root translates.
    virtual ThreadStop resume(user::Registers32 const& registers, bool visible) = 0;
    // The same in 64-bit mode.
    virtual ThreadStop resume_wide(user::Registers64 const& registers, bool visible) = 0;
    // After a notification: the thread was never told to stop.
    virtual ThreadStop wait() = 0;
    // After a notification: stops it where it is. Of no use in 64-bit mode but to stop it.
    virtual user::Registers32 stop() = 0;
    // Events that happened, without the thread; 0: none.
    virtual u64 poll() = 0;

    virtual void use_root(shadow::RootId root) = 0;
    virtual void allow_fpu(bool allowed) = 0; // else #NM
};

} // namespace vmm
