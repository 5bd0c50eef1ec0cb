// SPDX-License-Identifier: Apache-2.0
// A component that does to root, the console and the timer what it likes. The others must not
// notice.
#include <cstdio>
#include <cstring>

#include "protocol/root.hpp"
#include "protocol/timer.hpp"
#include "user/component/component.hpp"

namespace {

using namespace protocol;
using user::Message;

// Messages that root must survive; none of them may end this component.
void annoy_root() {
    for (u64 label : {u64{0}, u64{0x103}, u64{0x200}, (u64{1} << 52) - 1})
        for (u64 length : {0, 1, 4, 120, 127})
            user::call(slot::root, Message::make(label, length, ~u64{0}, ~u64{0}));
    for (u64 bytes : {u64{0}, u64{1}, u64{944}, u64{945}, ~u64{0}})
        for (u64 length : {0, 1, 2, 3, 127})
            user::call(slot::root, Message::make(std::to_underlying(RootLabel::log), length, bytes,
                                                 0x1b5b324a07));
    for (int i = 0; i < 200; ++i) {
        std::memset(user::ipc_buffer().message, 'x', sizeof user::ipc_buffer().message);
        user::call(slot::root,
                   Message::make(std::to_underlying(RootLabel::log), 119, 944, ~u64{0}));
    }
}

void wreck_console() {
    auto* page = user::component::console();
    auto const* grant = user::component::find_grant(GrantKind::console);
    auto* bytes = reinterpret_cast<unsigned char volatile*>(page);
    for (unsigned round = 0; round < 200; ++round) {
        for (unsigned i = 0; i < sizeof(ConsolePage); ++i)
            bytes[i] = static_cast<unsigned char>(i * 7 + round * 31);
        user::signal(grant->first_slot);
    }
    for (unsigned i = 0; i < sizeof(ConsolePage); ++i) bytes[i] = 0xff;
    user::signal(grant->first_slot);
}

void annoy_timer() {
    auto const timer = user::component::find_grant(GrantKind::timer)->first_slot;
    auto const ask = [&](TimerLabel label, u64 deadline, u64 period) {
        user::send(timer, Message::make(std::to_underlying(label), 2, deadline, period));
    };
    for (int i = 0; i < 500; ++i) {
        ask(TimerLabel::sleep, ~u64{0} - static_cast<u64>(i),
            0); // sent, not called: nobody waits for an answer
        ask(TimerLabel::arm, 0, 1);
        ask(TimerLabel{static_cast<u64>(i)}, 1, 1);
    }
}

} // namespace

int main() {
    annoy_root();
    wreck_console();
    annoy_timer();
    // At last the words of a page fault that never happened: it is taken for a fault and ends this
    // component only.
    user::send(slot::root, Message::make(5, 4, 0x1234, 0x5678, 0, 6));
    for (;;) user::yield();
}
