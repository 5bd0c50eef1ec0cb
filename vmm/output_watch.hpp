// SPDX-License-Identifier: Apache-2.0
// Passes the guest's output on and notices when it contains a text, for measurements: "so many
// exits until the guest said that it is ready".
#pragma once

#include <string>
#include <utility>

#include "vmm/pc/uart.hpp"

namespace vmm {

class OutputWatch : public ConsolePort {
public:
    // An empty text is never seen.
    OutputWatch(ConsolePort& to, std::string text) : to_(to), text_(std::move(text)) {}

    bool room() override { return to_.room(); }
    void wait() override { to_.wait(); }
    void put(char byte) override {
        to_.put(byte);
        if (text_.empty()) return;
        recent_ += byte;
        if (recent_.size() > text_.size()) recent_.erase(0, 1);
        found_ = found_ || recent_ == text_;
        if (byte == '\n') line_ended_ = std::exchange(found_, false);
    }
    // Once for each line with the text, after it has ended.
    bool take_seen() { return std::exchange(line_ended_, false); }

private:
    ConsolePort& to_;
    std::string text_;
    std::string recent_;
    bool found_{};
    bool line_ended_{};
};

} // namespace vmm
