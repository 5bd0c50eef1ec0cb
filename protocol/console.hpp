// SPDX-License-Identifier: Apache-2.0
// The console service: one page shared with each client, a bell in each direction.
//
// Client: write into `output`, then ring the service (Signal on the console grant's capability 0). When `output` is full:
// set output_waiting, ring, and wait for event::console. Input arrives in `input` with event::console.
// Service: prints whole lines of the client that has the keyboard as they are; lines of others get "name| " in front.
// When the service starts (again), it rings every client once: there may be room now.
// Input that finds `input` full is counted in `lost_input` and reported, never dropped in silence.
#pragma once

#include "protocol/byte_queue.hpp"

namespace protocol {

struct ConsolePage {
    ByteQueue<2048> output;           // client to service
    ByteQueue<1024> input;            // service to client
    std::atomic<u32> output_waiting;  // set by the client, cleared by the service when it rings for room
    std::atomic<u32> lost_input;      // bytes, counted by the service
    std::atomic<u32> report_wanted;   // set by the service when the person at the keyboard asks the client for figures about itself
};
static_assert(sizeof(ConsolePage) <= 4096);

} // namespace protocol
