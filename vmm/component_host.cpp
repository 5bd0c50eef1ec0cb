// SPDX-License-Identifier: Apache-2.0
#include "vmm/component_host.hpp"

#include <algorithm>

#include "protocol/timer.hpp"

namespace vmm {
namespace {

constexpr u64 nanosecond_margin = 1000; // conversion rounds down: rather late than early
constexpr u64 longest_alarm =
    1000; // seconds; a guest may ask for any time, the service's numbers are finite

} // namespace

ComponentHost::ComponentHost(protocol::GrantInfo const& console, protocol::GrantInfo const& timer)
    : page_(*reinterpret_cast<protocol::ConsolePage*>(console.address)), bell_{console.first_slot},
      timer_{timer.first_slot}, events_(user::component::events()) {}

u64 ComponentHost::now() { return user::time_stamp(); }

bool ComponentHost::room() {
    if (page_.output.room() >= Uart::fifo_size) return true;
    page_.output_waiting.store(1);
    ring();
    return page_.output.room() >=
           Uart::fifo_size; // the service may have emptied it before it could see our wish
}

// Rings the console at the end of a line or when much has gathered; flush() sees to the rest.
void ComponentHost::put(char byte) {
    constexpr u32 much = 512;
    page_.output.write({&byte, 1});
    last_byte_ = byte;
    unseen_ = true;
    if (byte == '\n' || page_.output.used() >= much) flush();
}

void ComponentHost::flush() {
    if (!unseen_) return;
    unseen_ = false;
    ring();
}

void ComponentHost::set_alarm(u64 deadline) {
    u64 const time = now();
    u64 const tsc_khz = user::component::info().tsc_khz;
    deadline = std::min(deadline, time + longest_alarm * 1000 * tsc_khz);
    if (alarm_ && *alarm_ <= deadline && *alarm_ > time)
        return; // rings early enough, and the monitor asks again then
    alarm_ = deadline;
    u64 const nanoseconds = protocol::nanoseconds(deadline, tsc_khz) + nanosecond_margin;
    timer_.call(
        user::Message::make(std::to_underlying(protocol::TimerLabel::arm), 2, nanoseconds, 0));
}

void ComponentHost::happened(u64 events) {
    if (events & protocol::event::timer) alarm_.reset();
    if (events & protocol::event::stop) stop_ = true;
}

std::optional<char> ComponentHost::input() {
    char byte;
    if (page_.input.read({&byte, 1}) == 0) return std::nullopt;
    return byte;
}

void ComponentHost::say(std::string_view line) {
    if (last_byte_ != '\n') put('\n');
    for (char byte : line) {
        while (!room()) wait();
        put(byte);
    }
    put('\n');
    flush();
}

} // namespace vmm
