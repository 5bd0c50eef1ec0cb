// SPDX-License-Identifier: Apache-2.0
#include "test/abi/answer.hpp"

Answer answer_of(user::Message const& message) {
    Answer answer{message.badge, message.info.word, {}};
    answer.words.count = static_cast<unsigned>(std::min<u64>(message.info.length(), Words::capacity));
    for (unsigned i = 0; i < answer.words.count; ++i) {
        answer.words.values[i] = i < abi::register_message_words ? message.words[i] : user::ipc_buffer().message[i];
    }
    return answer;
}

Answer invoke(CPtr object, Label label, Words const& words, Words const& caps) {
    user::Message message{};
    message.info = abi::MessageInfo::make(std::to_underlying(label), words.count, caps.count);
    abi::IpcBuffer& buffer = user::ipc_buffer();
    for (unsigned i = 0; i < words.count; ++i) {
        if (i < abi::register_message_words) {
            message.words[i] = words[i];
        } else {
            buffer.message[i] = words[i];
        }
    }
    for (unsigned i = 0; i < caps.count; ++i) buffer.caps_or_badges[i] = caps[i];
    return answer_of(user::call(object, message));
}
