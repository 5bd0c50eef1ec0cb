// SPDX-License-Identifier: Apache-2.0
// Endpoints and notifications as typed capabilities: each offers only what it can do.
#pragma once

#include "user/system_call.hpp"

namespace user {

struct Endpoint {
    static constexpr auto type = abi::ObjectType::endpoint;
    CPtr cptr{};

    Message call(Message message) const { return user::call(cptr, message); }
    void send(Message message) const { user::send(cptr, message); }
    void send_if_awaited(Message message) const { user::send_if_awaited(cptr, message); }
    Message receive() const { return user::receive(cptr); }
    Message receive_if_waiting() const { return user::receive_if_waiting(cptr); }
    Message reply_receive(Message answer) const { return user::reply_receive(cptr, answer); }
};

struct Notification {
    static constexpr auto type = abi::ObjectType::notification;
    CPtr cptr{};

    void signal() const { user::signal(cptr); }
    u64 wait() const { return user::wait(cptr); }
    u64 poll() const { return user::poll(cptr); }
};

} // namespace user
