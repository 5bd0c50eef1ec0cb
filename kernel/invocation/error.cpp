// SPDX-License-Identifier: Apache-2.0
#include "kernel/invocation/error.hpp"

#include "base/overload.hpp"

Reply to_reply(InvocationError const& error) {
    Reply reply;
    reply.label = error.index() + 1;
    std::visit(Overload{
                   [&](InvalidArgument e) { reply.push(e.index); },
                   [&](InvalidCapability e) { reply.push(e.index); },
                   [&](RangeError e) {
                       reply.push(e.min);
                       reply.push(e.max);
                   },
                   [&](NotEnoughMemory e) { reply.push(e.bytes_left); },
                   [&](FailedLookup const& e) {
                       reply.push(e.source);
                       reply.push(static_cast<u64>(e.why.type));
                       for (unsigned i = 0; i < e.why.detail_words(); ++i) reply.push(e.why.detail(i));
                   },
                   [](auto) { /* the number says it all */ },
               },
               error);
    return reply;
}
