// SPDX-License-Identifier: Apache-2.0
// Moving a message from one thread to another, and answering: ABI 8.4, 8.6, 9.3.
#pragma once

#include "kernel/thread/tcb.hpp"

class Endpoint;
class Kernel;

// The sender's message (or its fault, when it has one) becomes the receiver's. `endpoint` is null for replies.
void transfer(Kernel& kernel, Tcb& sender, Endpoint const* endpoint, u64 badge, bool can_grant, Tcb& receiver);

// The receiver gets a capability to answer the caller, who waits for it. can_grant: of the receiver's endpoint capability.
void give_reply(Tcb& caller, Tcb& receiver, bool can_grant);

// The replier's message answers the call or fault behind the reply capability in `slot`, which is used up.
void reply(Kernel& kernel, Tcb& replier, Slot& slot);
