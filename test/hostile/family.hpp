// SPDX-License-Identifier: Apache-2.0
// A hostile worker and the handler of its faults, in one address space, with capabilities to everything that they consist of.
#pragma once

#include "test/hostile/orders.hpp"
#include "test/isolation/child.hpp"

class Family {
public:
    enum class Kind : u64 {
        everything,    // objects of every type, and memory to make more; random calls on them and on its own threads
        paging,        // maps, unmaps and deletes pages and page tables in its own address space while it uses them
        self_destruct, // the same with the pages and tables that it stands on
        flood,         // endpoints and notifications, shared with all other families
        faulting,      // a fault for ever: its handler changes nothing
        kinds
    };
    struct Shared { // by all families
        user::Endpoint endpoint;
        user::Notification notification;
        u64 ports, interrupt; // capabilities
    };
    Family(Supply& supply, Kind kind, Shared const& shared, u64 seed);

    void start(); // or start anew, whatever became of it; what it destroyed of its capabilities it gets again
    u64 calls();  // since the last time
    Kind kind() const { return kind_; }

private:
    struct Grant {
        u64 slot, cptr;              // a copy of this one of the root task's
        abi::ObjectType type{};      // or, if cptr is 0, a new object of this type
    };
    void give(u64 cptr, abi::Label first, abi::Label last);
    void give_new(abi::ObjectType type, abi::Label first, abi::Label last);
    void give_away(u64 cptr);
    void allow(u64 slot, abi::Label first, abi::Label last, unsigned weight = 1);
    void give_threads(Shared const& shared);
    void give_authority(Supply& supply, Shared const& shared);
    void give_paging(Supply& supply);
    void repair();

    Child worker_, handler_;
    Orders& orders_;
    user::Untyped loose_; // memory of the objects that are made anew
    FixedVector<Grant, 48> grants_;
    u64 next_slot_ = Child::first_free_slot;
    u64 counted_{};
    Kind kind_;
};
