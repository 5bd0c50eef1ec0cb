// SPDX-License-Identifier: Apache-2.0
// Every invocation there is: whom it is made on, and what kind of number stands at each place of its message.
#pragma once

#include <span>

#include "kernel/fuzz/values.hpp"
#include "kernel/fuzz/world.hpp"

namespace fuzz {

enum class Argument : u8 {
    none,
    small,       // 0..7
    flags,       // 0..15
    rights,
    object_type,
    size_bits,
    zero,        // mostly
    node_offset, // of an empty slot in the first extra capability's CNode
    count,
    to_index, to_depth,       // an empty slot in the invoked CNode
    at_index, at_depth,       // a slot of it that holds something
    untyped_index,            // ... untyped memory; at_depth goes with it
    from_index, from_depth,   // ... of the first extra capability's CNode
    second_index, second_depth, // ... of the second's
    new_index, new_depth,     // an empty slot of the first extra's
    new_second_index, new_second_depth, // ... of the second's
    guard,
    badge,
    priority,
    handler,     // CPtr of an endpoint
    buffer,      // address of an IPC buffer
    address,     // where something may be mapped
    guest_address,
    root_start,  // of a shared root
    page_offset, // inside a frame
    attributes,
    thread_flags,
    registers_count,
    user_address,
    port, last_port,
    pin,
    bit,
    vector,
    vmcs_field,
    msr,
    library_start, library_end,
    block,
    word,
};

struct Row {
    abi::Label label;
    CapType target;
    Argument arguments[9];
    CapType extra[3]; // null: none
    u8 more_words;    // behind the arguments, any
};
std::span<Row const> invocations();

// The message that the record means when `thread` sends it; `cap` becomes the CPtr to send it to.
Message compose(Record const& record, Tcb& thread, u64& cap);

} // namespace fuzz
