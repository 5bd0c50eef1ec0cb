// SPDX-License-Identifier: Apache-2.0
#include "linux/output.hpp"

#include <algorithm>
#include <cstring>

#include "linux/ipc_buffer_guard.hpp"
#include "protocol/component.hpp"

namespace libos {

void log(std::span<char const> text) {
    text = text.first(std::min<std::size_t>(text.size(), protocol::max_log_bytes));
    IpcBufferGuard<1 + protocol::max_log_bytes / 8> const guard;
    u64 words[1 + protocol::max_log_bytes / 8]{text.size()};
    std::memcpy(&words[1], text.data(), text.size());
    u64 const count = 1 + (text.size() + 7) / 8;
    for (u64 i = abi::register_message_words; i < count; ++i)
        user::ipc_buffer().message[i] = words[i];
    user::call(protocol::slot::root,
               user::Message::make(std::to_underlying(protocol::RootLabel::log), count, words[0],
                                   words[1], words[2], words[3]));
}

void LineBuffer::write(std::span<char const> text) {
    for (char const c : text) {
        data_[size_++] = c;
        if (c == '\n' || size_ == sizeof data_) flush();
    }
}

void LineBuffer::flush() {
    if (size_ != 0) log({data_, size_});
    size_ = 0;
}

} // namespace libos
