// SPDX-License-Identifier: Apache-2.0
// The guest's thread as the kernel makes it: a TCB and an endpoint for its traps, both of the
// monitor's own memory.
#pragma once

#include <functional>

#include "user/object_allocator.hpp"
#include "vmm/engine/deprivileged/guest_thread.hpp"

namespace vmm {

class KernelThread final : public GuestThread {
public:
    using Roots = std::function<user::NestedRoot(shadow::RootId)>;
    // Binds the monitor's events to the calling thread, its main one. split: first linear address
    // of the shared root. space: what the thread has above 512 GiB in 64-bit mode.
    static user::Result<KernelThread> make(Roots roots, u64 split, user::VSpace space);

    ThreadStop resume(user::Registers32 const& registers, bool visible) override;
    ThreadStop resume_wide(user::Registers64 const& registers, bool visible) override;
    ThreadStop wait() override;
    user::Registers32 stop() override;
    u64 poll() override;
    void use_root(shadow::RootId root) override;
    void allow_fpu(bool allowed) override;

private:
    KernelThread(Roots roots, u64 split, user::Handle<user::Tcb> tcb,
                 user::Handle<user::Endpoint> traps)
        : roots_(std::move(roots)), split_(split), tcb_(std::move(tcb)), traps_(std::move(traps)) {}
    static ThreadStop stop_of(user::Message const& message);
    ThreadStop answer(user::Message const& reply, bool visible);
    void begin(bool visible);
    void show_shared_root(bool visible);

    Roots roots_;
    u64 split_;
    user::Handle<user::Tcb> tcb_;
    user::Handle<user::Endpoint> traps_;
    bool has_trap_{};    // it waits for the answer to its last trap
    bool visible_{true}; // the shared root, for the thread as it is
    bool has_shared_root_{true};
};

} // namespace vmm
