// SPDX-License-Identifier: Apache-2.0
// A queue of threads through the links in their Tcbs, with a small tag: 16 bytes, the whole of an Endpoint.
#pragma once

#include "base/types.hpp"

class Tcb;

class ThreadQueue {
public:
    Tcb* head() const { return reinterpret_cast<Tcb*>(head_); }
    bool empty() const { return head_ == 0; }
    void append(Tcb& thread);
    void prepend(Tcb& thread);
    void remove(Tcb& thread);
    // 0..3, kept in the low bits of a pointer.
    unsigned tag() const { return static_cast<unsigned>(tail_ & tag_mask); }
    void set_tag(unsigned tag) { tail_ = (tail_ & ~tag_mask) | tag; }

private:
    static constexpr u64 tag_mask = 3;
    Tcb* tail() const { return reinterpret_cast<Tcb*>(tail_ & ~tag_mask); }
    void set_tail(Tcb* thread) { tail_ = reinterpret_cast<u64>(thread) | (tail_ & tag_mask); }
    u64 head_{};
    u64 tail_{};
};
static_assert(sizeof(ThreadQueue) == 16);
