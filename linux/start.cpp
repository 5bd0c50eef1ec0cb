// SPDX-License-Identifier: Apache-2.0
// The library OS's start and its upcalls, as entry.S calls them.
#include <new>

#include "linux/entry.hpp"
#include "linux/entry_offsets.h"
#include "linux/process.hpp"

static_assert(protocol::thread_page_upcall_offset == UPCALL_OFFSET);
static_assert(offsetof(abi::UpcallBlock, active) == BLOCK_ACTIVE);
static_assert(offsetof(abi::UpcallBlock, saved) == SAVED_RIP);
static_assert(offsetof(abi::UserContext, rsp) == SAVED_RSP - SAVED_RIP);
static_assert(offsetof(abi::UserContext, rbp) == SAVED_RBP - SAVED_RIP);
static_assert(offsetof(abi::UserContext, r15) == SAVED_R15 - SAVED_RIP);

namespace {

alignas(libos::Process) char storage[sizeof(libos::Process)];
libos::Process* process;

} // namespace

// Called on a thread's library OS stack only, which is aligned to its size.
abi::IpcBuffer& user::ipc_buffer() {
    u64 const here = reinterpret_cast<u64>(__builtin_frame_address(0));
    u64 const bottom = here & ~(protocol::os_stack_size - 1);
    return *reinterpret_cast<abi::IpcBuffer*>(*reinterpret_cast<u64 const*>(bottom));
}

void libos_start(protocol::ComponentInfo const& info) {
    libos::thread_page_on_stack(protocol::os_stack_top) = protocol::thread_page_address;
    process = new (storage) libos::Process(info);
    process->start();
}

bool libos_upcall(abi::UpcallBlock& block) { return process->upcall(block); }
