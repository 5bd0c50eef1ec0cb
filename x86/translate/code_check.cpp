// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/code_check.hpp"

#include <Zydis/Zydis.h>
#include <algorithm>
#include <functional>
#include <set>
#include <vector>

namespace x86::translate {
namespace {

constexpr i64 writable_fields_begin = 0,
              writable_fields_end = offsetof(State, event); // registers, eip, flags

ZydisDecoder decoder64() {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return decoder;
}

bool is_guest_register(ZydisRegister full) {
    return (full >= ZYDIS_REGISTER_RAX && full <= ZYDIS_REGISTER_RBX) ||
           (full >= ZYDIS_REGISTER_RBP && full <= ZYDIS_REGISTER_R8);
}

ZydisRegister full(ZydisRegister part) {
    return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, part);
}

class BlockCheck {
public:
    using MayArrive = std::function<bool(u64)>;
    BlockCheck(Translator::Layout const& layout, BlockView const& block, MayArrive may_arrive)
        : layout_(layout), block_(block), may_arrive_(std::move(may_arrive)) {}

    std::optional<std::string> run() {
        static ZydisDecoder const decoder = decoder64();
        std::size_t part = 0;
        while (at_ < block_.code.size()) {
            if (part < block_.parts.size() && block_.parts[part].code <= at_) {
                r9_is_address_ = r10_is_index_ = false; // each guest instruction computes its own
                while (part < block_.parts.size() && block_.parts[part].code <= at_) ++part;
            }
            auto const rest = block_.code.subspan(at_);
            if (!ZYAN_SUCCESS(
                    ZydisDecoderDecodeFull(&decoder, rest.data(), rest.size(), &now_, operands_)))
                return complaint("no instruction");
            starts_.insert(block_.address + at_);
            if (auto const wrong = instruction()) return complaint(wrong);
            before_ = now_.mnemonic;
            at_ += now_.length;
        }
        for (u64 const target : jumps_inside_)
            if (!starts_.contains(target))
                return complaint("a jump into the middle of an instruction");
        return std::nullopt;
    }

private:
    std::string complaint(char const* wrong) const {
        std::string result = wrong;
        char text[64];
        std::snprintf(text, sizeof text, " (block %x, code +%zx:", block_.eip, at_);
        result += text;
        for (std::size_t i = at_;
             i < std::min(at_ + std::max<std::size_t>(now_.length, 1), block_.code.size()); ++i) {
            std::snprintf(text, sizeof text, " %02x", block_.code[i]);
            result += text;
        }
        return result + ")";
    }

    char const* instruction() {
        if (char const* wrong = kind()) return wrong;
        bool writes_r9 = false, r9_in_32_bits = false;
        for (unsigned i = 0; i < now_.operand_count; ++i) {
            auto const& operand = operands_[i];
            bool const writes = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
            if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY)
                if (char const* wrong = memory(operand, writes)) return wrong;
            if (operand.type == ZYDIS_OPERAND_TYPE_POINTER) return "a far pointer";
            if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operand.imm.is_relative)
                if (char const* wrong =
                        jump(block_.address + at_ + now_.length + operand.imm.value.u))
                    return wrong;
            if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER || !writes) continue;
            if (char const* wrong = written(operand)) return wrong;
            auto const whole = full(operand.reg.value);
            if (whole == ZYDIS_REGISTER_R10) r10_is_index_ = now_.mnemonic == ZYDIS_MNEMONIC_MOVZX;
            if (whole != ZYDIS_REGISTER_R9) continue;
            writes_r9 = true;
            r9_in_32_bits = operand.size == 32;
        }
        if (writes_r9) r9_is_address_ = r9_in_32_bits;
        return nullptr;
    }

    char const* kind() const {
        if ((now_.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) != 0) return "privileged";
        if (now_.mnemonic == ZYDIS_MNEMONIC_RDTSC) return nullptr; // as user programs may
        switch (now_.meta.category) {
        case ZYDIS_CATEGORY_SYSCALL:
        case ZYDIS_CATEGORY_SYSRET:
        case ZYDIS_CATEGORY_INTERRUPT:
        case ZYDIS_CATEGORY_IO:
        case ZYDIS_CATEGORY_IOSTRINGOP:
        case ZYDIS_CATEGORY_SYSTEM:
        case ZYDIS_CATEGORY_RDWRFSGS:
        case ZYDIS_CATEGORY_SEGOP: return "not for user mode, or not for guests";
        default: break;
        }
        if (now_.mnemonic == ZYDIS_MNEMONIC_CLI || now_.mnemonic == ZYDIS_MNEMONIC_STI)
            return "not for user mode";
        bool const jumps =
            now_.mnemonic == ZYDIS_MNEMONIC_JMP || now_.mnemonic == ZYDIS_MNEMONIC_CALL;
        if (jumps && operands_[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
            return "a jump to a register";
        bool const far = now_.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
        return far ? "a far jump" : nullptr;
    }

    char const* written(ZydisDecodedOperand const& operand) const {
        auto const whole = full(operand.reg.value);
        bool const explicitly = operand.visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN;
        if (whole == ZYDIS_REGISTER_R15) return "r15 is written";
        if (whole == ZYDIS_REGISTER_RSP && explicitly) return "rsp is written";
        if (is_guest_register(whole) && operand.size == 64 && explicitly)
            return "64 bits of a guest register are written";
        bool const segment =
            operand.reg.value >= ZYDIS_REGISTER_ES && operand.reg.value <= ZYDIS_REGISTER_GS;
        return segment ? "a segment register is written" : nullptr;
    }

    char const* memory(ZydisDecodedOperand const& operand, bool writes) {
        auto const& m = operand.mem;
        if (m.type == ZYDIS_MEMOP_TYPE_AGEN) return nullptr; // LEA
        if (m.segment == ZYDIS_REGISTER_FS || m.segment == ZYDIS_REGISTER_GS) return "fs or gs";
        if (m.base == ZYDIS_REGISTER_RIP || m.base == ZYDIS_REGISTER_EIP) return "relative to rip";
        if (now_.address_width == 32 && m.base != ZYDIS_REGISTER_RSP) return nullptr;
        switch (m.base) {
        case ZYDIS_REGISTER_R9:
            if (m.index != ZYDIS_REGISTER_NONE || m.disp.value != 0) return "beside r9";
            return r9_is_address_ ? nullptr : "r9 is no address";
        case ZYDIS_REGISTER_RSP: return stack(operand);
        case ZYDIS_REGISTER_R15: return state(m, operand.size / 8, writes);
        default: return "an address of 64 bits";
        }
    }

    char const* stack(ZydisDecodedOperand const& operand) const {
        bool const hidden = operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
        bool const flags = operand.mem.disp.value == 0 && now_.mnemonic == ZYDIS_MNEMONIC_MOV &&
                           operand.size == 64;
        return hidden || flags ? nullptr : "the stack";
    }

    char const* state(ZydisDecodedOperandMem const& m, i64 size, bool writes) const {
        if (m.index == ZYDIS_REGISTER_NONE) {
            i64 const end = m.disp.value + size;
            if (m.disp.value < 0 || end > i64{sizeof(State)}) return "beside State";
            return writes && (m.disp.value < writable_fields_begin || end > writable_fields_end)
                       ? "a field of State that is not its own"
                       : nullptr;
        }
        if (m.index != ZYDIS_REGISTER_R10) return "beside State";
        if (m.scale == 1 && m.disp.value == 0)
            return before_ == ZYDIS_MNEMONIC_MOV && !writes ? nullptr : "no check of the event";
        bool const table = m.scale == 8 &&
                           layout_.state + static_cast<u64>(m.disp.value) == layout_.table &&
                           r10_is_index_;
        bool const jumps =
            now_.mnemonic == ZYDIS_MNEMONIC_JMP || now_.mnemonic == ZYDIS_MNEMONIC_CALL;
        return table && jumps ? nullptr : "no use of the table";
    }

    char const* jump(u64 target) {
        bool const inside =
            target >= block_.address && target < block_.address + block_.code.size();
        if (inside) {
            jumps_inside_.push_back(target);
            return nullptr;
        }
        bool const shared =
            target >= layout_.shared && target < layout_.shared + layout_.shared_bytes;
        return shared || may_arrive_(target) ? nullptr : "a jump to no block";
    }

    Translator::Layout const& layout_;
    BlockView const& block_;
    MayArrive may_arrive_;
    std::size_t at_{};
    ZydisDecodedInstruction now_{};
    ZydisDecodedOperand operands_[ZYDIS_MAX_OPERAND_COUNT];
    ZydisMnemonic before_{};
    bool r9_is_address_{}, r10_is_index_{};
    std::set<u64> starts_;
    std::vector<u64> jumps_inside_;
};

} // namespace

std::optional<std::string> check_block(Translator::Layout const& layout, BlockView const& block) {
    return BlockCheck(layout, block,
                      [&](u64 target) { return target - layout.code < layout.code_bytes; })
        .run();
}

std::optional<std::string> check_all_blocks(Translator const& translator) {
    auto const layout = translator.layout();
    std::set<u64> entries;
    translator.for_each_block([&](BlockView const& block) {
        entries.insert({block.address, block.checked, block.plain});
    });
    std::optional<std::string> wrong;
    translator.for_each_block([&](BlockView const& block) {
        if (!wrong)
            wrong = BlockCheck(layout, block, [&](u64 target) {
                        return entries.contains(target);
                    }).run();
    });
    return wrong;
}

} // namespace x86::translate
