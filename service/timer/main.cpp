// SPDX-License-Identifier: Apache-2.0
// The timer service (protocol/timer.hpp): one hardware alarm, shared by all clients.
// Grants: serve_timer, the interrupt, and the HPET's page (device memory) or the PIT's ports, or
// both.
#include <cstdio>

#include "service/timer/hpet.hpp"
#include "service/timer/pit.hpp"
#include "service/timer/server.hpp"
#include "user/component/component.hpp"
#include "user/irq.hpp"
#include "user/registers.hpp"

namespace {

using namespace protocol;

struct Sleepers {      // TimerKernel
    user::CNode cnode; // root's: it outlives this service
    user::CPtr answer_slot;

    bool save_caller(unsigned slot) { return cnode.save_caller(slot).has_value(); }
    // A reply capability can be used only from the own CNode. Is the slot empty, nothing is moved
    // and nobody answered.
    void wake(unsigned slot, u64 label) {
        if (user::component::cnode().move(answer_slot, cnode.at(slot)))
            user::send(answer_slot, user::Message::make(label));
    }
    void ring(unsigned client) { user::signal(user::component::info().clients[client].slot); }
};

class Timer {
public:
    Timer(user::Endpoint requests, Sleepers sleepers, user::IrqHandler interrupt)
        : requests_(requests), sleepers_(sleepers), interrupt_(interrupt) {}

    // The HPET if it is there and can interrupt by the pin granted, else the PIT. false: neither.
    bool choose_hardware(GrantInfo const* memory, GrantInfo const* ports, unsigned pin) {
        if (ports) {
            port_bus_ = {{ports->first_slot}, static_cast<u16>(ports->first)};
            pit_.silence(); // both share the pin
        }
        uses_hpet_ = false;
        if (memory) {
            memory_bus_.address = memory->address;
            uses_hpet_ = hpet_.start(pin);
        }
        return uses_hpet_ || ports;
    }

    [[noreturn]] void run() {
        server_.wake_all();
        [[maybe_unused]] auto const acknowledged =
            interrupt_.acknowledge(); // the one before may have left it masked
        for (;;) {
            auto const message = requests_.receive();
            if (message.badge & event::message)
                serve(message);
            else if (message.badge & event::first_irq)
                on_interrupt();
            set_alarm();
        }
    }

private:
    u64 now() const { return nanoseconds(user::time_stamp(), user::component::info().tsc_khz); }

    void serve(user::Message const& message) {
        TimerRequest const request{static_cast<unsigned>(message.badge), message.info.label(),
                                   message.info.length(), message.words[0], message.words[1]};
        if (auto const answer = server_.handle(request, now()))
            user::reply(user::Message::make(*answer));
    }
    void on_interrupt() {
        alarm_at_.reset();
        [[maybe_unused]] auto const acknowledged = interrupt_.acknowledge();
    }
    void set_alarm() {
        u64 const time = now();
        auto const next = server_.expire(time);
        if (!next || (alarm_at_ && *alarm_at_ <= *next))
            return; // an alarm that is too early does no harm
        constexpr u64 shortest = 1000;
        u64 const wait = std::max(*next - std::min(time, *next), shortest);
        u64 const longest = uses_hpet_ ? Hpet<MemoryRegisters>::max_nanoseconds
                                       : Pit<PortRegisters>::max_nanoseconds;
        alarm_at_ = time + std::min(wait, longest);
        if (uses_hpet_)
            hpet_.alarm(wait);
        else
            pit_.alarm(wait);
    }

    user::Endpoint requests_;
    Sleepers sleepers_;
    user::IrqHandler interrupt_;
    TimerServer<Sleepers> server_{sleepers_, user::component::info().client_count};
    MemoryRegisters memory_bus_{};
    PortRegisters port_bus_{};
    Hpet<MemoryRegisters> hpet_{memory_bus_};
    Pit<PortRegisters> pit_{port_bus_};
    bool uses_hpet_{};
    std::optional<u64> alarm_at_; // when the hardware will interrupt
};

int complain(char const* what) {
    std::fprintf(stderr, "%s\n", what);
    return 1;
}

} // namespace

int main() {
    using user::component::find_grant;
    auto const* service = find_grant(GrantKind::serve_timer);
    auto const* interrupt = find_grant(GrantKind::irq);
    if (!service || !interrupt)
        return complain(
            "needs `provides = \"timer\"` and the grant `irqs`: add them to its manifest");
    auto const answer_slot = user::component::slots().take();
    if (!answer_slot) return complain("has no free slot for a reply");
    static Timer timer({service->first_slot}, {{service->first_slot + 1}, *answer_slot},
                       {interrupt->first_slot});
    if (!user::component::main_thread().bind(user::component::events()))
        return complain("cannot bind its events");
    if (!timer.choose_hardware(find_grant(GrantKind::device_memory),
                               find_grant(GrantKind::io_ports),
                               static_cast<unsigned>(interrupt->first)))
        return complain("finds no hardware: grant the HPET's `device_memory` at 0xfed00000 or the "
                        "PIT's `ports` 0x40-0x43");
    timer.run();
}
