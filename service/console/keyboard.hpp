// SPDX-License-Identifier: Apache-2.0
// What a typed byte means: input for the client with the keyboard, or a command to the console
// after Ctrl-T.
#pragma once

#include <variant>

#include "base/types.hpp"

namespace key {
struct Input {
    char c;
};              // for the client with the keyboard
struct List {}; // say who the clients are
struct Next {}; // the next client gets the keyboard
struct Select {
    unsigned number;
}; // this client, counted from 1 as in the list
struct Report {};  // the client with the keyboard shall give figures about itself
struct Nothing {};
} // namespace key

using KeyAction = std::variant<key::Nothing, key::Input, key::List, key::Next, key::Select, key::Report>;

class Keyboard {
public:
    static constexpr char escape = 'T' & 0x1f; // Ctrl-T
    static constexpr char const* help =
        "Ctrl-T Tab: next, Ctrl-T 1-9: that one, Ctrl-T r: its figures, Ctrl-T ?: this list, "
        "Ctrl-T Ctrl-T: a Ctrl-T for the client";

    KeyAction on_byte(char c) {
        if (!escaped_) {
            if (c != escape) return key::Input{c};
            escaped_ = true;
            return key::Nothing{};
        }
        escaped_ = false;
        if (c == escape) return key::Input{c};
        if (c == '\t' || c == 'n') return key::Next{};
        if (c == 'r') return key::Report{};
        if (c >= '1' && c <= '9') return key::Select{static_cast<unsigned>(c - '0')};
        return key::List{};
    }

private:
    bool escaped_{};
};
