// SPDX-License-Identifier: Apache-2.0
#include "kernel/command_line.hpp"

namespace {

constexpr DebugCalls choices[] = {DebugCalls::all, DebugCalls::root_task, DebugCalls::none};

// Does the word at `text`, of `length` bytes, read debug=NAME?
bool is_choice(char const* text, u64 length, char const* name) {
    constexpr char key[] = "debug=";
    u64 at = 0;
    for (char const* part : {static_cast<char const*>(key), name})
        for (; *part; ++part, ++at)
            if (at == length || text[at] != *part) return false;
    return at == length;
}

} // namespace

char const* name_of(DebugCalls calls) {
    switch (calls) {
    case DebugCalls::all: return "all";
    case DebugCalls::root_task: return "root";
    case DebugCalls::none: return "none";
    }
    return "";
}

DebugCalls debug_calls_in(char const* text, u64 limit) {
    DebugCalls result = DebugCalls::all;
    u64 at = 0;
    while (text && at < limit && text[at]) {
        u64 length = 0;
        while (at + length < limit && text[at + length] && text[at + length] != ' ') ++length;
        for (DebugCalls const choice : choices)
            if (is_choice(text + at, length, name_of(choice))) result = choice;
        at += length;
        if (at < limit && text[at] == ' ') ++at;
    }
    return result;
}
