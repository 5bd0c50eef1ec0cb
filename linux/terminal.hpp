// SPDX-License-Identifier: Apache-2.0
// Standard input as Linux' terminals give it: a line at a time, echoed, with backspace, Ctrl-D for
// the end. Programs that want each key use the console page themselves
// (user/component/component.hpp).
#pragma once

#include "protocol/console.hpp"

namespace libos {

class Terminal {
public:
    // Takes what was typed until a line is complete, and echoes it. Echo that finds the output full
    // is lost.
    void take_input(protocol::ConsolePage& page) {
        char c;
        while (!complete_ && page.input.read({&c, 1}) == 1) take(page, c);
    }
    // A line, or the end of the input, can be read.
    bool ready() const { return complete_; }
    u32 size() const { return size_ - read_; } // bytes of the line
    // Up to `size` bytes of the line; nothing at the end of the input.
    std::span<char const> read(u64 size) {
        u32 const count = size < size_ - read_ ? static_cast<u32>(size) : size_ - read_;
        std::span<char const> const bytes(line_ + read_, count);
        read_ += count;
        if (read_ == size_) {
            read_ = size_ = 0;
            complete_ = false;
        }
        return bytes; // valid until the next take_input()
    }

private:
    static constexpr char backspace = '\b', del = '\x7f', end_of_input = '\x04', control_u = '\x15';

    void take(protocol::ConsolePage& page, char c) {
        switch (c) {
        case backspace:
        case del:
            if (size_ != 0) erase(page);
            return;
        case control_u:
            while (size_ != 0) erase(page);
            return;
        case end_of_input: complete_ = true; return;
        case '\r': c = '\n'; [[fallthrough]];
        default:
            if (size_ + 1 == sizeof line_ && c != '\n')
                return; // the last byte is for the end of the line
            line_[size_++] = c;
            page.output.write({&c, 1});
            complete_ = c == '\n';
        }
    }
    void erase(protocol::ConsolePage& page) {
        --size_;
        page.output.write(std::span("\b \b", 3));
    }

    char line_[512];
    u32 size_{}, read_{};
    bool complete_{};
};

} // namespace libos
