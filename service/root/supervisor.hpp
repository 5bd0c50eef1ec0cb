// SPDX-License-Identifier: Apache-2.0
// Root after boot: waits for what components report and ask, and keeps the system as the manifest
// wants it.
#pragma once

#include <optional>

#include "service/root/builder.hpp"
#include "service/root/output.hpp"

struct RootConsole {                // OutputDevice
    user::Notification const* bell; // null: no console service runs
    void put(char c) { user::debug_put_char(c); }
    void ring() {
        if (bell) bell->signal();
    }
};

class Supervisor {
public:
    Supervisor(World& world, ElfImage const& library_os, std::span<std::byte const> library_os_file)
        : world_(world), library_os_(library_os), library_os_file_(library_os_file) {}

    void say(std::string_view line) { output_.line(line); }
    void start_all();
    // Until all work has stopped. Returns whether all of it ended with status 0.
    bool run();
    // Ends all services and says what became of the memory. free_at_start: bytes, before anything
    // was started.
    void finish(u64 free_at_start);

private:
    using Line = user::Text<320>;

    void start(Component& component);
    void stop(Component& component, State state);
    // The component ended by itself. why: "fault", "exit status 3".
    void on_failure(Component& component, std::string_view why);
    void on_exit(Component& component, u64 status);
    void on_log(Component& component, u64 bytes, std::span<char const> text);
    void flush_log(Component& component);
    void print_lost(Component& component);

    // Handles a message; the answer when there is one to give.
    std::optional<user::Message> on_message(user::Message const& message);
    void on_events(u64 events);
    bool work_goes_on() const;
    void drain_console();
    protocol::ConsolePage& own_page() const { return *world_.services.console_clients()[0].page; }

    World& world_;
    ElfImage const& library_os_;
    std::span<std::byte const> library_os_file_;
    user::Notification bell_{}; // of the console service, badged as root's
    Output<RootConsole> output_{{&bell_}};
};
