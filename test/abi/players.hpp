// SPDX-License-Identifier: Apache-2.0
// Threads that note their letter when they run, so that the order in which they did can be read.
#pragma once

#include "test/abi/check.hpp"
#include "test/abi/puppet.hpp"

inline char notes[32]; // since the scene began; M is the main thread, whose priority is 100
inline unsigned note_count;
inline void note(char letter) {
    if (note_count + 1 < sizeof notes) notes[note_count++] = letter;
    notes[note_count] = 0;
}

inline void set_priority(CPtr tcb, u64 priority) {
    must("set a priority", invoke(tcb, Label::tcb_set_priority, {priority}, {initial_tcb}));
}

struct Player {
    char letter;
    CPtr object;
    Puppet puppet;

    // Runs at once until it blocks, then has its priority.
    Player(Scope& scope, char name, u64 priority, CPtr object_, void (*program)(Player const&))
        : letter(name), object(object_), puppet(scope), program_(program) {
        puppet.run([](u64 self) { reinterpret_cast<Player const*>(self)->play(); }, reinterpret_cast<u64>(this));
        set_priority(puppet.tcb(), priority);
    }
    // Is ready to run, and has not run.
    Player(Scope& scope, char name, u64 priority)
        : letter(name), object(0), puppet(scope, {.priority = priority}),
          program_([](Player const& self) { note(self.letter); }) {
        puppet.run([](u64 self) { reinterpret_cast<Player const*>(self)->play(); }, reinterpret_cast<u64>(this));
    }

private:
    void play() const { program_(*this); }
    void (*program_)(Player const&);
};

// What players do.
inline void wait(Player const& self) {
    user::wait(self.object);
    note(self.letter);
}
inline void send(Player const& self) {
    user::send(self.object, {});
    note(self.letter);
}
inline void call(Player const& self) {
    user::call(self.object, {});
    note(self.letter);
}
inline void serve_once(Player const& self) {
    user::receive(self.object);
    note(self.letter);
    user::reply({});
    note(static_cast<char>(self.letter + 'a' - 'A'));
}
inline void serve(Player const& self) {
    user::receive(self.object);
    for (;;) {
        note(self.letter);
        user::reply_receive(self.object, {});
    }
}

struct Scene {
    Scope scope;
    CPtr notification = scope.notification(), endpoint = scope.endpoint(), finished = scope.notification();

    Scene() { note_count = 0, notes[0] = 0; }
    // Everyone else runs until nobody wants to.
    void run_rest() {
        Puppet const last(scope, {.priority = 1});
        last.run([](u64 cptr) { user::signal(cptr); }, finished);
        user::wait(finished);
    }
};

// Plays the scene and compares the notes. The end of a time slice may come between, which is rare: then it is played again.
inline void check_scene(char const* what, char const* expected, void (*play)(Scene&)) {
    for (unsigned i = 0; i < 3; ++i) {
        Scene scene;
        play(scene);
        if (i == 2 || __builtin_memcmp(notes, expected, __builtin_strlen(expected) + 1) == 0)
            return check_text(what, notes, expected);
    }
}
