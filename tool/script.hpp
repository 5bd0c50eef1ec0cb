// SPDX-License-Identifier: Apache-2.0
// A conversation with a console: texts to wait for, in order, and texts to type when one was seen.
#pragma once

#include <string>
#include <vector>

struct ScriptStep {
    enum class Kind { expect, send } kind{};
    std::string text;
};

class Script {
public:
    explicit Script(std::vector<ScriptStep> steps) : steps_(std::move(steps)) {}

    // Takes what the console printed next; returns what is to be typed now. Call it once with "" at the start.
    std::string hear(std::string_view printed);

    bool done() const { return next_ == steps_.size(); }
    std::string const& waiting_for() const { return steps_[next_].text; } // when not done
    std::vector<std::string> const& seen() const { return seen_; }        // the expected texts so far
    std::string const& console() const { return console_; }
    std::vector<std::string> last_lines(std::size_t count) const;         // of the console

private:
    std::vector<ScriptStep> steps_;
    std::size_t next_{};
    std::vector<std::string> seen_;
    std::string console_; // without carriage returns
    std::size_t from_{};  // where the search for the next text begins: behind the last one found
};
