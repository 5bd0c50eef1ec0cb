// SPDX-License-Identifier: Apache-2.0
#include "user/error.hpp"

namespace user {
namespace {

void describe_lookup(Text<96>& text, u64 const (&details)[5]) {
    text.add("FailedLookup: ").add(details[0] != 0 ? "source, " : "");
    switch (static_cast<abi::LookupFailureType>(details[1])) {
    case abi::LookupFailureType::none: text.add("no reason given"); return;
    case abi::LookupFailureType::invalid_root:
        text.add("the root is no CNode or address space");
        return;
    case abi::LookupFailureType::missing_capability:
        text.add("nothing there with ").decimal(details[2]).add(" bits left");
        return;
    case abi::LookupFailureType::depth_mismatch:
        text.add("depth: ")
            .decimal(details[2])
            .add(" bits left, ")
            .decimal(details[3])
            .add(" found");
        return;
    case abi::LookupFailureType::guard_mismatch:
        text.add("guard ")
            .hexadecimal(details[3])
            .add(" with ")
            .decimal(details[2])
            .add(" bits left");
        return;
    }
    text.add("unknown reason ").decimal(details[1]);
}

char const* describe(Shortage shortage) {
    switch (shortage) {
    case Shortage::none: return "";
    case Shortage::slots: return "no free capability slot left";
    case Shortage::memory: return "no untyped memory of this size left";
    case Shortage::addresses: return "no free address range of this size left";
    case Shortage::bookkeeping: return "the allocator's own table is full";
    }
    return "unknown shortage";
}

} // namespace

Text<96> Error::text() const {
    Text<96> text;
    if (shortage != Shortage::none) return text.add(describe(shortage));
    switch (code) {
    case abi::Error::none: return text.add("no error");
    case abi::Error::invalid_argument:
        return text.add("InvalidArgument: argument ").decimal(details[0]);
    case abi::Error::invalid_capability:
        return text.add("InvalidCapability: capability ").decimal(details[0]);
    case abi::Error::illegal_operation: return text.add("IllegalOperation");
    case abi::Error::range_error:
        return text.add("RangeError: allowed is ")
            .decimal(details[0])
            .add(" to ")
            .decimal(details[1]);
    case abi::Error::alignment_error: return text.add("AlignmentError");
    case abi::Error::failed_lookup: describe_lookup(text, details); return text;
    case abi::Error::truncated_message: return text.add("TruncatedMessage");
    case abi::Error::delete_first: return text.add("DeleteFirst: something is there already");
    case abi::Error::revoke_first: return text.add("RevokeFirst: it is in use");
    case abi::Error::not_enough_memory:
        return text.add("NotEnoughMemory: ").decimal(details[0]).add(" bytes left in the untyped");
    }
    return text.add("unknown error ").decimal(std::to_underlying(code));
}

} // namespace user
