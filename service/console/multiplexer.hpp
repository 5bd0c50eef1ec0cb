// SPDX-License-Identifier: Apache-2.0
// Who may print now: merges the output of all clients into one stream of bytes, line by line.
//
//   client with the keyboard   as it is, byte by byte                   ──┐
//   other clients              whole lines, `name| ` in front of each   ──┼─▶ stream, a turn of at
//   most 512 bytes each root, the console itself   whole lines, nothing in front            ──┘
//
// A line is never broken by another client's, unless its end does not come: after `patience` the
// others go on in a new line. A part of a line that waits so long for its end is printed as it is.
// All times are nanoseconds of any clock.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "protocol/component.hpp"
#include "protocol/console.hpp"

class Multiplexer {
public:
    static constexpr unsigned no_client = ~0u;
    static constexpr u64 default_patience = 500'000'000;

    // patience 0: nobody waits, for a console that has no timer.
    explicit Multiplexer(u64 patience) : patience_(patience) {}

    // In order of badge. The name must stay valid. anonymous: no name in front and never the
    // keyboard.
    void add(std::string_view name, protocol::ConsolePage& page, bool anonymous);
    unsigned size() const { return count_; }

    // Takes what fits from the clients.
    void pump(u64 now);
    // When pump() must be called again even if nothing happens; nothing: need not be.
    std::optional<u64> deadline() const { return deadline_; }
    // The next byte of the stream.
    std::optional<char> next();
    // Which clients must be rung, a bit for each: they waited for room, or input came. Asking
    // clears it.
    u32 take_bells() { return std::exchange(bells_, 0); }

    unsigned keyboard() const { return keyboard_; }
    void give_keyboard(unsigned client);
    // The next client that can have the keyboard.
    void next_keyboard();
    // The n-th client that can have it, counted from 1 as list_clients() does.
    void select_keyboard(unsigned number);
    // Asks the client with the keyboard for figures about itself.
    void ask_for_report();
    // A byte for the client with the keyboard.
    void input(char c);
    // The port lost input before it came here.
    void port_lost_input() { ++port_lost_; }

    // A line of the console's own, `console: ` in front.
    void notice(std::string_view text);
    // One notice for each client that can have the keyboard.
    void list_clients();

private:
    static constexpr u32 turn = 512; // bytes a client may print before the next one's turn
    static constexpr u32 max_line = 256;
    static constexpr u32 stream_size = 4096;
    static constexpr u32 enough = 64; // bytes in the stream: none more are taken
    // What one line can take: its text, the name, two line ends.
    static constexpr u32 line_room = max_line + protocol::name_size + 8;

    enum class Escape : u8 {
        none,
        started,
        sequence
    }; // of a terminal: not for other clients' screens

    struct Client {
        std::string_view name;
        protocol::ConsolePage* page;
        bool anonymous;
        char line[max_line]; // of the line that is being collected
        u32 size;
        Escape escape;
        std::optional<u64> waiting_since; // something is collected that cannot be printed yet
        u32 lost_input;                   // bytes not reported yet
        bool loss_announced;
    };

    bool take_turn(unsigned number, u64 now);
    bool print_raw(unsigned number);
    bool print_lines(unsigned number, u64 now);
    // Adds to the collected line; true: the line is complete.
    bool collect(Client& client, char c);
    void print_collected(unsigned number, bool complete);
    bool may_print(unsigned number, u64 now);
    void report_lost_input();
    void say_of(Client const& client, std::string_view what);
    void wait_until(u64 time);

    // The stream.
    u32 room() const { return stream_size - (written_ - read_); }
    void put(char c) { stream_[written_++ % stream_size] = c; }
    void put(std::string_view text);
    void end_line();
    void break_line_for(unsigned client);

    u64 patience_;
    std::array<Client, protocol::max_clients> clients_{};
    unsigned count_{};
    unsigned keyboard_{no_client};
    unsigned turn_of_{};          // who is next
    unsigned line_of_{no_client}; // whose line is unfinished on the screen
    char last_{'\n'};             // byte put
    u32 bells_{};
    u32 port_lost_{};
    std::optional<u64> deadline_;
    char stream_[stream_size];
    u32 written_{}, read_{};
};
