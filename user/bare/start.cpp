// SPDX-License-Identifier: Apache-2.0
#include "user/bare/start.hpp"

#include "user/tcb.hpp"

namespace {

abi::IpcBuffer* the_ipc_buffer;

} // namespace

abi::IpcBuffer& user::ipc_buffer() { return *the_ipc_buffer; }

using Constructor = void (*)();
extern "C" Constructor __init_array_start[], __init_array_end[];

extern "C" [[noreturn]] void user_bare_start(abi::BootInfo const& boot_info) {
    the_ipc_buffer = reinterpret_cast<abi::IpcBuffer*>(boot_info.ipc_buffer);
    for (Constructor* constructor = __init_array_start; constructor != __init_array_end;
         ++constructor)
        (*constructor)();
    root_main(boot_info);
    for (;;) {
        [[maybe_unused]] auto const suspended = user::Tcb{abi::initial_slot::tcb}.suspend();
    }
}
