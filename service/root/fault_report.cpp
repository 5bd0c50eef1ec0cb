// SPDX-License-Identifier: Apache-2.0
#include "service/root/fault_report.hpp"

#include "abi/profile.hpp"

namespace {

u64 word(std::span<u64 const> words, std::size_t index) {
    return index < words.size() ? words[index] : 0;
}

constexpr u64 page_fault_vector = 14;

namespace page_fault { // error code, Intel SDM vol. 3, 4.7
using Write = Bits<1>;
using Fetch = Bits<4>;
} // namespace page_fault

char const* exception_name(u64 vector) {
    switch (vector) {
    case 0: return "divide error";
    case 1: return "debug exception";
    case 3: return "breakpoint";
    case 4: return "overflow";
    case 5: return "bound exceeded";
    case 6: return "invalid instruction";
    case 7: return "device not available";
    case 11: return "segment not present";
    case 12: return "stack segment fault";
    case 13: return "general protection";
    case 16: return "floating-point error";
    case 17: return "misaligned access";
    case 19: return "vector floating-point error";
    }
    return nullptr;
}

void put_page_fault(FaultText& text, u64 address, u64 error_code) {
    text.add("page fault: ");
    if (page_fault::Fetch::get(error_code))
        text.add("execute at ");
    else
        text.add(page_fault::Write::get(error_code) ? "write to " : "read from ");
    text.hexadecimal(address);
}

void put_exception(FaultText& text, u64 vector, u64 error_code) {
    if (char const* name = exception_name(vector))
        text.add(name);
    else
        text.add("exception ").decimal(vector);
    if (error_code != 0) text.add(": error code ").hexadecimal(error_code);
}

char const* lookup_failure(u64 type) {
    switch (abi::LookupFailureType{type}) {
    case abi::LookupFailureType::none: break;
    case abi::LookupFailureType::invalid_root: return "no capability space";
    case abi::LookupFailureType::missing_capability: return "the slot is empty or of another kind";
    case abi::LookupFailureType::depth_mismatch: return "depth mismatch";
    case abi::LookupFailureType::guard_mismatch: return "guard mismatch";
    }
    return "unknown reason";
}

} // namespace

FaultText describe_fault(u64 label, std::span<u64 const> words) {
    FaultText text;
    u64 rip = word(words, 0);
    switch (abi::FaultLabel{label}) {
    case abi::FaultLabel::null: break;
    case abi::FaultLabel::cap_fault:
        text.add("capability fault: ").add(word(words, 2) != 0 ? "receive from " : "send to ");
        text.hexadecimal(word(words, 1)).add(" (").add(lookup_failure(word(words, 3))).add(')');
        break;
    case abi::FaultLabel::unknown_syscall: {
        u64 const number = word(words, 18);
        text.add("unknown system call ");
        if (static_cast<i64>(number) < 0)
            text.add('-').decimal(u64{0} - number);
        else
            text.decimal(number);
        rip = word(words, 15);
        break;
    }
    case abi::FaultLabel::user_exception:
        put_exception(text, word(words, 3), word(words, 4));
        break;
    case abi::FaultLabel::debug_exception: text.add("debug exception"); break;
    case abi::FaultLabel::vm_fault:
        // The processor tells a fetch from a read only with SMEP or NX; a read of its own rip was a
        // fetch all the same.
        put_page_fault(text, word(words, 1),
                       word(words, 2) != 0 || word(words, 1) == rip ? page_fault::Fetch::mask
                                                                    : word(words, 3));
        break;
    }
    if (text.size() == 0) text.add("unknown fault ").decimal(label);
    return text.add(" at rip ").hexadecimal(rip);
}

FaultText describe_exception(std::span<u64 const> words) {
    FaultText text;
    u64 const vector = word(words, 1);
    u64 const error_code = word(words, 2);
    if (vector == page_fault_vector)
        put_page_fault(text, word(words, 3), error_code);
    else
        put_exception(text, vector, error_code);
    return text.add(" at rip ").hexadecimal(word(words, 4));
}
