// SPDX-License-Identifier: Apache-2.0
// The stack of an inner privilege level: where the TSS says it is, and pushing onto a stack that is
// not yet loaded.
#pragma once

#include "x86/emulate/descriptors.hpp"

namespace x86 {

class NewStack {
public:
    NewStack(Segment const& segment, u64 pointer, unsigned cpl)
        : segment_(segment), pointer_(pointer), cpl_(cpl) {}

    // #SS names the new stack's selector, when it is another than the loaded one.
    OrException<> push(Execution& e, unsigned bytes, u64 value);
    void align() { pointer_ &= ~u64{15}; } // long mode does
    Segment const& segment() const { return segment_; }
    u64 pointer() const { return pointer_; }

private:
    unsigned size(Execution const& e) const; // bytes of the stack pointer
    Segment segment_;
    u64 pointer_;
    unsigned cpl_;
};

// SS:SP of the current stack.
NewStack current_stack(Execution& e);
// SS:SP for level `cpl` from a 16-bit or 32-bit TSS. Exceptions: #TS, #SS, #PF.
OrException<NewStack> inner_stack(Execution& e, unsigned cpl);
// From a 64-bit TSS, which has no selectors: entry 0 to 2 of the levels' stacks, or 1 to 7 of the
// interrupt stack table.
OrException<u64> long_mode_stack(Execution& e, unsigned cpl, unsigned interrupt_stack);

// Makes the stack the processor's: SS if it was switched, and the stack pointer.
void adopt(Execution& e, NewStack const& stack, bool switched);

} // namespace x86
