// SPDX-License-Identifier: Apache-2.0
#include "tool/script.hpp"

#include <algorithm>
#include <deque>

std::string Script::hear(std::string_view printed) {
    for (char const c : printed) {
        if (c != '\r') console_ += c;
    }
    std::string typed;
    for (; !done(); ++next_) {
        auto const& step = steps_[next_];
        if (step.kind == ScriptStep::Kind::send) {
            typed += step.text + "\r";
            continue;
        }
        auto const found = console_.find(step.text, from_);
        if (found == std::string::npos) break;
        from_ = found + step.text.size();
        seen_.push_back(step.text);
    }
    return typed;
}

std::vector<std::string> Script::last_lines(std::size_t count) const {
    std::deque<std::string> lines;
    for (std::size_t begin = 0; begin < console_.size();) {
        auto const end = std::min(console_.find('\n', begin), console_.size());
        lines.push_back(console_.substr(begin, end - begin));
        if (lines.size() > count) lines.pop_front();
        begin = end + 1;
    }
    return {lines.begin(), lines.end()};
}
