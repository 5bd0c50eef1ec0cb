// SPDX-License-Identifier: Apache-2.0
// No thread sees what another one left in the FPU, whatever happened to that one.
#include "test/isolation/tests.hpp"

namespace {

constexpr u64 image_size = 512, at = Child::data + 0x200; // FXSAVE wants 16-byte alignment
constexpr u64 fpu_disabled = 1;

u8* image_of(Child const& child) { return child.data_view + 0x200; }

// Every byte that FXRSTOR takes, also the addresses of the last instruction and operand.
void load_secret(Child const& child, u8 seed) {
    u8* const image = image_of(child);
    for (unsigned i = 0; i < image_size; ++i) image[i] = i < 464 ? static_cast<u8>(seed + i) : 0;
    *reinterpret_cast<u16*>(image) = 0x37f;       // control word
    *reinterpret_cast<u16*>(image + 2) = 0x4700;  // status: no exception pending
    image[4] = 0xff;                              // no register is empty
    *reinterpret_cast<u32*>(image + 24) = 0x9fc0; // MXCSR
    check("the secret is in the FPU", child.run(attack_load_fpu, at).is_exception(6));
}

// What a thread finds that never used the FPU: ABI 6.4, all of it as after a reset.
void expect_clean(char const* statement, Child const& child) {
    u8* const image = image_of(child);
    for (unsigned i = 0; i < image_size; ++i) image[i] = 0;
    auto const fault = child.run(attack_save_fpu, at);
    check(statement, fault.is_exception(6));
    for (unsigned i = 0; i < 416; ++i) {
        u8 wanted = 0;
        if (i == 0) wanted = 0x7f;
        if (i == 1) wanted = 0x03;
        if (i == 24) wanted = 0x80;
        if (i == 25) wanted = 0x1f;
        if (i >= 28 && i < 32) continue; // MXCSR_MASK: the processor's
        expect(statement, image[i], wanted, i);
    }
}

// A new thread; `child` keeps what it has.
void expect_secret_kept(Child const& other, char const* statement) {
    Child const fresh(supply());
    expect_clean(statement, fresh);
    Child const same_space(supply(), other);
    auto const fault = same_space.run(attack_save_fpu, at + image_size);
    check(statement, fault.is_exception(6));
    for (unsigned i = 32; i < 416; ++i) expect(statement, image_of(other)[image_size + i], 0, i);
}

void expect_own(Child const& child, u8 seed) {
    check("a thread saves its own state", child.run(attack_save_fpu, at + image_size).is_exception(6));
    u8 const* const image = image_of(child) + image_size;
    for (unsigned i = 32; i < 416; ++i) {
        bool const reserved = i < 160 && i % 16 >= 10; // x87 registers have ten bytes
        if (!reserved) expect("a thread keeps its own state", image[i], static_cast<u8>(seed + i), i);
    }
}

void test_disabled(Child const& owner) {
    Child const other(supply());
    must("take away its FPU", other.tcb.set_flags(0, fpu_disabled));
    check("an x87/SSE instruction without FPU", other.run(attack_save_fpu, at).is_exception(7));
    check("a load without FPU", other.run(attack_load_fpu, at).is_exception(7));
    must("give it back", other.tcb.set_flags(fpu_disabled, 0));
    expect_clean("after it got the FPU again", other);
    // Flags of the owner change while its state is in the processor.
    must("take the owner's", owner.tcb.set_flags(0, fpu_disabled));
    check("the owner without FPU", owner.run(attack_save_fpu, at).is_exception(7));
    expect_clean("after the owner lost its FPU", other);
    must("give the owner's back", owner.tcb.set_flags(fpu_disabled, 0));
}

// The memory of a deleted thread becomes another thread.
void test_deleted() {
    auto const piece = supply().make<user::Untyped>(20);
    u64 const end = supply().slot() + 200;
    while (supply().slot() < end) {}
    Supply small(piece, end - 200, end);
    Child const witness(supply());
    for (u8 round = 1; round <= 4; ++round) {
        {
            Child const child(small);
            load_secret(child, static_cast<u8>(16 * round));
        }
        small.take_back();
        expect_clean("a thread that never used the FPU, after a deletion", witness);
        Child const same_memory(small);
        expect_clean("a thread in the memory of another", same_memory);
        small.take_back();
    }
}

} // namespace

void test_fpu() {
    group("FPU");
    Child const owner(supply());
    load_secret(owner, 0x40);
    expect_secret_kept(owner, "a thread beside the owner");
    expect_own(owner, 0x40);
    test_disabled(owner);
    expect_own(owner, 0x40);
    // A faulting instruction of the FPU: its address and operand stay with the thread.
    Child const other(supply());
    load_secret(other, 0x90);
    expect_own(owner, 0x40);
    expect_own(other, 0x90);
    test_deleted();
    expect_own(owner, 0x40);
}
