// SPDX-License-Identifier: Apache-2.0
// Operands in memory. In flat segments the guest's own form of address, computed in 32 bits by the
// prefix 67; else:
//
//   r9 = offset (32 or 16 bits) -> limit check -> + base, in 32 bits -> [r9]
#include "x86/translate/builder.hpp"

namespace x86::translate {

using namespace host;

namespace {

std::size_t segment_field(SegmentName segment) {
    return offsetof(State, segments) +
           static_cast<std::size_t>(segment) * sizeof(State::segments[0]);
}

constexpr Opcode byte_swap_wide{.map = OpcodeMap::secondary, .value = 0xc8, .wide = true};

} // namespace

// The address as the guest wrote it, for LEA or for the prefix 67.
Operand Builder::address_of(Decoded const& d) {
    return {.memory = true,
            .base = d.base == Decoded::no_register ? u8{host::none} : host_register(d.base),
            .index = d.index == Decoded::no_register ? u8{host::none} : d.index,
            .scale = d.scale,
            .displacement = d.displacement,
            .address32 = true};
}

// r9 = the offset in the segment.
void Builder::locate(Decoded const& d, i64 more) {
    auto from = address_of(d);
    from.displacement = static_cast<std::int32_t>(from.displacement + more);
    from.address32 = false; // the result is cut to 32 bits anyway
    e_.lea(r9, from);
    if (d.address_size == 2) e_.zero_extend16(r9, r9);
}

// The memory at the offset r9 of a segment.
Operand Builder::within(Decoded const& d, SegmentName segment, u8 size) {
    if (context_.flat(segment)) return at(r9);
    std::size_t const field_at = segment_field(segment);
    if (!context_.is(context_.mode.unlimited, segment)) {
        // r10 = limit - offset - (size - 1) in 64 bits: its highest byte is 0 if the access is
        // inside.
        e_.load(r10, field(field_at + sizeof(u32)));
        e_.move(r11, r9);
        e_.instruction({.value = 0xf7, .wide = true}, 2, in(r11)); // not
        e_.lea_wide(r10,
                    {.memory = true, .base = r10, .index = r11, .displacement = 2 - i64{size}});
        e_.instruction_of_register(byte_swap_wide, r10);
        e_.move(r11, ecx);
        e_.zero_extend8(ecx, r10);
        u8* const inside = e_.skip_if_rcx_zero();
        e_.move(ecx, r11);
        emulate_late(d);
        e_.land(inside);
        e_.move(ecx, r11);
    }
    e_.load(r10, field(field_at));
    e_.lea(r9, {.memory = true, .base = r9, .index = r10});
    return at(r9);
}

Operand Builder::address(Decoded const& d, u8 size, i64 more) {
    if (context_.flat(d.segment) && d.address_size == 4) {
        auto result = address_of(d);
        result.displacement = static_cast<std::int32_t>(result.displacement + more);
        return result;
    }
    locate(d, more);
    return within(d, d.segment, size);
}

u8 Builder::size_of(Decoded const& d) const {
    if (context_.flat(d.segment)) return 0;
    return memory_access(block_.bytes_of(d), context_.mode.code_size).size;
}

// Memory at a distance from the top of the stack.
Operand Builder::stack(Decoded const& d, i64 offset, u8 size) {
    bool const wide = context_.mode.stack_size == 4;
    if (wide && context_.flat(SegmentName::ss))
        return {.memory = true, .base = esp, .displacement = offset, .address32 = true};
    e_.lea(r9, at(esp, offset));
    if (!wide) e_.zero_extend16(r9, r9);
    return within(d, SegmentName::ss, size);
}

void Builder::move_stack(i64 bytes) {
    if (context_.mode.stack_size == 4) {
        e_.lea(esp, at(esp, bytes));
    } else {
        e_.lea(r10, at(esp, bytes));
        e_.instruction({.value = 0x89, .size16 = true}, r10, in(esp));
    }
    if (!options_.registers) e_.store(general(4), esp);
}

} // namespace x86::translate
