// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "x86/emulate/arithmetic.hpp"
#include "x86/translate/differential/mode_generator.hpp"

namespace x86::translate::differential {
namespace {

using enum SegmentName;

constexpr unsigned ecx = 1, esp = 4;
constexpr u32 paragraphs = 0xffff, flat_limit = 0xffffffff; // limits
constexpr u8 data_rights = 0x93, code_rights = 0x9b;        // present, level 0, accessed; writable or readable

u64 descriptor(u32 base, u32 limit, u8 rights, bool big) {
    bool const pages = limit > 0xfffff;
    if (pages) limit >>= 12;
    return (limit & 0xffff) | u64{base & 0xffffff} << 16 | u64{rights} << 40 | u64{limit >> 16} << 48 | u64{big} << 54 | u64{pages} << 55 |
           u64{base >> 24} << 56;
}

bool is_loop(ZydisMnemonic mnemonic) {
    return mnemonic == ZYDIS_MNEMONIC_LOOP || mnemonic == ZYDIS_MNEMONIC_LOOPE || mnemonic == ZYDIS_MNEMONIC_LOOPNE;
}
bool asks_for_selector(ZydisMnemonic mnemonic) {
    return mnemonic == ZYDIS_MNEMONIC_LAR || mnemonic == ZYDIS_MNEMONIC_LSL || mnemonic == ZYDIS_MNEMONIC_VERR || mnemonic == ZYDIS_MNEMONIC_VERW;
}
bool is_segment_register(ZydisDecodedOperand const& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && ZydisRegisterGetClass(operand.reg.value) == ZYDIS_REGCLASS_SEGMENT;
}
bool is_far(Decoded const& decoded) { return decoded.instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR; }

} // namespace

ModeCaseBuilder::ModeCaseBuilder(Random& random) : random_(random) {
    case_.protected_mode = random_.chance(75);
    case_.cpl = case_.protected_mode && random_.chance(30) ? 3 : 0;
    code_size_ = case_.protected_mode && random_.chance(45) ? 4 : 2;
    case_.at = board::code + 64 + random_.below(board::code_pages * board::page - 700);
    if (case_.protected_mode) {
        choose_descriptors();
    } else {
        for (unsigned i = 0; i < 6; ++i) {
            u16& selector = case_.selectors[i];
            u32 const highest = SegmentName(i) == cs ? board::code : board::highest_base;
            selector = static_cast<u16>(board::at / 16 + random_.below((highest - board::at) / 16));
            segments_[i] = {.selector = selector, .access_rights = data_rights, .limit = paragraphs, .base = u64{selector} * 16};
        }
    }
    case_.eip = case_.at - static_cast<u32>(segment(cs).base);
    choose_registers();
}

unsigned ModeCaseBuilder::stack_size() const { return access_rights::Default32::get(segment(ss).access_rights) != 0 ? 4 : 2; }

u64 ModeCaseBuilder::descriptor_for(SegmentName name) {
    u8 const level = static_cast<u8>(case_.cpl << 5);
    u32 const base = random_.chance(25) ? 0 : board::at + random_.below((name == cs ? board::code : board::highest_base) - board::at);
    u32 const limit = random_.chance(50) || base == 0 ? flat_limit : paragraphs;
    if (name == cs) return descriptor(base, limit, code_rights | level, code_size_ == 4);
    bool const big = random_.chance(50);
    if (random_.chance(4)) return descriptor(base + 0x1000, 0xfff, data_rights | level | 4, big); // expand-down
    if (name == ss) return descriptor(base, limit, data_rights | level, big);
    u8 rights = data_rights;
    if (random_.chance(6)) rights = 0x91; // read-only
    if (random_.chance(6)) rights = code_rights;
    return descriptor(base, random_.chance(15) ? random_.below(0x10000) : limit, rights | level, big);
}

u64 ModeCaseBuilder::any_descriptor() {
    u8 rights = random_.chance(50) ? data_rights : code_rights;
    if (random_.chance(50)) rights = static_cast<u8>(rights | case_.cpl << 5);
    if (random_.chance(40)) rights = static_cast<u8>(0x90 | (random_.bits() & 0x6f)); // level and type
    if ((rights & 8) != 0) rights |= 1;                                                          // far branches of Unicorn mark no code as accessed
    if (random_.chance(8)) rights = static_cast<u8>(random_.chance(50) ? 0x82 : rights & 0x7f); // an LDT; not present
    u32 const base = random_.chance(25) ? 0 : board::at + random_.below(board::code - board::at);
    return descriptor(base, random_.chance(60) ? flat_limit : paragraphs, rights, random_.chance(50));
}

void ModeCaseBuilder::choose_descriptors() {
    for (unsigned i = 0; i < 6; ++i) {
        u64& word = case_.descriptors[i + 1];
        word = descriptor_for(SegmentName(i));
        bool const null = SegmentName(i) != cs && SegmentName(i) != ss && random_.chance(3);
        case_.selectors[i] = static_cast<u16>(null ? 0 : (i + 1) << 3 | case_.cpl);
        segments_[i] = null ? null_segment(0) : Descriptor{.low = word}.loaded(case_.selectors[i]);
    }
    for (unsigned i = 7; i < board::descriptor_count; ++i) case_.descriptors[i] = any_descriptor();
}

void ModeCaseBuilder::choose_registers() {
    for (u32& value : case_.general) value = random_.number();
    case_.flags = static_cast<u32>(random_.bits() & (flags::arithmetic | flags::interrupt)) | (random_.chance(20) ? static_cast<u32>(flags::direction) : 0);
    if (random_.chance(15)) case_.flags |= static_cast<u32>(random_.bits() & (flags::Iopl::mask | flags::alignment_check | flags::identification));
    if (random_.chance(3)) case_.flags |= static_cast<u32>(flags::nested_task);
    bool const narrow = stack_size() == 2;
    u32 const edge = random_.below(5) * 2;
    case_.general[esp] = random_.chance(6) && narrow ? edge : offset_in(ss, narrow);
    if (narrow) case_.general[esp] |= upper_half();
}

// Mostly so that the linear address is one of data.
u32 ModeCaseBuilder::offset_in(SegmentName name, bool narrow) {
    auto const base = static_cast<u32>(segment(name).base);
    u32 const limit = segment(name).limit;
    if (random_.chance(4)) return limit - 8 + random_.below(16);
    if (random_.chance(3)) return random_.number();
    for (unsigned i = 0; i < 20; ++i) {
        u32 linear = board::at + random_.below(board::ram_bytes - 16);
        if (random_.chance(4)) linear = board::read_only - 16 + random_.below(board::page + 32);
        bool const code = linear + 64 >= board::code && linear < board::code + board::code_pages * board::page;
        bool const table = linear < board::descriptors + sizeof case_.descriptors;
        u32 const offset = linear - base;
        bool const inside = narrow ? offset < 0x10000 : linear >= base;
        if (inside && !code && !table && (i > 10 || offset <= limit)) return offset;
    }
    return random_.below(0x10000);
}

u32 ModeCaseBuilder::base_of(u16 selector) const {
    if (!case_.protected_mode) return u32{selector} << 4;
    u32 const number = selector >> 3;
    return number < board::descriptor_count ? static_cast<u32>(Descriptor{.low = case_.descriptors[number]}.base()) : 0;
}

u16 ModeCaseBuilder::selector_for(bool code) {
    if (!case_.protected_mode) return static_cast<u16>(board::at / 16 + random_.below(((code ? board::code : board::highest_base) - board::at) / 16));
    if (random_.chance(4)) return static_cast<u16>(random_.bits());
    if (random_.chance(4)) return static_cast<u16>(random_.below(4)); // null
    u16 const level = static_cast<u16>(random_.chance(90) ? case_.cpl : random_.below(4));
    if (code && random_.chance(30)) return case_.selectors[static_cast<unsigned>(cs)];
    for (unsigned i = 0;; ++i) {
        u32 const number = 1 + random_.below(board::descriptor_count - 1);
        Descriptor const found{.low = case_.descriptors[number]};
        bool const good = (code ? found.is_code() : found.readable()) && found.present() && (found.dpl() == case_.cpl || found.dpl() == 3);
        if (good || i > 6) return static_cast<u16>(number << 3 | (found.dpl() == 3 && random_.chance(30) ? 3 : level));
    }
}

u32 ModeCaseBuilder::end_in(u16 selector) {
    u32 const end = board::code + 1 + random_.below(40); // the code begins behind that
    return end - base_of(selector);
}

void ModeCaseBuilder::put(u32 at, u32 value, unsigned bytes) {
    if (bytes == 4) {
        case_.memory.push_back({at, value});
    } else { // what is behind is random
        case_.memory.push_back({at, value | (random_.bits() & 0xffff0000)});
    }
}

void ModeCaseBuilder::want(unsigned number, u32 value) {
    if ((wanted_ >> number & 1) != 0) return;
    wanted_ |= static_cast<u8>(1u << number);
    if (first_) {
        case_.general[number] = value;
    } else if (!random_.chance(8)) {
        if (code_size_ == 2) prelude_.push_back(0x66);
        prelude_.push_back(static_cast<u8>(0xb8 + number));
        for (unsigned i = 0; i < 4; ++i) prelude_.push_back(static_cast<u8>(value >> 8 * i));
    }
}

// The linear address that it will have.
u32 ModeCaseBuilder::place_operand(std::vector<u8>& bytes, Decoded const& decoded, ZydisDecodedOperand const& operand) {
    auto const& memory = operand.mem;
    bool const in_segment = memory.segment >= ZYDIS_REGISTER_ES && memory.segment <= ZYDIS_REGISTER_GS;
    auto const name = in_segment ? SegmentName(memory.segment - ZYDIS_REGISTER_ES) : ds;
    auto const base = general_register(memory.base), index = general_register(memory.index);
    bool const narrow = decoded.instruction.address_width == 16;
    u32 const mask = narrow ? 0xffff : ~u32{0}, offset = offset_in(name, narrow) & mask;
    auto const garbage = [&] { return narrow ? upper_half() : 0; };
    auto const& raw = decoded.instruction.raw.disp;
    u32 displacement = memory.disp.has_displacement ? static_cast<u32>(memory.disp.value) : 0;
    u32 indexed = 0;
    if (index && index != base) {
        u32 const value = narrow ? random_.bits() & 0xffff : random_.below(128) - 64;
        want(*index, value | garbage());
        indexed = value * memory.scale;
    }
    if (!base && raw.size >= 16) {
        displacement = (offset - indexed) & mask;
        std::memcpy(&bytes[raw.offset], &displacement, raw.size / 8);
    } else if (base) {
        u32 const times = index == base ? 1 + memory.scale : 1;
        want(*base, (((offset - displacement - indexed) & mask) / times) | garbage());
    }
    return static_cast<u32>(segment(name).base) + offset;
}

// What RET, IRET, POPF and POP of a segment take from the stack.
void ModeCaseBuilder::place_frame(Decoded const& decoded) {
    auto const mnemonic = decoded.instruction.mnemonic;
    unsigned const bytes = decoded.instruction.operand_width / 8 == 4 ? 4 : 2;
    bool const narrow = stack_size() == 2;
    u32 const offset = offset_in(ss, narrow);
    u32 at = static_cast<u32>(segment(ss).base) + offset;
    want(esp, offset | (narrow ? upper_half() : 0));
    auto const next = [&](u32 value) {
        put(at, value, bytes);
        at += bytes;
    };
    // Single steps and returns to other tasks seldom, virtual-8086 mode never.
    u64 const rare = random_.chance(90) ? flags::trap | flags::nested_task : 0;
    auto const flag_word = [&] { return static_cast<u32>(random_.bits() & ~(rare | flags::virtual_8086)); };
    bool const interrupt_return = mnemonic == ZYDIS_MNEMONIC_IRET || mnemonic == ZYDIS_MNEMONIC_IRETD;
    if (is_far(decoded) || interrupt_return) {
        u16 const selector = selector_for(true);
        next(end_in(selector));
        next(selector | upper_half());
        if (interrupt_return) next(flag_word());
        else at += decoded.operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? static_cast<u16>(decoded.operands[0].imm.value.u) : 0;
        next(offset_in(ss, true)); // to an outer level
        next(static_cast<u16>(selector_for(false) | 3));
    } else if (decoded.instruction.meta.category == ZYDIS_CATEGORY_RET) {
        next(end_in(case_.selectors[static_cast<unsigned>(cs)]));
    } else if (mnemonic == ZYDIS_MNEMONIC_POP) {
        next(selector_for(false));
    } else {
        next(flag_word());
    }
}

// Selectors that are loaded or asked for, and where indirect branches go.
void ModeCaseBuilder::place_selector(std::vector<u8>& bytes, Decoded const& decoded) {
    auto const mnemonic = decoded.instruction.mnemonic;
    auto const category = decoded.instruction.meta.category;
    auto const& first = decoded.operands[0];
    auto const& second = decoded.operands[1];
    unsigned const width = decoded.instruction.operand_width / 8 == 4 ? 4 : 2;
    bool const branch = category == ZYDIS_CATEGORY_UNCOND_BR || category == ZYDIS_CATEGORY_CALL;
    if (branch && first.type == ZYDIS_OPERAND_TYPE_POINTER) {
        u16 const selector = selector_for(true);
        u32 const offset = end_in(selector);
        std::memcpy(&bytes[bytes.size() - 2 - width], &offset, width);
        std::memcpy(&bytes[bytes.size() - 2], &selector, 2);
    } else if ((branch && is_far(decoded)) || is_far_load(mnemonic)) {
        u16 const selector = selector_for(branch);
        u32 const at = place_operand(bytes, decoded, branch ? first : second);
        put(at, branch ? end_in(selector) : random_.number(), width);
        put(at + width, selector, 2);
    } else if (branch && first.type == ZYDIS_OPERAND_TYPE_MEMORY) {
        put(place_operand(bytes, decoded, first), end_in(case_.selectors[static_cast<unsigned>(cs)]), width);
    } else if (branch && first.type == ZYDIS_OPERAND_TYPE_REGISTER) {
        if (auto const number = general_register(first.reg.value)) want(*number, end_in(case_.selectors[static_cast<unsigned>(cs)]));
    } else if ((mnemonic == ZYDIS_MNEMONIC_MOV && is_segment_register(first)) || asks_for_selector(mnemonic)) {
        auto const& from = decoded.instruction.operand_count_visible > 1 ? second : first;
        if (from.type == ZYDIS_OPERAND_TYPE_MEMORY) put(place_operand(bytes, decoded, from), selector_for(false), 2);
        else if (auto const number = general_register(from.reg.value)) want(*number, selector_for(false) | upper_half());
    }
}

void ModeCaseBuilder::append() {
    auto [bytes, decoded] = choose_instruction();
    auto const mnemonic = decoded.instruction.mnemonic;
    wanted_ = 0;
    prelude_.clear();
    bool const takes_frame = decoded.instruction.meta.category == ZYDIS_CATEGORY_RET || mnemonic == ZYDIS_MNEMONIC_IRET || mnemonic == ZYDIS_MNEMONIC_IRETD ||
                             mnemonic == ZYDIS_MNEMONIC_POPF || mnemonic == ZYDIS_MNEMONIC_POPFD ||
                             (mnemonic == ZYDIS_MNEMONIC_POP && is_segment_register(decoded.operands[0]));
    if (takes_frame) place_frame(decoded);
    place_selector(bytes, decoded);
    bool const counts = is_repeated(decoded) || is_loop(mnemonic);
    if (counts) want(ecx, random_.below(8) | (decoded.instruction.address_width == 16 ? upper_half() : 0));
    for (auto const& operand : decoded.all()) {
        bool const stack = operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && general_register(operand.mem.base) == esp;
        if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && !stack && !random_.chance(2)) place_operand(bytes, decoded, operand);
    }
    starts_.push_back(case_.code.size());
    case_.code.insert(case_.code.end(), prelude_.begin(), prelude_.end());
    if (auto const branch = direct_branch(decoded)) branches_.push_back({case_.code.size() + branch->offset, branch->bytes, is_loop(mnemonic)});
    case_.code.insert(case_.code.end(), bytes.begin(), bytes.end());
    first_ = false;
}

ModeCase ModeCaseBuilder::finish() {
    auto const size = case_.code.size();
    for (auto const& branch : branches_) { // to the end, or over some instructions; LOOP goes back
        auto const behind = branch.offset + branch.bytes;
        auto target = size + random_.below(8);
        auto const start = starts_[random_.below(static_cast<u32>(starts_.size()))];
        if (random_.chance(40) && (start > branch.offset || branch.loop)) target = start;
        auto distance = static_cast<u32>(target - behind);
        if (branch.bytes == 1 && distance != static_cast<u32>(static_cast<std::int8_t>(distance))) distance = 0;
        std::memcpy(&case_.code[branch.offset], &distance, branch.bytes);
    }
    return case_;
}

} // namespace x86::translate::differential
