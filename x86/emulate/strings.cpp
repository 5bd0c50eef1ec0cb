// SPDX-License-Identifier: Apache-2.0
// MOVS CMPS STOS LODS SCAS INS OUTS. Each repetition is complete before the next one begins, so a
// fault, and a caller that wants to look after interrupts, find registers that say how far it got.
#include <algorithm>

#include "x86/emulate/canonical.hpp"
#include "x86/emulate/chapters.hpp"

namespace x86 {
namespace {

constexpr unsigned most_repetitions = 4096; // of one call

enum class Kind : u8 { ins, outs, movs, cmps, stos, lods, scas };

Kind kind_of(u8 opcode) {
    switch (opcode & 0xfe) {
    case 0x6c: return Kind::ins;
    case 0x6e: return Kind::outs;
    case 0xa4: return Kind::movs;
    case 0xa6: return Kind::cmps;
    case 0xaa: return Kind::stos;
    case 0xac: return Kind::lods;
    default: return Kind::scas;
    }
}

// One of the two memory operands, which moves through memory: translated once per page.
class Cursor {
public:
    Cursor(Execution& e, SegmentName segment, Register pointer, Access access)
        : e_(e), segment_(segment), pointer_(pointer), access_(access) {}

    OrException<Place> locate(unsigned bytes) {
        u64 const offset = e_.get(pointer_, e_.instruction.address_size);
        u64 const address = TRY(e_.linear(segment_, offset, bytes, access_));
        u64 const in_page = address % page_bytes;
        bool const alignment_counts = e_.flag(flags::alignment_check) != 0;
        if (address - in_page == page_ && in_page + bytes <= page_bytes && !alignment_counts)
            return Place{{frame_ + in_page, {}}, static_cast<u8>(bytes), static_cast<u8>(bytes)};
        auto const place = TRY(e_.locate(address, bytes, access_));
        if (place.first == bytes) {
            page_ = address - in_page;
            frame_ = {place.at[0].value - in_page};
        }
        return place;
    }
    void advance(unsigned bytes) {
        unsigned const size = e_.instruction.address_size;
        u64 const old = e_.get(pointer_, size);
        e_.set(pointer_, size, e_.flag(flags::direction) ? old - bytes : old + bytes);
    }

private:
    Execution& e_;
    SegmentName segment_;
    Register pointer_;
    Access access_;
    u64 page_{1}; // no page begins there
    GuestPhys frame_{};
};

struct Operands {
    explicit Operands(Execution& e, Kind kind)
        : source(e, e.instruction.segment, rsi, Access::read),
          destination(e, SegmentName::es, rdi,
                      kind == Kind::cmps || kind == Kind::scas ? Access::read : Access::write) {}
    Cursor source, destination;
};

OrException<> step(Execution& e, Kind kind, Operands& operands, unsigned bytes) {
    auto& [source, destination] = operands;
    u16 const port = static_cast<u16>(e.get(rdx, 2));
    u8 const size = static_cast<u8>(bytes);
    switch (kind) {
    case Kind::movs: {
        auto const from = TRY(source.locate(bytes));
        auto const to = TRY(destination.locate(bytes));
        e.store(to, e.load(from));
        break;
    }
    case Kind::stos: e.store(TRY(destination.locate(bytes)), e.get(rax, bytes)); break;
    case Kind::lods: e.set(rax, bytes, e.load(TRY(source.locate(bytes)))); break;
    case Kind::scas:
        subtract(e.get(rax, bytes), e.load(TRY(destination.locate(bytes))), false, bytes,
                 e.core.rflags);
        break;
    case Kind::cmps: {
        auto const first = TRY(source.locate(bytes));
        auto const second = TRY(destination.locate(bytes));
        u64 const value = e.load(first);
        subtract(value, e.load(second), false, bytes, e.core.rflags);
        break;
    }
    case Kind::ins: {
        auto const to = TRY(destination.locate(bytes));
        e.store(to, u64{e.processor.read_port(port, size)});
        break;
    }
    case Kind::outs:
        e.processor.write_port(port, size, static_cast<u32>(e.load(TRY(source.locate(bytes)))));
        break;
    }
    bool const has_source =
        kind == Kind::movs || kind == Kind::lods || kind == Kind::cmps || kind == Kind::outs;
    bool const has_destination = kind != Kind::lods && kind != Kind::outs;
    if (has_source) source.advance(bytes);
    if (has_destination) destination.advance(bytes);
    return {};
}

} // namespace

Done string(Execution& e) {
    auto const& i = e.instruction;
    Kind const kind = kind_of(i.opcode);
    bool const port = kind == Kind::ins || kind == Kind::outs;
    unsigned const whole = port ? std::min<unsigned>(i.operand_size, 4) : i.operand_size;
    unsigned const bytes = (i.opcode & 1) != 0 ? whole : 1;
    if (port) TRY(e.check_port(static_cast<u16>(e.get(rdx, 2)), bytes)); // even without repetitions
    Operands operands(e, kind);
    if (i.repeat == 0) {
        TRY(step(e, kind, operands, bytes));
        return Outcome::done;
    }
    e.repeats = true;
    bool const compares = kind == Kind::cmps || kind == Kind::scas;
    u64 const goes_on_with = i.repeat == 0xf3 ? flags::zero : 0; // REPE, REPNE
    u64 count = e.get(rcx, i.address_size);
    unsigned const most = e.flag(flags::trap) ? 1 : most_repetitions;
    for (unsigned n = 0; n < most && count != 0; ++n) {
        TRY(step(e, kind, operands, bytes));
        e.set(rcx, i.address_size, --count);
        if (compares && e.flag(flags::zero) != goes_on_with) return Outcome::done;
    }
    return count == 0 ? Outcome::done : Outcome::repeat;
}

} // namespace x86
