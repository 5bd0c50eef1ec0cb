// SPDX-License-Identifier: Apache-2.0
// The timer service without its kernel: requests in, answers and bells out (protocol/timer.hpp).
#pragma once

#include <algorithm>

#include "protocol/component.hpp"
#include "protocol/timer.hpp"
#include "service/timer/queue.hpp"

// What the server needs. save_caller(slot): keeps the right to answer the present caller; false:
// the slot still holds another sleeper's. wake(slot, label): answers who sleeps there, if anybody
// does. ring(client): event::timer.
template <class T>
concept TimerKernel = requires(T& kernel, unsigned slot, u64 label) {
    { kernel.save_caller(slot) } -> std::same_as<bool>;
    kernel.wake(slot, label);
    kernel.ring(slot);
};

struct TimerRequest {
    unsigned client;
    u64 label;
    u64 length; // words
    u64 deadline, period;
};

template <TimerKernel Kernel> class TimerServer {
public:
    static constexpr unsigned sleepers = 256; // slots for reply capabilities

    TimerServer(Kernel& kernel, unsigned clients)
        : kernel_(kernel), clients_(std::min(clients, protocol::max_clients)),
          share_(sleepers / std::max(1u, clients_)) {}

    // The service has just started: whoever waited for the one before shall ask again.
    void wake_all() {
        for (unsigned slot = 0; slot < sleepers; ++slot) kernel_.wake(slot, protocol::timer_again);
        for (unsigned client = 0; client < clients_; ++client) kernel_.ring(client);
    }

    // The label to answer now; nothing: the caller sleeps.
    std::optional<u64> handle(TimerRequest const& request, u64 now) {
        using protocol::TimerLabel;
        if (request.client >= clients_ || request.length < words(request.label))
            return protocol::timer_bad_request;
        unsigned const armed = sleepers + request.client;
        switch (TimerLabel{request.label}) {
        case TimerLabel::sleep: return sleep(request.client, request.deadline, now);
        case TimerLabel::arm:
            queue_.set(armed, request.deadline,
                       request.period == 0 ? 0
                                           : std::max(request.period, protocol::timer_min_period));
            return protocol::timer_ok;
        case TimerLabel::cancel: queue_.clear(armed); return protocol::timer_ok;
        }
        return protocol::timer_bad_request;
    }

    // Wakes and rings for everything that is due. Returns when the hardware shall interrupt next.
    std::optional<u64> expire(u64 now) {
        queue_.expire(now, [&](unsigned entry) {
            if (entry < sleepers)
                kernel_.wake(entry, protocol::timer_ok);
            else
                kernel_.ring(entry - sleepers);
        });
        return queue_.next();
    }

private:
    static u64 words(u64 label) {
        switch (protocol::TimerLabel{label}) {
        case protocol::TimerLabel::sleep: return 1;
        case protocol::TimerLabel::arm: return 2;
        case protocol::TimerLabel::cancel: return 0;
        }
        return 0;
    }

    // Each client has its share of the slots, so that none can take them all. A sleeper that others
    // woke leaves its entry behind; the kernel tells that its slot is empty when all others are
    // taken.
    std::optional<u64> sleep(unsigned client, u64 deadline, u64 now) {
        if (deadline <= now) return protocol::timer_ok;
        unsigned const first = client * share_;
        for (bool const reuse : {false, true})
            for (unsigned slot = first; slot < first + share_; ++slot) {
                if (queue_.is_set(slot) != reuse || !kernel_.save_caller(slot)) continue;
                queue_.set(slot, deadline);
                return {};
            }
        return protocol::timer_too_many;
    }

    Kernel& kernel_;
    unsigned clients_;
    unsigned share_; // slots for each client
    DeadlineQueue<sleepers + protocol::max_clients> queue_;
};
