// SPDX-License-Identifier: Apache-2.0
// The one place that knows every kind of object: how big, how made, how copied, how let go.
#pragma once

#include "kernel/capability/slot.hpp"
#include "kernel/invocation/error.hpp"

class Kernel;

namespace objects {

// Does Retype know the type? (Vcpu only where the processor can run guests.)
bool known(u64 type);
bool is_frame(abi::ObjectType type);
// Size of the object as a power of two in bytes. user_size_bits: Untyped: the size; CNode: the radix; else not used.
unsigned size_bits(abi::ObjectType type, u64 user_size_bits);
// Makes an object in memory that is clear (device frames and untyped memory: whatever it is).
Cap create(abi::ObjectType type, PhysAddr base, u64 user_size_bits, bool device, Tcb const& creator);

// What a copy of the slot's capability is: ABI 10.2.
std::expected<Cap, InvocationError> derive(Slot const& slot, Cap const& cap);
// The data word of Mint, Mutate and Rotate; null when the data does not fit: ABI 7.3. preserve: Mutate, Rotate.
Cap with_data(Cap const& cap, u64 data, bool preserve);
Cap with_rights(Cap const& cap, CapRights mask);

// A capability is about to go. `last`: its object ends, everything that points to it lets go. A CNode or TCB turns into
// the zombie that is returned; its slots are still to be emptied.
std::optional<ZombieCap> retire(Kernel& kernel, Cap const& cap, bool last);

} // namespace objects
