// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/analysis.hpp"

#include <algorithm>

namespace x86::translate {
namespace {

bool ends_block(Form form, bool return_stack) {
    switch (form) {
    case Form::emulate:
    case Form::jump:
    case Form::ret:
    case Form::jump_indirect:
    case Form::interrupt_return: return true;
    case Form::call:
    case Form::call_indirect: return !return_stack;
    default: return false;
    }
}

bool uses_stack(Form form) {
    return (form >= Form::push_register && form <= Form::pop_flags) || form == Form::ret ||
           form == Form::call || form == Form::call_indirect || form == Form::interrupt_return;
}
bool is_indirect(Form form) {
    return form == Form::ret || form == Form::jump_indirect || form == Form::call_indirect;
}
bool is_direct(Form form) {
    return form == Form::jump || form == Form::jump_if || form == Form::call || form == Form::loop;
}

// In a block with everything flat only the forms of the second half matter.
class Judge {
public:
    Judge(GuestBlock const& block, Decoded const& d)
        : block_(block), context_(*block.context), d_(d) {}

    bool translatable() const {
        if (d_.form == Form::emulate || d_.length == 0) return false;
        auto const& facts = *d_.facts;
        if (facts.fpu && !context_.mode.fpu) return false;
        if (uses_stack(d_.form) && !stack_is_usable()) return false;
        if (is_direct(d_.form) && context_.code_is_limited() &&
            block_.target_of(d_) > context_.code_limit)
            return false;
        if (is_indirect(d_.form) && context_.code_is_limited() && d_.operand_size == 4)
            return false;
        if (needs_two_prefixes(facts)) return false;
        switch (d_.form) {
        case Form::string: return strings_are_flat();
        case Form::vector_mask:
            return d_.address_size == 4 && context_.flat(d_.segment) &&
                   d_.segment != SegmentName::cs;
        case Form::clear_interrupt:
        case Form::set_interrupt:
        case Form::pop_flags: return context_.mode.cpl == 0;
        case Form::interrupt_return:
            return context_.mode.cpl == 0 && context_.mode.code_size == 4 &&
                   d_.operand_size == 4 && !context_.code_is_limited();
        case Form::address: return true;
        case Form::offset:
            return segment_is_usable(d_.opcode >= 0xa2,
                                     (d_.opcode & 1) != 0 ? d_.operand_size : u8{1});
        case Form::translate_byte: return segment_is_usable(false, 1);
        case Form::load_selector: return d_.reg < 6 && (!d_.memory || segment_is_usable(true, 2));
        case Form::bit_string:
        case Form::environment:
            return !d_.memory || (d_.address_size == 4 && context_.flat(d_.segment) &&
                                  d_.segment != SegmentName::cs);
        default: return !d_.memory || memory_is_usable();
        }
    }

private:
    bool stack_is_usable() const {
        if (context_.is(context_.mode.emulated, SegmentName::ss)) return false;
        bool const simple = context_.mode.stack_size == 4 && context_.flat(SegmentName::ss);
        return simple || (d_.form != Form::push_all && d_.form != Form::pop_all);
    }
    bool strings_are_flat() const {
        u8 const kind = d_.opcode & 0xfe;
        bool const source = kind == 0xa4 || kind == 0xa6 || kind == 0xac,
                   destination = kind != 0xac;
        return d_.address_size == 4 && (!source || context_.flat(d_.segment)) &&
               (!destination || context_.flat(SegmentName::es));
    }
    bool segment_is_usable(bool writes, u8 size) const {
        if (writes && d_.segment == SegmentName::cs) return false;
        return context_.flat(d_.segment) ||
               (size != 0 && !context_.is(context_.mode.emulated, d_.segment));
    }
    bool memory_is_usable() const {
        if (context_.flat(d_.segment) && d_.segment != SegmentName::cs) return true;
        auto const access = memory_access(block_.bytes_of(d_), context_.mode.code_size);
        return segment_is_usable(access.writes, access.size);
    }
    // ah ch dh bh exist without a REX prefix only, esp is r8 and takes one.
    bool needs_two_prefixes(OpcodeFacts const& facts) const {
        bool const extends = facts.reg && facts.rm_byte && !d_.memory; // MOVZX, MOVSX
        bool const exchanges_al =
            d_.map == OpcodeMap::secondary && d_.opcode == 0xb0 && d_.memory && d_.reg == 4;
        return (extends && d_.reg == 4 && d_.rm >= 4) || exchanges_al;
    }

    GuestBlock const& block_;
    Context const& context_;
    Decoded const& d_;
};

// Bytes of the block, page by page.
class Fetch {
public:
    Fetch(GuestBlock& block, Code& code) : block_(block), code_(code) {}

    OrException<> start() {
        auto const page = TRY(code_.fetch(linear(0)));
        add(page);
        return {};
    }
    // The page behind, for an instruction that crosses into it.
    OrException<> grow() {
        auto const page = TRY(code_.fetch(linear(available_)));
        add(page);
        return {};
    }
    std::span<u8 const> from(unsigned offset) const {
        return {block_.bytes + offset, available_ - offset};
    }
    unsigned available() const { return available_; }

private:
    u32 linear(unsigned offset) const { return block_.context->code_base + block_.eip + offset; }
    void add(Code::Page const& page) {
        block_.page_numbers[block_.pages++] = page.number;
        u64 const below_limit = block_.context->code_limit >= block_.eip
                                    ? u64{block_.context->code_limit} - block_.eip + 1
                                    : 0;
        u64 const room = std::min<u64>(sizeof block_.bytes, below_limit);
        auto const count = static_cast<unsigned>(
            std::min<u64>(page.bytes.size(), room - std::min<u64>(room, available_)));
        std::copy_n(page.bytes.data(), count, block_.bytes + available_);
        available_ += count;
    }
    GuestBlock& block_;
    Code& code_;
    unsigned available_{};
};

} // namespace

OrException<> analyse(GuestBlock& block, Code& code, DecodeCache& decoder, bool return_stack,
                      bool alone) {
    block.length = 0;
    block.count = block.pages = 0;
    Fetch fetch(block, code);
    TRY(fetch.start());
    while (block.count < most_instructions) {
        u16 const offset = block.length;
        auto decoded = decoder.decode(fetch.from(offset), block.context->mode.code_size);
        if (decoded.cut_off && (offset != 0 || alone)) break; // the next block starts with it
        if (decoded.cut_off && fetch.available() < longest_instruction) {
            TRY(fetch.grow());
            decoded = decoder.decode(fetch.from(offset), block.context->mode.code_size);
        }
        decoded.offset = offset;
        auto& d = block.instructions[block.count++];
        d = decoded;
        if (!Judge(block, d).translatable()) d.form = Form::emulate;
        block.length = static_cast<u16>(block.length + d.length);
        if (ends_block(d.form, return_stack) || block.length == fetch.available()) break;
    }
    return {};
}

} // namespace x86::translate
