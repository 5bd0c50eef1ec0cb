// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "x86/emulate/arithmetic.hpp"
#include "x86/translate/differential/generator.hpp"

namespace x86::translate::differential {
namespace {

constexpr unsigned ecx = 1, esp = 4;
constexpr u32 longest_code = 400;

u32 sign_extended8(u32 value) { return static_cast<u32>(static_cast<std::int8_t>(value)); }

} // namespace

u32 Random::number() {
    static constexpr u32 edges[] = {0, 1, 2, 7, 8, 15, 16, 31, 32, 33, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000,
                                    0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe};
    switch (below(4)) {
    case 0: return edges[below(std::size(edges))];
    case 1: return bits() >> below(32);
    default: return bits();
    }
}

u32 Random::pointer() {
    using namespace arena;
    if (chance(75)) return arena::data + below(data_pages * page - 16);
    if (chance(60)) return at + page * (1 + below(4)) - 16 + below(24); // at a border of pages
    if (chance(10)) return 0xfffffff0 + below(16);
    return at + below(end - at);
}

u32 Random::data() { return arena::data + 256 + below(arena::data_pages * arena::page - 1024) / 4 * 4; }

CaseBuilder::CaseBuilder(Random& random, bool of_program, bool own_code) : random_(random), of_program_(of_program) {
    for (unsigned i = 0; i < 8; ++i) case_.general[i] = random_.chance(50) ? random_.pointer() : random_.number();
    case_.general[esp] = random_.chance(95) ? random_.data() : random_.pointer();
    case_.flags = static_cast<u32>((random_.bits() & flags::arithmetic) | (random_.chance(20) ? flags::direction : 0));
    case_.writes_code = own_code;
    choose_start();
    if (random_.chance(12)) choose_segments();
}

void CaseBuilder::choose_segments() {
    for (auto const name : {SegmentName::es, SegmentName::ss, SegmentName::ds, SegmentName::gs}) {
        if (!random_.chance(40)) continue;
        auto& segment = case_.segments[static_cast<unsigned>(name)].emplace();
        segment = {.base = arena::at, .limit = random_.chance(50) ? 0xffffffff : arena::end - arena::at - 1, .big = true};
        if (name == SegmentName::ss) segment.big = random_.chance(60);
        else if (random_.chance(50)) segment = {.base = arena::data + random_.below(64), .limit = arena::page + random_.below(arena::page), .big = true};
    }
    case_.general[esp] -= base_of(SegmentName::ss);
    auto const& stack = case_.segments[static_cast<unsigned>(SegmentName::ss)];
    if (stack && !stack->big && random_.chance(50)) case_.general[esp] |= random_.bits() & 0xffff0000; // of no account
}

std::optional<u32> CaseBuilder::limit_of(ZydisRegister name) const {
    if (name < ZYDIS_REGISTER_ES || name > ZYDIS_REGISTER_GS) return std::nullopt;
    auto const& segment = case_.segments[name - ZYDIS_REGISTER_ES];
    return segment && segment->limit != 0xffffffff ? std::optional(segment->limit) : std::nullopt;
}

u32 CaseBuilder::base_of(SegmentName name) const {
    auto const& segment = case_.segments[static_cast<unsigned>(name)];
    return segment ? segment->base : 0;
}

void CaseBuilder::choose_start() {
    u32 const base = case_.writes_code ? arena::own_code : arena::code;
    // Sometimes across the border of the two pages.
    start_ = random_.chance(15) ? base + arena::page - 1 - random_.below(60) : base + random_.below(arena::code_pages * arena::page - 2 * longest_code);
}

void CaseBuilder::word(u32 value) {
    for (unsigned i = 0; i < 4; ++i) code_.push_back(static_cast<u8>(value >> 8 * i));
}

// A value that the next instruction's registers should have: by the initial state, or by a MOV in front.
void CaseBuilder::want(unsigned number, u32 value) {
    if ((wanted_ >> number & 1) != 0) return;
    wanted_ |= static_cast<u8>(1u << number);
    if (first_) {
        case_.general[number] = value;
    } else if (!random_.chance(8)) {
        prelude_.push_back(static_cast<u8>(0xb8 + number));
        for (unsigned i = 0; i < 4; ++i) prelude_.push_back(static_cast<u8>(value >> 8 * i));
    }
}

void CaseBuilder::place_operand(std::vector<u8>& bytes, Decoded const& decoded, ZydisDecodedOperand const& operand) {
    auto const& memory = operand.mem;
    auto const base = general_register(memory.base), index = general_register(memory.index);
    bool const narrow = decoded.instruction.address_width == 16;
    bool const stack = base == esp && memory.index == ZYDIS_REGISTER_NONE && operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
    u32 target = stack ? (random_.chance(85) ? random_.data() : random_.pointer()) : random_.pointer();
    if (narrow) target = arena::low + random_.below(arena::page + 16);
    if (memory.segment >= ZYDIS_REGISTER_ES && memory.segment <= ZYDIS_REGISTER_GS)
        target -= base_of(SegmentName(memory.segment - ZYDIS_REGISTER_ES));
    if (auto const limit = limit_of(memory.segment); limit && random_.chance(20)) target = *limit + 1 - random_.below(20);
    auto const& raw = decoded.instruction.raw.disp;
    u32 displacement = memory.disp.has_displacement ? static_cast<u32>(memory.disp.value) : 0;
    u32 indexed = 0;
    if (index && index != base) {
        u32 const value = random_.chance(80) ? random_.below(64) : 0 - random_.below(64);
        want(*index, value);
        indexed = value * memory.scale;
    }
    if (!base && raw.size == 32) { // an absolute address, perhaps of a table: moved into the arena
        displacement = target - indexed;
        std::memcpy(&bytes[raw.offset], &displacement, 4);
    } else if (base) {
        u32 const times = index == base ? 1 + memory.scale : 1;
        want(*base, times == 1 ? target - displacement - indexed : (target - displacement) / times);
    }
}

// Where indirect branches go: mostly to an exit.
void CaseBuilder::place_target(Decoded const& decoded) {
    auto const category = decoded.instruction.meta.category;
    bool const branch = category == ZYDIS_CATEGORY_UNCOND_BR || category == ZYDIS_CATEGORY_CALL || category == ZYDIS_CATEGORY_RET;
    if (!branch || direct_branch(decoded) || random_.chance(10)) return;
    u32 const target = arena::exit(arena::first_computed_exit + random_.below(arena::exit_count - arena::first_computed_exit));
    auto const& operand = decoded.operands[0];
    if (category != ZYDIS_CATEGORY_RET && operand.type == ZYDIS_OPERAND_TYPE_REGISTER) {
        if (auto const number = general_register(operand.reg.value)) want(*number, target);
        return;
    }
    // Through memory: a place that is known. RET takes it from the stack.
    u32 const place = random_.data();
    if (category == ZYDIS_CATEGORY_RET) {
        want(esp, place - base_of(SegmentName::ss));
    } else if (auto const base = general_register(operand.mem.base); base && operand.mem.index == ZYDIS_REGISTER_NONE) {
        u32 const segment = base_of(SegmentName(operand.mem.segment - ZYDIS_REGISTER_ES));
        want(*base, place - segment - static_cast<u32>(operand.mem.disp.has_displacement ? operand.mem.disp.value : 0));
    }
    case_.memory.emplace_back(place, target);
}

void CaseBuilder::append(std::vector<u8> bytes, Decoded const& decoded) {
    if (!of_program_) wanted_ = 0;
    prelude_.clear();
    auto const mnemonic = decoded.instruction.mnemonic;
    if (mnemonic == ZYDIS_MNEMONIC_POPF || mnemonic == ZYDIS_MNEMONIC_POPFD) {
        // Not TF, which would trap behind the instruction, nor AC, which the test's own code does not expect.
        u32 const place = random_.data();
        want(esp, place - base_of(SegmentName::ss));
        case_.memory.emplace_back(place, static_cast<u32>(random_.bits() & ~(flags::trap | flags::alignment_check)));
    }
    place_target(decoded);
    if ((decoded.instruction.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) != 0)
        want(ecx, random_.chance(95) ? random_.below(12) : random_.below(3000));
    bool const bit_string = (mnemonic == ZYDIS_MNEMONIC_BT || mnemonic == ZYDIS_MNEMONIC_BTS || mnemonic == ZYDIS_MNEMONIC_BTR ||
                             mnemonic == ZYDIS_MNEMONIC_BTC) && decoded.operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY;
    if (bit_string && decoded.operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER)
        if (auto const number = general_register(decoded.operands[1].reg.value)) want(*number, random_.below(2048) - 1024);
    for (auto const& operand : decoded.all())
        if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && !random_.chance(2)) place_operand(bytes, decoded, operand);
    code_.insert(code_.end(), prelude_.begin(), prelude_.end());
    if (auto const branch = direct_branch(decoded)) branches_.push_back({code_.size(), code_.size() + branch->offset, branch->bytes});
    code_.insert(code_.end(), bytes.begin(), bytes.end());
    first_ = of_program_;
}

void CaseBuilder::jump_to(u32 target) {
    code_.push_back(0xe9);
    word(target - code_at(code_.size() + 4));
}

void CaseBuilder::begin_loop() {
    case_.segments[static_cast<unsigned>(SegmentName::ds)].reset(); // the counter is at an absolute address
    case_.loops = true;
    case_.counter = 1 + random_.below(5);
    loop_ = code_.size();
    first_ = false; // registers are to be right in each repetition
}

void CaseBuilder::end_loop() {
    append_plain({0xff, 0x0d}); // dec dword [counter]
    word(arena::counter);
    append_plain({0x0f, 0x85}); // jnz
    word(static_cast<u32>(*loop_ - (code_.size() + 4)));
}

void CaseBuilder::function_call() {
    if (random_.chance(85)) append_plain({static_cast<u8>(0xb8 + esp)}), word(random_.data() - base_of(SegmentName::ss));
    code_.push_back(0xe8);
    calls_.push_back({code_.size() - 1, code_.size(), 4});
    word(0);
    first_ = false;
    case_.loops = true; // not straight
}

// mov byte [later], value, with DS as it is; mov register, immediate: whose last byte is meant.
void CaseBuilder::store_into_code() {
    append_plain({0xc6, 0x05});
    unsigned const between = random_.below(3);
    word(code_at(code_.size() + 4 + 1 + between + 4));
    code_.push_back(static_cast<u8>(random_.bits()));
    for (unsigned i = 0; i < between; ++i) code_.push_back(0x90);
    code_.push_back(static_cast<u8>(0xb8 + random_.below(4)));
    word(random_.bits());
    first_ = false;
}

Case CaseBuilder::finish(bool near_end) {
    if (near_end && !code_.empty() && branches_.empty() && calls_.empty() && !case_.loops && !case_.writes_code) {
        // The code's end, or the middle of its last instruction, is the end of the mapped pages. Nothing in it depends on its address.
        start_ = arena::code + arena::code_pages * arena::page - static_cast<u32>(code_.size()) + (code_.size() > 1 ? random_.below(2) : 0);
        code_.resize(arena::code + arena::code_pages * arena::page - start_);
        case_.at = start_;
        case_.code = code_;
        return case_;
    }
    case_.ways_out.push_back(static_cast<u32>(code_.size()));
    jump_to(arena::exit(0));
    for (auto const& call : calls_) {
        u32 const distance = static_cast<u32>(code_.size() - (call.offset + 4));
        std::memcpy(&code_[call.offset], &distance, 4);
        append_plain({static_cast<u8>(0x40 + random_.below(4)), 0xc3}); // inc; ret
    }
    for (auto const& branch : branches_) {
        u32 const target = arena::exit(static_cast<u32>(case_.ways_out.size()));
        case_.ways_out.push_back(static_cast<u32>(branch.instruction));
        u32 const behind = static_cast<u32>(branch.offset) + branch.bytes;
        u32 distance = target - code_at(behind);
        if (branch.bytes == 1) { // by way of a longer jump, if that is near enough; else nowhere
            distance = static_cast<u32>(code_.size()) - behind;
            if (distance == sign_extended8(distance)) jump_to(target);
            else distance = 0;
        }
        std::memcpy(&code_[branch.offset], &distance, branch.bytes);
    }
    case_.at = start_;
    case_.code = code_;
    return case_;
}

} // namespace x86::translate::differential
