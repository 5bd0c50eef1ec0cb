// SPDX-License-Identifier: Apache-2.0
// What the measurements are made with: memory, a second address space with the same program in it, and threads.
#pragma once

#include "abi/boot_info.hpp"
#include "bench/kernel/report.hpp"
#include "bench/kernel/stubs.hpp"
#include "user/mapping.hpp"
#include "user/tcb.hpp"

enum class Where { same, diff }; // the main thread's address space, or the other
inline char const* text(Where where) { return where == Where::same ? "same" : "diff"; }

struct World {
    user::CNode cnode{abi::initial_slot::cnode};
    user::VSpace space{abi::initial_slot::vspace};
    user::VSpace other;
    user::Tcb self{abi::initial_slot::tcb};
    u64 first_retype{}; // instructions: boot memory comes as the loader left it, the first Retype clears all 64 MiB of it
    user::SlotAllocator& slots;
    user::UntypedAllocator& memory;
    user::ObjectAllocator& objects;

    user::CPtr take_slot();
    template <class Object> user::Handle<Object> make(unsigned size_bits = 0) {
        auto made = objects.make<Object>(size_bits);
        must("make an object", made);
        return std::move(*made);
    }
};
World make_world(abi::BootInfo const& info);

inline constexpr u64 main_priority = 100;

// The FPU of a thread: main has it, its workers don't, unless a measurement says so.
void set_fpu(World& world, user::Tcb thread, bool on);

// A thread in one of the loops of stubs.S.
class Worker {
public:
    struct Start {
        void (*loop)();
        Where where = Where::same;
        SystemCall call{};
        SystemCall second{}; // for the loops with two system calls
        u64 priority = main_priority;
        bool fpu = false;
        user::CPtr fault_endpoint = 0;
        user::CPtr cspace = abi::initial_slot::cnode;
        u64 cspace_guard = 0; // guard word; 0: as in the capability
    };
    // It runs when the main thread blocks or yields, or at once if its priority is higher.
    Worker(World& world, Start const& start);

    user::Tcb tcb() const { return tcb_.object(); }
    SystemCall const& call() const; // with its latest readings
    abi::IpcBuffer& buffer() const;

private:
    World& world_;
    unsigned number_; // of its IPC buffer and system calls
    user::Handle<user::Tcb> tcb_;
    struct Taken {
        unsigned number;
        ~Taken();
    } taken_;
};
