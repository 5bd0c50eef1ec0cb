// SPDX-License-Identifier: Apache-2.0
#include "user/invoke.hpp"

namespace user {

Result<Reply> invoke(CPtr object, abi::Label label, std::span<u64 const> words,
                     std::span<CPtr const> caps) {
    Message message{
        .info = abi::MessageInfo::make(std::to_underlying(label), words.size(), caps.size()),
        .words = {},
        .badge = 0};
    abi::IpcBuffer& buffer = ipc_buffer();
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i < abi::register_message_words) {
            message.words[i] = words[i];
        } else {
            buffer.message[i] = words[i];
        }
    }
    for (std::size_t i = 0; i < caps.size(); ++i) buffer.caps_or_badges[i] = caps[i];

    Message const answer = call(object, message);
    if (answer.info.label() == 0) {
        Reply reply;
        for (unsigned i = 0; i < abi::register_message_words; ++i) reply.words[i] = answer.words[i];
        return reply;
    }
    Error error{
        .code = static_cast<abi::Error>(answer.info.label()), .details = {}, .shortage = {}};
    for (unsigned i = 0; i < answer.info.length() && i < std::size(error.details); ++i)
        error.details[i] = i < abi::register_message_words ? answer.words[i] : buffer.message[i];
    return fail(error);
}

} // namespace user
