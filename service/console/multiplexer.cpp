// SPDX-License-Identifier: Apache-2.0
#include "service/console/multiplexer.hpp"

#include "user/text.hpp"

void Multiplexer::add(std::string_view name, protocol::ConsolePage& page, bool anonymous) {
    if (count_ == clients_.size()) return;
    clients_[count_++] = {.name = name,
                          .page = &page,
                          .anonymous = anonymous,
                          .line = {},
                          .size = 0,
                          .escape = Escape::none,
                          .waiting_since = {},
                          .lost_input = 0,
                          .loss_announced = false};
}

void Multiplexer::pump(u64 now) {
    deadline_.reset();
    report_lost_input();
    // No more than the port will soon want: what is in the stream is lost when the console crashes,
    // what is in the clients' queues is not.
    for (unsigned idle = 0;
         idle < count_ && written_ - read_ < enough && room() >= turn + line_room;) {
        unsigned const client = turn_of_;
        turn_of_ = (turn_of_ + 1) % count_;
        idle = take_turn(client, now) ? 0 : idle + 1;
    }
}

std::optional<char> Multiplexer::next() {
    if (read_ == written_) return {};
    return stream_[read_++ % stream_size];
}

// Returns whether anything was taken from the client.
bool Multiplexer::take_turn(unsigned number, u64 now) {
    Client& client = clients_[number];
    bool const moved = number == keyboard_ ? print_raw(number) : print_lines(number, now);
    // Room is worth a bell when a good part of the queue is free.
    if (client.page->output.used() <= client.page->output.room() &&
        client.page->output_waiting.exchange(0) != 0)
        bells_ |= u32{1} << number;
    return moved;
}

bool Multiplexer::print_raw(unsigned number) {
    Client& client = clients_[number];
    char bytes[turn / 2]; // each may become two
    u32 const count = client.page->output.read(bytes);
    if (client.size != 0)
        print_collected(number, false); // from the time before it had the keyboard
    if (count == 0) return false;
    break_line_for(number);
    for (u32 i = 0; i < count; ++i) {
        if (bytes[i] == '\n' && last_ != '\r') put('\r');
        put(bytes[i]);
        last_ = bytes[i];
    }
    line_of_ = last_ == '\n' ? no_client : number;
    return true;
}

bool Multiplexer::print_lines(unsigned number, u64 now) {
    Client& client = clients_[number];
    if (!may_print(number, now)) return false;
    bool moved = false;
    for (u32 taken = 0; taken < turn; ++taken) {
        char c;
        if (client.page->output.read({&c, 1}) == 0) break;
        moved = true;
        if (!collect(client, c)) continue;
        print_collected(number, true);
        if (room() < line_room) return true;
    }
    if (client.size == 0) {
        client.waiting_since.reset();
    } else if (!client.waiting_since) {
        client.waiting_since = now;
    }
    if (client.size != 0 && now - *client.waiting_since >= patience_)
        print_collected(number, false);
    else if (client.size != 0)
        wait_until(*client.waiting_since + patience_);
    return moved;
}

// Another client's line is unfinished: this one waits for its end, but not longer than `patience`.
bool Multiplexer::may_print(unsigned number, u64 now) {
    Client& client = clients_[number];
    if (line_of_ == no_client || line_of_ == number) return true;
    if (client.size == 0 && client.page->output.used() == 0) return false;
    if (!client.waiting_since) client.waiting_since = now;
    if (now - *client.waiting_since >= patience_) {
        client.waiting_since.reset();
        return true;
    }
    wait_until(*client.waiting_since + patience_);
    return false;
}

bool Multiplexer::collect(Client& client, char c) {
    u8 const code = static_cast<u8>(c);
    switch (client.escape) {
    case Escape::started: client.escape = c == '[' ? Escape::sequence : Escape::none; return false;
    case Escape::sequence:
        if (code >= 0x40 && code <= 0x7e) client.escape = Escape::none;
        return false;
    case Escape::none: break;
    }
    constexpr u8 escape_code = 0x1b, delete_code = 0x7f;
    if (c == '\n') return true;
    if (code == escape_code) client.escape = Escape::started;
    if ((code < ' ' && c != '\t') || code == delete_code) return false;
    client.line[client.size++] = c;
    return client.size == max_line;
}

void Multiplexer::print_collected(unsigned number, bool complete) {
    Client& client = clients_[number];
    break_line_for(number);
    if (line_of_ != number && !client.anonymous) {
        put(client.name);
        put("| ");
    }
    put({client.line, client.size});
    client.size = 0;
    client.waiting_since.reset();
    line_of_ = number;
    if (complete) end_line();
}

void Multiplexer::put(std::string_view text) {
    for (char const c : text) put(c);
}

void Multiplexer::end_line() {
    put("\r\n");
    last_ = '\n';
    line_of_ = no_client;
}

void Multiplexer::break_line_for(unsigned client) {
    if (line_of_ != no_client && line_of_ != client) end_line();
}

void Multiplexer::wait_until(u64 time) {
    if (!deadline_ || time < *deadline_) deadline_ = time;
}

void Multiplexer::give_keyboard(unsigned client) {
    if (client >= count_ || clients_[client].anonymous) return;
    keyboard_ = client;
}

void Multiplexer::next_keyboard() {
    for (unsigned step = 1; step <= count_; ++step) {
        unsigned const client = (keyboard_ == no_client ? step - 1 : keyboard_ + step) % count_;
        if (!clients_[client].anonymous) return give_keyboard(client);
    }
}

void Multiplexer::select_keyboard(unsigned number) {
    for (unsigned client = 0; client < count_; ++client)
        if (!clients_[client].anonymous && --number == 0) return give_keyboard(client);
}

void Multiplexer::ask_for_report() {
    if (keyboard_ == no_client) return;
    clients_[keyboard_].page->report_wanted.store(1);
    bells_ |= u32{1} << keyboard_;
}

void Multiplexer::input(char c) {
    if (keyboard_ == no_client) return;
    Client& client = clients_[keyboard_];
    if (client.page->input.write({&c, 1}) == 0) {
        client.page->lost_input.fetch_add(1);
        ++client.lost_input;
    }
    bells_ |= u32{1} << keyboard_;
}

void Multiplexer::report_lost_input() {
    if (room() < 2 * line_room) return;
    if (port_lost_ != 0) {
        port_lost_ = 0;
        notice("the serial port lost input: it came too fast");
    }
    // Two lines for a flood: one when it begins, one with the number when the client reads again.
    for (auto& client : clients_) {
        if (client.lost_input == 0 || room() < 2 * line_room) continue;
        if (!client.loss_announced)
            say_of(client, " does not read: what is typed for it now is lost");
        client.loss_announced = true;
        if (client.page->input.room() == 0) continue;
        user::Text<max_line> text;
        text.add(" reads again: ").decimal(client.lost_input).add(" bytes were lost");
        say_of(client, {text.c_str(), text.size()});
        client.lost_input = 0;
        client.loss_announced = false;
    }
}

void Multiplexer::say_of(Client const& client, std::string_view what) {
    user::Text<max_line> text;
    text.add(client.name).add(what);
    notice({text.c_str(), text.size()});
}

void Multiplexer::notice(std::string_view text) {
    constexpr std::string_view prefix = "console: ";
    if (room() < text.size() + prefix.size() + 4)
        return; // somebody types commands faster than the port prints
    break_line_for(no_client);
    put(prefix);
    put(text);
    end_line();
}

void Multiplexer::list_clients() {
    unsigned number = 0;
    for (unsigned i = 0; i < count_; ++i) {
        if (clients_[i].anonymous) continue;
        user::Text<max_line> text;
        text.decimal(++number)
            .add(' ')
            .add(clients_[i].name)
            .add(i == keyboard_ ? " (keyboard)" : "");
        notice({text.c_str(), text.size()});
    }
}
