// SPDX-License-Identifier: Apache-2.0
// What the program writes to file descriptors 1 and 2, for a component without a console: whole
// lines go to root's log.
#pragma once

#include <span>

#include "protocol/root.hpp"
#include "user/text.hpp"

namespace libos {

// Sends text to root's log; a line ends with '\n'.
void log(std::span<char const> text);
// One line of the library OS itself.
template <unsigned Capacity> void log(user::Text<Capacity> line) {
    line.add('\n');
    log({line.c_str(), line.size()});
}

class LineBuffer {
public:
    void write(std::span<char const> text);
    void flush();

private:
    char data_[protocol::max_log_bytes];
    unsigned size_{};
};

} // namespace libos
