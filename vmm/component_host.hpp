// SPDX-License-Identifier: Apache-2.0
// The monitor's world made of the component's capabilities: the console page, the timer service,
// the events.
#pragma once

#include "protocol/console.hpp"
#include "user/component/component.hpp"
#include "vmm/host.hpp"

namespace vmm {

class ComponentHost final : public Host {
public:
    ComponentHost(protocol::GrantInfo const& console, protocol::GrantInfo const& timer);

    bool room() override;
    void put(char byte) override;
    void wait() override { happened(events_.wait()); }
    u64 now() override;
    void set_alarm(u64 deadline) override;
    void happened(u64 events) override;
    std::optional<char> input() override;
    void flush() override;
    void say(std::string_view line) override;
    bool asked_to_stop() override { return stop_; }
    bool asked_to_report() override { return page_.report_wanted.exchange(0) != 0; }

private:
    void ring() { bell_.signal(); }

    protocol::ConsolePage& page_;
    user::Notification bell_;
    user::Endpoint timer_;
    user::Notification events_;
    std::optional<u64> alarm_; // armed in the timer service, and not yet rung
    bool unseen_{};            // the console was not told of the last bytes
    char last_byte_{'\n'};
    bool stop_{};
};

} // namespace vmm
