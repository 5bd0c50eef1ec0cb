// SPDX-License-Identifier: Apache-2.0
#include "user/invoke.hpp"

namespace user {

Result<Reply> invoke(CPtr object, abi::Label label, std::initializer_list<u64> words,
                     std::initializer_list<CPtr> caps) {
    return invoke(object, label, std::span(words.begin(), words.size()),
                  std::span(caps.begin(), caps.size()));
}

Result<> perform(CPtr object, abi::Label label, std::initializer_list<u64> words,
                 std::initializer_list<CPtr> caps) {
    TRY(invoke(object, label, words, caps));
    return {};
}

} // namespace user
