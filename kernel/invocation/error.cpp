// SPDX-License-Identifier: Apache-2.0
#include "kernel/invocation/error.hpp"

#include "base/overload.hpp"

ErrorReply::ErrorReply(InvocationError const& error) : label(error.index() + 1) {
    std::visit(Overload{
                   [&](InvalidArgument e) { push(e.index); },
                   [&](InvalidCapability e) { push(e.index); },
                   [&](RangeError e) {
                       push(e.min);
                       push(e.max);
                   },
                   [&](NotEnoughMemory e) { push(e.bytes_left); },
                   [&](FailedLookup const& e) {
                       push(e.source);
                       push(static_cast<u64>(e.why.type));
                       for (unsigned i = 0; i < e.why.detail_words(); ++i) push(e.why.detail(i));
                   },
                   [](auto) { /* the number says it all */ },
               },
               error);
}
