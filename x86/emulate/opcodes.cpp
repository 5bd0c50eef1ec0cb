// SPDX-License-Identifier: Apache-2.0
// Which function carries out which opcode: one table for each opcode map (Intel SDM vol. 2,
// appendix A).
#include <array>
#include <initializer_list>

#include "x86/emulate/chapters.hpp"

namespace x86 {
namespace {

using Handler = Done (*)(Execution&);

struct Range {
    u8 first, last;
    Handler handler;
};

Done unknown(Execution& e) { return e.unsupported(name_of(e.instruction)); }
Done nothing(Execution&) { return Outcome::done; }
Done invalid(Execution&) { return fail(exceptions::invalid_opcode()); }

constexpr std::array<Handler, 256> table(std::initializer_list<Range> ranges) {
    std::array<Handler, 256> result{};
    result.fill(unknown);
    for (auto const& range : ranges)
        for (unsigned opcode = range.first; opcode <= range.last; ++opcode)
            result[opcode] = range.handler;
    return result;
}

unsigned size_of(Execution const& e) {
    return (e.instruction.opcode & 1) != 0 ? e.instruction.operand_size : 1;
}
// The register in the low bits of an opcode.
unsigned opcode_register(Execution const& e) {
    return (e.instruction.opcode & 7u) | (e.instruction.rm & 8u);
}
// Of the selector pushes and pops: bits 5:3.
SegmentName opcode_segment(Execution const& e) {
    return SegmentName{static_cast<u8>(e.instruction.opcode >> 3 & 7)};
}

// --- one-byte opcodes

Done push_selector(Execution& e) { return push_segment(e, opcode_segment(e)); }
Done pop_selector(Execution& e) { return pop_segment(e, opcode_segment(e)); }

Done increment_register(Execution& e) { // 40-4F outside of 64-bit mode
    unsigned const bytes = e.instruction.operand_size, number = e.instruction.opcode & 7u;
    auto const change = e.instruction.opcode < 0x48 ? increment : decrement;
    e.set(number, bytes, change(e.get(number, bytes), bytes, e.core.rflags));
    return Outcome::done;
}

Done push_register(Execution& e) {
    unsigned const bytes = e.instruction.operand_size;
    TRY(e.push(bytes, e.get(opcode_register(e), bytes)));
    return Outcome::done;
}

Done pop_register(Execution& e) {
    unsigned const bytes = e.instruction.operand_size;
    e.set(opcode_register(e), bytes, TRY(e.pop(bytes)));
    return Outcome::done;
}

Done bound(Execution& e) {
    unsigned const bytes = e.instruction.operand_size;
    auto const value = static_cast<i64>(sign_extended(e.get(e.instruction.reg, bytes), bytes));
    auto const lower =
        static_cast<i64>(sign_extended(e.load(TRY(e.memory(bytes, Access::read))), bytes));
    auto const upper =
        static_cast<i64>(sign_extended(e.load(TRY(e.memory(bytes, Access::read, bytes))), bytes));
    if (value < lower || value > upper) return fail(Exception{.vector = vector::bound});
    return Outcome::done;
}

Done adjust_privilege(Execution& e) { // ARPL
    if (e.by_paragraphs()) return fail(exceptions::invalid_opcode());
    u64 const selector = TRY(e.read_rm(2)), rpl = e.get(e.instruction.reg, 2) & 3;
    bool const raises = (selector & 3) < rpl;
    if (raises) TRY(e.write_rm(2, (selector & ~u64{3}) | rpl));
    e.core.rflags = raises ? e.core.rflags | flags::zero : e.core.rflags & ~flags::zero;
    return Outcome::done;
}

Done carry_to_al(Execution& e) { // SALC, which Intel's manual leaves out
    if (e.long64()) return fail(exceptions::invalid_opcode());
    e.set(rax, 1, e.flag(flags::carry) ? 0xff : 0);
    return Outcome::done;
}

Done opcode_63(Execution& e) { return e.long64() ? move_extended(e) : adjust_privilege(e); }

Done push_immediate(Execution& e) {
    TRY(e.push(e.instruction.operand_size, e.instruction.immediate));
    return Outcome::done;
}

Done jump_if(Execution& e) {
    return condition(e.instruction.opcode & 0xf, e.core.rflags) ? jump_near(e) : Outcome::done;
}

Done test_register(Execution& e) {
    unsigned const bytes = size_of(e);
    logic(TRY(e.read_rm(bytes)) & e.get(e.instruction.reg, bytes), bytes, e.core.rflags);
    return Outcome::done;
}

Done test_accumulator(Execution& e) {
    unsigned const bytes = size_of(e);
    logic(e.get(rax, bytes) & e.instruction.immediate, bytes, e.core.rflags);
    return Outcome::done;
}

Done store_register(Execution& e) {
    unsigned const bytes = size_of(e);
    TRY(e.write_rm(bytes, e.get(e.instruction.reg, bytes)));
    return Outcome::done;
}

Done load_register(Execution& e) {
    unsigned const bytes = size_of(e);
    e.set(e.instruction.reg, bytes, TRY(e.read_rm(bytes)));
    return Outcome::done;
}

Done load_address(Execution& e) {
    e.set(e.instruction.reg, e.instruction.operand_size, e.offset());
    return Outcome::done;
}

Done exchange_accumulator(Execution& e) { // 90-97: with itself it is NOP and PAUSE
    unsigned const bytes = e.instruction.operand_size, number = opcode_register(e);
    if (number == rax) return Outcome::done;
    u64 const old = e.get(rax, bytes);
    e.set(rax, bytes, e.get(number, bytes));
    e.set(number, bytes, old);
    return Outcome::done;
}

Done call_direct_far(Execution& e) {
    return call_far(e, static_cast<u16>(e.instruction.second_immediate),
                    e.instruction.immediate & mask_of(e.instruction.operand_size));
}

Done jump_direct_far(Execution& e) {
    return jump_far(e, static_cast<u16>(e.instruction.second_immediate),
                    e.instruction.immediate & mask_of(e.instruction.operand_size));
}

constexpr u64 flags_in_ah =
    flags::carry | flags::parity | flags::adjust | flags::zero | flags::sign;

Done store_ah_into_flags(Execution& e) { // SAHF
    e.core.rflags = (e.core.rflags & ~flags_in_ah) | (e.get(rax, 2) >> 8 & flags_in_ah);
    return Outcome::done;
}

Done load_ah_from_flags(Execution& e) { // LAHF
    e.set(rax, 2, e.get(rax, 1) | ((e.core.rflags & flags_in_ah) | flags::fixed) << 8);
    return Outcome::done;
}

Done move_at_displacement(Execution& e) { // A0-A3
    unsigned const bytes = size_of(e);
    if (e.instruction.opcode < 0xa2)
        e.set(rax, bytes, e.load(TRY(e.memory(bytes, Access::read))));
    else
        e.store(TRY(e.memory(bytes, Access::write)), e.get(rax, bytes));
    return Outcome::done;
}

Done move_immediate_to_register(Execution& e) { // B0-BF
    unsigned const bytes = e.instruction.opcode < 0xb8 ? 1 : e.instruction.operand_size;
    e.set(opcode_register(e), bytes, e.instruction.immediate);
    return Outcome::done;
}

Done move_immediate(Execution& e) { // C6 C7
    if (e.instruction.group() != 0) return unknown(e);
    TRY(e.write_rm(size_of(e), e.instruction.immediate));
    return Outcome::done;
}

Done load_es_pointer(Execution& e) { return load_far_pointer(e, SegmentName::es); }
Done load_ds_pointer(Execution& e) { return load_far_pointer(e, SegmentName::ds); }
Done breakpoint(Execution& e) { return software_interrupt(e, vector::breakpoint); }
Done interrupt(Execution& e) {
    TRY(e.check_virtual_8086());
    return software_interrupt(e, static_cast<u8>(e.instruction.immediate));
}
Done interrupt_on_overflow(Execution& e) {
    return e.flag(flags::overflow) ? software_interrupt(e, vector::overflow) : Outcome::done;
}

Done translate(Execution& e) { // XLAT
    u64 const at =
        (e.core.registers.value[rbx] + e.get(rax, 1)) & mask_of(e.instruction.address_size);
    e.set(rax, 1, e.load(TRY(e.locate(e.instruction.segment, at, 1, Access::read))));
    return Outcome::done;
}

Done halt(Execution& e) {
    TRY(e.require_cpl0());
    return Outcome::halt;
}

Done change_flag(Execution& e) { // CMC CLC STC CLD STD
    u64& rflags = e.core.rflags;
    switch (e.instruction.opcode) {
    case 0xf5: rflags ^= flags::carry; break;
    case 0xf8: rflags &= ~flags::carry; break;
    case 0xf9: rflags |= flags::carry; break;
    case 0xfc: rflags &= ~flags::direction; break;
    default: rflags |= flags::direction; break;
    }
    return Outcome::done;
}

Done group_ff(Execution& e) {
    return e.instruction.group() < 2 ? increment_or_decrement(e) : indirect(e);
}

// clang-format off
constexpr auto one_byte = table({
    {0x00, 0x05, arithmetic}, {0x06, 0x06, push_selector}, {0x07, 0x07, pop_selector},
    {0x08, 0x0d, arithmetic}, {0x0e, 0x0e, push_selector},
    {0x10, 0x15, arithmetic}, {0x16, 0x16, push_selector}, {0x17, 0x17, pop_selector},
    {0x18, 0x1d, arithmetic}, {0x1e, 0x1e, push_selector}, {0x1f, 0x1f, pop_selector},
    {0x20, 0x25, arithmetic}, {0x27, 0x27, decimal},
    {0x28, 0x2d, arithmetic}, {0x2f, 0x2f, decimal},
    {0x30, 0x35, arithmetic}, {0x37, 0x37, decimal},
    {0x38, 0x3d, arithmetic}, {0x3f, 0x3f, decimal},
    {0x40, 0x4f, increment_register}, {0x50, 0x57, push_register}, {0x58, 0x5f, pop_register},
    {0x60, 0x60, push_all}, {0x61, 0x61, pop_all}, {0x62, 0x62, bound}, {0x63, 0x63, opcode_63},
    {0x68, 0x68, push_immediate}, {0x69, 0x69, multiply_to_register},
    {0x6a, 0x6a, push_immediate}, {0x6b, 0x6b, multiply_to_register},
    {0x6c, 0x6f, string}, {0x70, 0x7f, jump_if}, {0x80, 0x83, arithmetic_immediate},
    {0x84, 0x85, test_register}, {0x86, 0x87, exchange},
    {0x88, 0x89, store_register}, {0x8a, 0x8b, load_register},
    {0x8c, 0x8c, move_from_segment}, {0x8d, 0x8d, load_address}, {0x8e, 0x8e, move_to_segment},
    {0x8f, 0x8f, pop_operand}, {0x90, 0x97, exchange_accumulator}, {0x98, 0x99, convert},
    {0x9a, 0x9a, call_direct_far}, {0x9c, 0x9c, push_flags}, {0x9d, 0x9d, pop_flags},
    {0x9e, 0x9e, store_ah_into_flags}, {0x9f, 0x9f, load_ah_from_flags},
    {0xa0, 0xa3, move_at_displacement}, {0xa4, 0xa7, string}, {0xa8, 0xa9, test_accumulator},
    {0xaa, 0xaf, string}, {0xb0, 0xbf, move_immediate_to_register}, {0xc0, 0xc1, shift_or_rotate},
    {0xc2, 0xc3, return_near}, {0xc4, 0xc4, load_es_pointer}, {0xc5, 0xc5, load_ds_pointer},
    {0xc6, 0xc7, move_immediate}, {0xc8, 0xc8, enter}, {0xc9, 0xc9, leave}, {0xca, 0xcb, return_far},
    {0xcc, 0xcc, breakpoint}, {0xcd, 0xcd, interrupt}, {0xce, 0xce, interrupt_on_overflow},
    {0xcf, 0xcf, return_from_interrupt}, {0xd0, 0xd3, shift_or_rotate}, {0xd4, 0xd5, decimal},
    {0xd6, 0xd6, carry_to_al}, {0xd7, 0xd7, translate}, {0xe0, 0xe3, loop}, {0xe4, 0xe7, port}, {0xe8, 0xe8, call_near},
    {0xe9, 0xe9, jump_near}, {0xea, 0xea, jump_direct_far}, {0xeb, 0xeb, jump_near}, {0xec, 0xef, port},
    {0xf4, 0xf4, halt}, {0xf5, 0xf5, change_flag}, {0xf6, 0xf7, unary}, {0xf8, 0xf9, change_flag},
    {0xfa, 0xfb, interrupt_flag}, {0xfc, 0xfd, change_flag}, {0xfe, 0xfe, increment_or_decrement}, {0xff, 0xff, group_ff},
});
// clang-format on

// --- opcodes behind 0F

Done invalidate_caches(Execution& e) { // INVD WBINVD
    TRY(e.require_cpl0());
    e.processor.flush_caches();
    return Outcome::done;
}

Done move_if(Execution& e) { // CMOVcc reads its operand in any case
    unsigned const bytes = e.instruction.operand_size;
    u64 const value = TRY(e.read_rm(bytes));
    bool const moves = condition(e.instruction.opcode & 0xf, e.core.rflags);
    e.set(e.instruction.reg, bytes, moves ? value : e.get(e.instruction.reg, bytes));
    return Outcome::done;
}

Done set_if(Execution& e) {
    TRY(e.write_rm(1, condition(e.instruction.opcode & 0xf, e.core.rflags) ? 1 : 0));
    return Outcome::done;
}

Done push_high_selector(Execution& e) {
    return push_segment(e, e.instruction.opcode < 0xa8 ? SegmentName::fs : SegmentName::gs);
}
Done pop_high_selector(Execution& e) {
    return pop_segment(e, e.instruction.opcode < 0xa8 ? SegmentName::fs : SegmentName::gs);
}
Done load_ss_pointer(Execution& e) { return load_far_pointer(e, SegmentName::ss); }
Done load_fs_pointer(Execution& e) { return load_far_pointer(e, SegmentName::fs); }
Done load_gs_pointer(Execution& e) { return load_far_pointer(e, SegmentName::gs); }

Done fences_and_others(
    Execution& e) { // 0F AE: LFENCE MFENCE SFENCE, CLFLUSH; the others save state that is not here
    enum { lfence = 5, mfence, sfence_or_clflush };
    unsigned const operation = e.instruction.group();
    bool const fence = !e.instruction.memory && operation >= lfence && e.instruction.repeat == 0;
    bool const flush = e.instruction.memory && operation == sfence_or_clflush;
    if (flush) TRY(e.memory(1, Access::read)); // faults like a load
    return fence || flush ? Outcome::done : unknown(e);
}

Done population(Execution& e) { return e.instruction.repeat == 0xf3 ? bit_scan(e) : unknown(e); }

Done store_register_once(Execution& e) { // MOVNTI
    unsigned const bytes = e.instruction.operand_size;
    TRY(e.write_rm(bytes, e.get(e.instruction.reg, bytes)));
    return Outcome::done;
}

Done group_0fc7(Execution& e) {
    bool const wide = e.instruction.memory && e.instruction.group() == 1;
    return wide ? compare_exchange_wide(e) : unknown(e);
}

// clang-format off
constexpr auto two_bytes = table({
    {0x00, 0x00, group_0f00}, {0x01, 0x01, group_0f01}, {0x02, 0x03, segment_information},
    {0x06, 0x06, clear_task_switched}, {0x08, 0x09, invalidate_caches}, {0x0b, 0x0b, invalid},
    {0x0d, 0x0d, nothing}, {0x18, 0x1f, nothing}, // prefetches, hints, NOP
    {0x20, 0x20, move_control}, {0x21, 0x21, move_debug}, {0x22, 0x22, move_control}, {0x23, 0x23, move_debug},
    {0x30, 0x30, write_msr}, {0x31, 0x31, time_stamp}, {0x32, 0x32, read_msr},
    {0x34, 0x34, system_enter}, {0x35, 0x35, system_exit}, {0x40, 0x4f, move_if},
    {0x80, 0x8f, jump_if}, {0x90, 0x9f, set_if}, {0xa0, 0xa0, push_high_selector}, {0xa1, 0xa1, pop_high_selector},
    {0xa2, 0xa2, processor_identification}, {0xa3, 0xa3, bit_test}, {0xa4, 0xa5, double_shift},
    {0xa8, 0xa8, push_high_selector}, {0xa9, 0xa9, pop_high_selector}, {0xab, 0xab, bit_test},
    {0xac, 0xad, double_shift}, {0xae, 0xae, fences_and_others}, {0xaf, 0xaf, multiply_to_register},
    {0xb0, 0xb1, compare_exchange}, {0xb2, 0xb2, load_ss_pointer}, {0xb3, 0xb3, bit_test},
    {0xb4, 0xb4, load_fs_pointer}, {0xb5, 0xb5, load_gs_pointer}, {0xb6, 0xb7, move_extended},
    {0xb8, 0xb8, population}, {0xb9, 0xb9, invalid}, {0xba, 0xbb, bit_test}, {0xbc, 0xbd, bit_scan},
    {0xbe, 0xbf, move_extended}, {0xc0, 0xc1, exchange_add}, {0xc3, 0xc3, store_register_once},
    {0xc7, 0xc7, group_0fc7}, {0xc8, 0xcf, byte_swap}, {0xff, 0xff, invalid},
});
// clang-format on

} // namespace

Done carry_out(Execution& e) {
    auto const& i = e.instruction;
    switch (i.map) {
    case OpcodeMap::one_byte: return one_byte[i.opcode](e);
    case OpcodeMap::two_bytes: return two_bytes[i.opcode](e);
    case OpcodeMap::three_bytes_38: // MOVBE; with F2 these are CRC32
        return (i.opcode & 0xfe) == 0xf0 && i.repeat != 0xf2 ? move_swapped(e) : unknown(e);
    case OpcodeMap::other: break;
    }
    return unknown(e);
}

} // namespace x86
