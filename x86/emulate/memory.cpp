// SPDX-License-Identifier: Apache-2.0
// The way to memory: offset -> segment checks -> linear address -> one or two pages -> bytes.
#include <algorithm>
#include <cstring>

#include "x86/emulate/canonical.hpp"
#include "x86/emulate/execution.hpp"
#include "x86/registers.hpp"

namespace x86 {
namespace {

constexpr u64 code_type = 8, expand_down = 4, writable = 2, readable = 2;

bool type_allows(u64 type, Access access) {
    if (access == Access::write) return (type & (code_type | writable)) == writable;
    return access == Access::execute || (type & code_type) == 0 || (type & readable) != 0;
}

bool limit_allows(Segment const& segment, u64 offset, u64 bytes) {
    u64 const rights = segment.access_rights;
    u64 const last = offset + bytes - 1;
    bool const down = (access_rights::Type::get(rights) & (code_type | expand_down)) == expand_down;
    if (!down) return last <= segment.limit;
    u64 const top = access_rights::Default32::get(rights) ? 0xffffffff : 0xffff;
    return offset > segment.limit && last <= top;
}

} // namespace

OrException<u64> Execution::linear(SegmentName name, u64 offset, u64 bytes, Access access) {
    bool const has_base = name == SegmentName::fs || name == SegmentName::gs;
    return linear(name, long64() && !has_base ? Segment{} : processor.segment(name), offset, bytes,
                  access);
}

OrException<u64> Execution::linear(SegmentName name, Segment const& segment, u64 offset, u64 bytes,
                                   Access access) const {
    auto const fault = [&] {
        return name == SegmentName::ss ? exceptions::stack_fault()
                                       : exceptions::general_protection();
    };
    if (long64()) {
        bool const has_base = name == SegmentName::fs || name == SegmentName::gs;
        u64 const address = has_base ? segment.base + offset : offset;
        if (!is_canonical(address) || !is_canonical(address + bytes - 1)) return fail(fault());
        return address;
    }
    // Real mode looks at the limit alone: its programs write into their code segments.
    bool const usable = !access_rights::Unusable::get(segment.access_rights);
    bool const typed = real || type_allows(access_rights::Type::get(segment.access_rights), access);
    if (!usable || !typed || !limit_allows(segment, offset, bytes)) return fail(fault());
    return (segment.base + offset) & 0xffffffff;
}

OrException<Place> Execution::locate(u64 address, unsigned bytes, Access access, bool supervisor) {
    u64 const in_page = page_bytes - address % page_bytes;
    Place place{.at = {},
                .first = static_cast<u8>(std::min<u64>(bytes, in_page)),
                .bytes = static_cast<u8>(bytes)};
    place.at[0] = TRY(processor.translate(address, access, supervisor));
    if (place.first < bytes) {
        u64 const rest = address + place.first;
        place.at[1] =
            TRY(processor.translate(long64() ? rest : rest & 0xffffffff, access, supervisor));
    }
    return place;
}

void Execution::load(Place const& place, u8* to) {
    auto const piece = [&](GuestPhys at, u8* bytes, unsigned count) {
        if (!processor.read(at, {bytes, count})) std::memset(bytes, 0xff, count);
    };
    piece(place.at[0], to, place.first);
    if (place.first < place.bytes) piece(place.at[1], to + place.first, place.bytes - place.first);
}

void Execution::store(Place const& place, u8 const* from) {
    // Where nothing is, writes vanish.
    (void)processor.write(place.at[0], {from, place.first});
    if (place.first < place.bytes)
        (void)processor.write(
            place.at[1], {from + place.first, static_cast<std::size_t>(place.bytes - place.first)});
}

u64 Execution::load(Place const& place) {
    u8 bytes[8]{};
    load(place, bytes);
    u64 value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

void Execution::store(Place const& place, u64 value) {
    u8 bytes[8];
    std::memcpy(bytes, &value, sizeof value);
    store(place, bytes);
}

OrException<u64> Execution::read_system(u64 address, unsigned bytes) {
    auto const place =
        TRY(locate(long_mode() ? address : address & 0xffffffff, bytes, Access::read, true));
    return load(place);
}

OrException<> Execution::write_system(u64 address, unsigned bytes, u64 value) {
    auto const place =
        TRY(locate(long_mode() ? address : address & 0xffffffff, bytes, Access::write, true));
    store(place, value);
    return {};
}

u64 Execution::offset() const {
    auto const& i = instruction;
    u64 sum = i.displacement;
    if (i.base == Instruction::instruction_pointer)
        sum += next;
    else if (i.base != Instruction::no_register)
        sum += core.registers.value[i.base];
    if (i.index != Instruction::no_register) sum += core.registers.value[i.index] << i.scale;
    return sum & mask_of(i.address_size);
}

OrException<Place> Execution::memory(unsigned bytes, Access access, u64 offset_from_operand) {
    u64 const at = (offset() + offset_from_operand) & mask_of(instruction.address_size);
    return locate(instruction.segment, at, bytes, access);
}

OrException<Place> Execution::locate(u64 address, unsigned bytes, Access access) {
    if (cpl == 3 && flag(flags::alignment_check) && (address & (bytes - 1)) != 0 &&
        cr0::AlignmentMask::get(processor.control_register(0)))
        return fail(Exception{vector::alignment, 0});
    return locate(address, bytes, access, cpl < 3);
}

OrException<Place> Execution::locate(SegmentName name, u64 at, unsigned bytes, Access access) {
    u64 const address = TRY(linear(name, at, bytes, access));
    return locate(address, bytes, access);
}

OrException<u64> Execution::read_rm(unsigned bytes) {
    if (!instruction.memory) return get(instruction.rm, bytes);
    return load(TRY(memory(bytes, Access::read)));
}

OrException<Operand> Execution::operand(unsigned bytes) {
    Operand result{
        .memory = instruction.memory, .number = instruction.rm, .bytes = static_cast<u8>(bytes)};
    if (result.memory) result.place = TRY(memory(bytes, Access::write));
    return result;
}

u64 Execution::load(Operand const& from) {
    return from.memory ? load(from.place) : get(from.number, from.bytes);
}

void Execution::store(Operand const& to, u64 value) {
    if (to.memory)
        store(to.place, value);
    else
        set(to.number, to.bytes, value);
}

OrException<> Execution::write_rm(unsigned bytes, u64 value) {
    store(TRY(operand(bytes)), value);
    return {};
}

unsigned Execution::stack_size() {
    if (long64()) return 8;
    return access_rights::Default32::get(processor.segment(SegmentName::ss).access_rights) ? 4 : 2;
}

OrException<> Execution::push(unsigned bytes, u64 value) {
    unsigned const size = stack_size();
    u64 const top = (core.registers.value[rsp] - bytes) & mask_of(size);
    store(TRY(locate(SegmentName::ss, top, bytes, Access::write)), value);
    set(rsp, size, top);
    return {};
}

OrException<u64> Execution::peek(unsigned bytes, u64 distance) {
    u64 const at = (core.registers.value[rsp] + distance) & mask_of(stack_size());
    return load(TRY(locate(SegmentName::ss, at, bytes, Access::read)));
}

OrException<u64> Execution::pop(unsigned bytes) {
    u64 const value = TRY(peek(bytes, 0));
    set(rsp, stack_size(), core.registers.value[rsp] + bytes);
    return value;
}

} // namespace x86
