// SPDX-License-Identifier: Apache-2.0
#include "kernel/command_line.hpp"

#include <string_view>

namespace {

constexpr std::string_view debug_key = "debug=";
struct Choice {
    DebugCalls calls;
    std::string_view word;
};
constexpr Choice choices[] = {{DebugCalls::all, "debug=all"}, {DebugCalls::root_task, "debug=root"}, {DebugCalls::none, "debug=none"}};

void read_word(std::string_view word, CommandLine& result) {
    using namespace std::literals;
    for (Choice const& choice : choices)
        if (word == choice.word) result.debug_calls = choice.calls;
    if (word == "fastpath=on"sv) result.fast_paths = true;
    if (word == "fastpath=off"sv) result.fast_paths = false;
}

} // namespace

char const* name_of(DebugCalls calls) {
    for (Choice const& choice : choices)
        if (calls == choice.calls) return choice.word.data() + debug_key.size();
    return "";
}

CommandLine read_command_line(char const* text, u64 limit) {
    CommandLine result;
    u64 at = 0;
    while (text && at < limit && text[at]) {
        u64 length = 0;
        while (at + length < limit && text[at + length] && text[at + length] != ' ') ++length;
        read_word({text + at, length}, result);
        at += length;
        if (at < limit && text[at] == ' ') ++at;
    }
    return result;
}
