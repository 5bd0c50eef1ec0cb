// SPDX-License-Identifier: Apache-2.0
// What a component finds when it starts: its grants, its slots and addresses, its events. For
// programs with the C++ library; their system calls work in every thread that std::thread or
// pthread_create made. Not synchronised: one thread at a time.
#pragma once

#include <string_view>

#include "protocol/component.hpp"
#include "protocol/console.hpp"
#include "user/address_allocator.hpp"
#include "user/mapping.hpp"
#include "user/tcb.hpp"

namespace user::component {

inline protocol::ComponentInfo const& info() {
    return *reinterpret_cast<protocol::ComponentInfo const*>(protocol::info_address);
}
inline CNode cnode() { return {protocol::slot::cnode}; }
inline VSpace vspace() { return {protocol::slot::vspace}; }
inline Tcb main_thread() { return {protocol::slot::tcb}; }

// Null when there is no such grant.
protocol::GrantInfo const* find_grant(std::string_view name);
protocol::GrantInfo const* find_grant(protocol::GrantKind kind); // the first of its kind

// The page shared with the console service; null without a console grant. Who uses it must not use
// standard input and output at the same time: they are the same page.
protocol::ConsolePage* console();

// The notification of all events (protocol::event). From the first call on the library OS does not
// wait for it.
Notification events();

// The program's half of the free slots.
SlotAllocator& slots();
// Addresses for the program's own mappings.
AddressAllocator& window();
// Kernel objects of the program's own, for example paging structures for user::map. Call it for
// each use: it takes 64 KiB of the component's memory (which the C++ heap uses too) whenever it has
// less than that.
ObjectAllocator& objects();
// An untyped piece of the component's memory, in a slot of the program, for good.
Result<Untyped> take_memory(unsigned size_bits);

} // namespace user::component
