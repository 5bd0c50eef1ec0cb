// SPDX-License-Identifier: Apache-2.0
// The console service: the serial port's driver, shared by all clients (protocol/console.hpp).
// Grants: the port's I/O ports, its interrupt, serve_console; a timer if lines shall wait for their
// ends.
#include <bit>
#include <cstdio>

#include "base/overload.hpp"
#include "protocol/timer.hpp"
#include "service/console/keyboard.hpp"
#include "service/console/multiplexer.hpp"
#include "service/console/uart.hpp"
#include "user/component/component.hpp"
#include "user/irq.hpp"
#include "user/registers.hpp"

namespace {

using namespace protocol;

class Console {
public:
    Console(GrantInfo const& ports, GrantInfo const& interrupt, GrantInfo const* timer)
        : bus_{{ports.first_slot}, static_cast<u16>(ports.first)}, interrupt_{interrupt.first_slot},
          timer_(timer), lines_(timer ? Multiplexer::default_patience : 0) {}

    [[noreturn]] void run() {
        port_.start();
        add_clients();
        user::Notification const events = user::component::events();
        ring(~u32{0}); // there may be room now that was missing before
        lines_.notice(Keyboard::help);
        lines_.list_clients();
        for (;;) {
            print();
            u64 const happened = events.wait();
            if (happened & event::first_irq) serve_port();
        }
    }

private:
    void add_clients() {
        auto const& info = user::component::info();
        for (u32 i = 0; i < info.client_count; ++i) {
            auto const& client = info.clients[i];
            using StartsWithKeyboard = Bits<0>;
            using NoName = Bits<1>;
            lines_.add(client.name, *reinterpret_cast<ConsolePage*>(client.page),
                       NoName::get(client.flags) != 0);
            if (StartsWithKeyboard::get(client.flags)) lines_.give_keyboard(i);
        }
        if (lines_.keyboard() == Multiplexer::no_client) lines_.next_keyboard();
    }

    // An edge-triggered line rises again only when nothing is pending, and an edge while it was
    // masked may be lost: so the port is asked once more after the acknowledgement.
    void serve_port() {
        do {
            while (port_.serve([&](char c) { on_byte(c); }, [&] { lines_.port_lost_input(); }))
                print();
            [[maybe_unused]] auto const acknowledged = interrupt_.acknowledge();
        } while (port_.serve([&](char c) { on_byte(c); }, [&] { lines_.port_lost_input(); }));
    }

    void on_byte(char c) {
        std::visit(Overload{
                       [](key::Nothing) {},
                       [&](key::Input input) { lines_.input(input.c); },
                       [&](key::List) {
                           lines_.notice(Keyboard::help);
                           lines_.list_clients();
                       },
                       [&](key::Next) {
                           lines_.next_keyboard();
                           lines_.list_clients();
                       },
                       [&](key::Select select) {
                           lines_.select_keyboard(select.number);
                           lines_.list_clients();
                       },
                       [&](key::Report) { lines_.ask_for_report(); },
                   },
                   keyboard_.on_byte(c));
    }

    void print() {
        u64 const tsc_khz = user::component::info().tsc_khz;
        lines_.pump(nanoseconds(user::time_stamp(), tsc_khz));
        port_.transmit([&] { return lines_.next(); });
        ring(lines_.take_bells());
        // Not a Call: the console waits for nobody. Is the timer busy, the next event looks at the
        // clock.
        if (auto const deadline = lines_.deadline(); deadline && timer_)
            user::send_if_awaited(
                timer_->first_slot,
                user::Message::make(std::to_underlying(TimerLabel::arm), 2, *deadline, 0));
    }

    void ring(u32 clients) {
        auto const& info = user::component::info();
        for (; clients != 0; clients &= clients - 1) {
            auto const client = static_cast<u32>(std::countr_zero(clients));
            if (client < info.client_count) user::signal(info.clients[client].slot);
        }
    }

    PortRegisters bus_;
    Uart<PortRegisters> port_{bus_};
    user::IrqHandler interrupt_;
    GrantInfo const* timer_;
    Multiplexer lines_;
    Keyboard keyboard_;
};

} // namespace

int main() {
    using user::component::find_grant;
    auto const* ports = find_grant(GrantKind::io_ports);
    auto const* interrupt = find_grant(GrantKind::irq);
    if (!ports || !interrupt) {
        std::fputs("needs the grants `ports` (of a 16550) and `irqs`: add them to its manifest\n",
                   stderr);
        return 1;
    }
    static Console console(*ports, *interrupt, find_grant(GrantKind::timer));
    console.run();
}
