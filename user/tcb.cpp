// SPDX-License-Identifier: Apache-2.0
#include "user/tcb.hpp"

namespace user {
namespace {

union RegisterWords { // a context is its words in the ABI's order
    abi::UserContext context;
    u64 words[Tcb::register_count];
};

Result<> write(CPtr thread, abi::UserContext const& context, u64 flags) {
    RegisterWords const registers{.context = context};
    u64 words[2 + Tcb::register_count]{flags, Tcb::register_count};
    for (unsigned i = 0; i < Tcb::register_count; ++i) words[2 + i] = registers.words[i];
    TRY(invoke(thread, abi::Label::tcb_write_registers, words, {}));
    return {};
}

} // namespace

Result<abi::UserContext> Tcb::read_registers(bool suspend_first) const {
    Reply const reply =
        TRY(invoke(cptr, abi::Label::tcb_read_registers, {suspend_first, register_count}));
    RegisterWords registers{};
    for (unsigned i = 0; i < register_count; ++i)
        registers.words[i] =
            i < abi::register_message_words ? reply.words[i] : ipc_buffer().message[i];
    return registers.context;
}

Result<> Tcb::write_registers(abi::UserContext const& context, bool resume) const {
    return write(cptr, context, abi::write_registers::Resume::make(resume));
}

Result<> Tcb::write_wide_registers(abi::UserContext const& context, bool resume) const {
    return write(cptr, context, abi::write_registers::Resume::make(resume) | abi::write_registers::Wide::mask);
}

} // namespace user
