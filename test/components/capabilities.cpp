// SPDX-License-Identifier: Apache-2.0
// Capabilities beside the C++ library: objects, mappings, messages between threads, events.
#include <iostream>
#include <thread>
#include <vector>

#include "protocol/timer.hpp"
#include "test/components/check.hpp"
#include "user/component/component.hpp"

namespace {

using namespace user;

void objects_come_and_go() {
    u64 free_after_first_round = 0;
    for (int round = 0; round < 5; ++round) {
        std::vector<Handle<Frame>> frames;
        for (int i = 0; i < 100; ++i) {
            frames.push_back(component::objects().make<Frame>().value());
            check(component::objects().make<Endpoint>().has_value(), "an endpoint, for a moment");
        }
        frames.clear();
        if (round == 0) free_after_first_round = component::slots().free();
    }
    check(component::slots().free() == free_after_first_round, "slots come back");
}

void mapping() {
    u64 const address = component::window().take(3 * 4096).value();
    std::vector<Handle<Frame>> frames;
    for (u64 i = 0; i < 3; ++i) {
        frames.push_back(component::objects().make<Frame>().value());
        check(map(component::objects(), component::vspace(), frames.back().object(),
                  {address + i * 4096}, abi::right::all)
                  .has_value(),
              "map a frame");
    }
    auto* const words = reinterpret_cast<u64 volatile*>(address);
    for (u64 i = 0; i < 3 * 512; ++i) {
        check(words[i] == 0, "new frames are zero");
        words[i] = i;
    }
    check(frames[1].object().unmap().has_value() &&
              frames[1]
                  .object()
                  .map(component::vspace(), {address + 4096}, abi::right::read)
                  .has_value(),
          "map it again, read-only");
    check(words[700] == 700, "the frame kept its contents");
    auto const wrong = frames[1].object().map(component::vspace(), {address}, abi::right::all);
    check(!wrong && wrong.error().code == abi::Error::invalid_argument,
          "a mapped frame cannot be mapped elsewhere");
}

void nonsense() {
    auto const refused = CNode{protocol::slot::cnode}.copy(component::slots().take().value(),
                                                           component::cnode().at(60000));
    check(!refused &&
              std::string_view(refused.error().text().c_str()).starts_with("FailedLookup: source"),
          "errors have words");
    check(!Tcb{protocol::slot::cnode}.suspend(), "a CNode is no thread");
}

void messages() {
    auto const endpoint = component::objects().make<Endpoint>().value();
    std::thread server([&] {
        Message answer{};
        for (Message request = endpoint.object().receive();;
             request = endpoint.object().reply_receive(answer)) {
            u64 sum = 0;
            for (u64 i = 0; i < request.info.length(); ++i)
                sum += i < 4 ? request.words[i] : ipc_buffer().message[i];
            answer = Message::make(request.info.label() + 1, 1, sum);
            if (request.info.label() == 0) break;
        }
        reply(answer);
    });
    for (u64 length : {1u, 4u, 5u, 120u}) {
        for (u64 i = 4; i < length; ++i) ipc_buffer().message[i] = i;
        Message const answer = endpoint.object().call(Message::make(length, length, 0, 1, 2, 3));
        check(answer.info.label() == length + 1 && answer.words[0] == length * (length - 1) / 2,
              "a sum from another thread");
    }
    endpoint.object().call(Message::make(0));
    server.join();
}

// Filling a message while pages are touched for the first time: the library OS works in between.
void interrupted_messages() {
    auto const endpoint = component::objects().make<Endpoint>().value();
    std::vector<char> fresh(200 * 4096);
    abi::IpcBuffer& buffer = ipc_buffer();
    for (u64 i = 4; i < 120; ++i) {
        buffer.message[i] = i;
        fresh[i * 4096] = 1;
    }
    for (u64 i = 4; i < 120; ++i)
        check(buffer.message[i] == i, "page faults leave the IPC buffer alone");
}

u64 nanoseconds_now() { return protocol::nanoseconds(time_stamp(), component::info().tsc_khz); }

void events() {
    auto const* const timer = component::find_grant(protocol::GrantKind::timer);
    check(timer && component::find_grant("timer") == timer, "the timer grant");
    u64 const first = nanoseconds_now() + 5'000'000, period = 1'000'000;
    Message const armed =
        call(timer->first_slot,
             Message::make(std::to_underlying(protocol::TimerLabel::arm), 2, first, period));
    check(armed.info.label() == protocol::timer_ok, "arm the timer");
    for (int ticks = 0; ticks < 5;) { // the service also rings when it starts
        bool const rang = (component::events().wait() & protocol::event::timer) != 0;
        if (rang && nanoseconds_now() >= first) ++ticks;
    }
    call(timer->first_slot, Message::make(std::to_underlying(protocol::TimerLabel::cancel)));
    check(nanoseconds_now() >= first + 4 * period, "five rings took four periods");
}

} // namespace

int main() {
    objects_come_and_go();
    mapping();
    nonsense();
    messages();
    interrupted_messages();
    events();
    std::cout << "capabilities: 6 checks passed" << std::endl;
}
