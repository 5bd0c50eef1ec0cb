// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/trap/code_map.hpp"

#include "vmm/engine/trap/common_instruction.hpp"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <cstring>

namespace vmm::trap {
namespace {

enum class Kind : u8 { harmless, sensitive, faulting };

struct Decoded {
    u8 length;
    Kind kind;
    bool ends_run; // nothing follows: jump, return
    bool unlikely; // compilers don't make it, and hand-written kernels hardly: a sign of data
    std::optional<int> target; // of a direct jump or call, relative to its first byte
};

ZydisDecoder const& decoder() {
    static ZydisDecoder const made = [] {
        ZydisDecoder result;
        ZydisDecoderInit(&result, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
        ZydisDecoderEnableMode(&result, ZYDIS_DECODER_MODE_MINIMAL,
                               true); // lengths and raw fields are enough
        return result;
    }();
    return made;
}

// One-byte opcodes, Intel SDM vol. 3, table 26-1 of what virtualisation must catch, less what
// faults.
Kind kind_one_byte(u8 opcode, u8 reg) {
    switch (opcode) {
    case 0x06:
    case 0x0e:
    case 0x16:
    case 0x1e: // PUSH ES CS SS DS
    case 0x07:
    case 0x17:
    case 0x1f: // POP ES SS DS: a null selector does not fault
    case 0x8c:
    case 0x8e: // MOV from and to segment registers
    case 0x9a:
    case 0xea: // far CALL and JMP: the selector may be a real one
    case 0x9c:
    case 0x9d: // PUSHF POPF
    case 0xc4:
    case 0xc5: // LES LDS
    case 0xca:
    case 0xcb:
    case 0xcf: // RETF IRET
        return Kind::sensitive;
    case 0xff: return reg == 3 || reg == 5 ? Kind::sensitive : Kind::harmless; // far CALL and JMP
    case 0x6c:
    case 0x6d:
    case 0x6e:
    case 0x6f: // INS OUTS
    case 0xcd: // INT n
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef: // IN OUT
    case 0xf4:
    case 0xfa:
    case 0xfb: // HLT CLI STI
        return Kind::faulting;
    default: return Kind::harmless;
    }
}

Kind kind_two_byte(u8 opcode, u8 mod, u8 reg) {
    constexpr u8 registers = 3;
    switch (opcode) {
    case 0x00: return reg <= 5 ? Kind::sensitive : Kind::harmless; // SLDT STR LLDT LTR VERR VERW
    case 0x01:
        if (reg == 4) return Kind::sensitive;                     // SMSW
        if (mod != registers && reg <= 1) return Kind::sensitive; // SGDT SIDT
        return mod != registers || reg == 6 ? Kind::faulting
                                            : Kind::harmless; // LGDT LIDT LMSW INVLPG
    case 0x02:
    case 0x03: // LAR LSL
    case 0xa0:
    case 0xa1:
    case 0xa8:
    case 0xa9: // PUSH and POP FS GS
    case 0xa2: // CPUID: the guest's differs from the processor's
    case 0xb2:
    case 0xb4:
    case 0xb5: // LSS LFS LGS
        return Kind::sensitive;
    case 0x06:
    case 0x08:
    case 0x09: // CLTS INVD WBINVD
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x30:
    case 0x32: // MOV CR, DR; WRMSR RDMSR
        return Kind::faulting;
    default: return Kind::harmless;
    }
}

bool unlikely_one_byte(u8 opcode) {
    switch (opcode) {
    case 0x00: // zeros: ADD [EAX], AL
    case 0x0e:
    case 0x16:
    case 0x17: // PUSH CS, PUSH and POP SS
    case 0x27:
    case 0x2f:
    case 0x37:
    case 0x3f: // decimal arithmetic
    case 0x62:
    case 0x63:
    case 0x9a:
    case 0xc4:
    case 0xc5: // BOUND ARPL, far CALL, LES LDS
    case 0xc8:
    case 0xca:
    case 0xcb:
    case 0xce: // ENTER RETF INTO
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xf1: // AAM AAD SALC INT1
        return true;
    default: return false;
    }
}

// By the decoder, which knows everything.
std::optional<Decoded> decode_fully(std::span<u8 const> bytes) {
    ZydisDecodedInstruction instruction;
    ZyanStatus const status = ZydisDecoderDecodeInstruction(
        &decoder(), nullptr, bytes.data(),
        std::min<std::size_t>(bytes.size(), ZYDIS_MAX_INSTRUCTION_LENGTH), &instruction);
    if (!ZYAN_SUCCESS(status)) return std::nullopt;
    auto const& raw = instruction.raw;
    Decoded result{.length = instruction.length,
                   .kind = Kind::harmless,
                   .ends_run = false,
                   .unlikely = false,
                   .target = {}};
    if (instruction.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY) return result;
    u8 const opcode = instruction.opcode;
    if (instruction.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) {
        result.kind = kind_one_byte(opcode, raw.modrm.reg);
        result.unlikely = unlikely_one_byte(opcode);
        result.ends_run = opcode == 0xeb || opcode == 0xe9 || opcode == 0xc3 || opcode == 0xc2 ||
                          opcode == 0xcb || opcode == 0xca || opcode == 0xcf || opcode == 0xea ||
                          (opcode == 0xff && (raw.modrm.reg == 4 || raw.modrm.reg == 5));
    } else if (instruction.opcode_map == ZYDIS_OPCODE_MAP_0F) {
        result.kind = kind_two_byte(opcode, raw.modrm.mod, raw.modrm.reg);
        result.ends_run = opcode == 0x0b || opcode == 0xff || opcode == 0xb9; // UD2 and its like
    }
    if (raw.imm[0].is_relative)
        result.target = instruction.length +
                        static_cast<int>(std::clamp<i64>(raw.imm[0].value.s, -2 * i64{page_size},
                                                         2 * i64{page_size}));
    return result;
}

std::optional<Decoded> decode(std::span<u8 const> bytes) {
    auto const common = common_instruction(bytes);
    if (!common) return decode_fully(bytes);
    Decoded result{.length = common->length,
                   .kind = Kind::harmless,
                   .ends_run = common->ends_run,
                   .unlikely = false,
                   .target = {}};
    if (common->relative_bytes == 1)
        result.target = common->length + static_cast<std::int8_t>(bytes[common->length - u64{1}]);
    if (common->relative_bytes == 4) {
        std::int32_t distance;
        std::memcpy(&distance, &bytes[common->length - u64{4}], sizeof distance);
        // Far away is outside of the page, however far.
        result.target = std::clamp(distance, -2 * static_cast<int>(page_size),
                                   2 * static_cast<int>(page_size)) +
                        common->length;
    }
    return result;
}

} // namespace

void CodeMap::follow(CodeBytes const& code, u16 entry) {
    std::vector<u16> open{entry};
    while (!open.empty()) {
        u32 at = open.back();
        open.pop_back();
        while (at < page_size && length_[at] == 0) {
            auto const found = decode(code.from(static_cast<int>(at)));
            if (!found) {
                // What can't be seen to its end may be anything; what is invalid faults by itself.
                if (code.from(static_cast<int>(at)).size() < wanted_after + 1) {
                    length_[at] = 1;
                    sensitive_.set(at);
                }
                break;
            }
            length_[at] = found->length;
            sensitive_.set(at, found->kind == Kind::sensitive);
            faulting_.set(at, found->kind == Kind::faulting);
            if (found->target) {
                i64 const target = static_cast<i64>(at) + *found->target;
                if (target >= 0 && target < page_size && length_[static_cast<u32>(target)] == 0)
                    open.push_back(static_cast<u16>(target));
            }
            if (found->ends_run) break;
            at += found->length;
        }
    }
}

// Instructions one behind the other, up to one after which nothing follows.
struct CodeMap::Run {
    struct Step {
        int at;
        Decoded instruction;
    };
    std::vector<Step> steps;
    int end{};
    bool believable{true};
    bool doubtful{}; // it ended where no code is
};

CodeMap::Run CodeMap::read_run(CodeBytes const& code, int from, int end, Offsets const& hopeless,
                               bool follows) const {
    Run run{.steps = {}, .end = from};
    while (run.end < end) {
        int const at = run.end;
        bool const known_hopeless = at >= 0 && hopeless.test(static_cast<u32>(at));
        auto const bytes = code.from(at);
        // Filling: no compiler begins with an addition of a byte to memory.
        bool const zeros =
            bytes[0] == 0 && (run.steps.empty() || bytes.size() < 2 || bytes[1] == 0);
        auto const found = known_hopeless || zeros ? std::nullopt : decode(bytes);
        if (!found) {
            run.believable = false;
            run.doubtful = !known_hopeless && !zeros;
            return run;
        }
        run.steps.push_back({at, *found});
        run.end = at + found->length;
        if (found->ends_run) break;
    }
    // Into the middle of a known instruction: then this is none, unless it follows one.
    if (run.end > end && end < static_cast<int>(page_size) && !follows) {
        run.believable = false;
        run.doubtful = true;
    }
    return run;
}

// Two passes: the first reads runs from one place to the next and notes what makes little sense,
// the second believes those that are not surrounded by such places.
void CodeMap::sweep(CodeBytes const& code) {
    Offsets hopeless; // where a run that is not believable passed
    std::vector<int> doubts;
    std::vector<Run> runs;
    int at = -static_cast<int>(code.before);
    bool follows = false; // behind an instruction that is one for sure
    while (at < static_cast<int>(page_size)) {
        if (at >= 0 && length_[static_cast<u32>(at)] != 0) {
            at += length_[static_cast<u32>(at)];
            follows = true;
            continue;
        }
        int end = std::max(at, 0);
        while (end < static_cast<int>(page_size) && length_[static_cast<u32>(end)] == 0) ++end;
        Run run = read_run(code, at, end, hopeless, follows);
        follows = false;
        for (auto const& step : run.steps)
            if (step.instruction.unlikely) doubts.push_back(step.at);
        if (run.believable) {
            at = run.end;
            runs.push_back(std::move(run));
            continue;
        }
        if (run.doubtful) doubts.push_back(run.end);
        for (auto const& step : run.steps)
            if (step.at >= 0) hopeless.set(static_cast<u32>(step.at));
        if (run.end >= 0 && run.end < static_cast<int>(page_size))
            hopeless.set(static_cast<u32>(run.end));
        ++at;
    }
    std::ranges::sort(doubts);
    constexpr int neighbourhood = 96;
    for (Run const& run : runs) {
        if (run.steps.empty()) continue;
        int const from = run.steps.front().at - neighbourhood, to = run.end + neighbourhood;
        auto const first = std::ranges::lower_bound(doubts, from);
        auto const last = std::ranges::upper_bound(doubts, to);
        bool const at_edge =
            from < -static_cast<int>(code.before) || to > static_cast<int>(page_size);
        auto const most_doubts = at_edge ? 1 : 2; // a wrong first byte alone may make as many
        if (last - first <= most_doubts) learn(code, run);
    }
}

void CodeMap::learn(CodeBytes const& code, Run const& run) {
    for (auto const& step : run.steps) {
        if (step.at < 0 || step.at >= static_cast<int>(page_size)) continue;
        u32 const offset = static_cast<u32>(step.at);
        length_[offset] = step.instruction.length;
        sensitive_.set(offset, step.instruction.kind == Kind::sensitive);
        faulting_.set(offset, step.instruction.kind == Kind::faulting);
    }
    for (auto const& step : run.steps) {
        i64 const target = step.at + step.instruction.target.value_or(-static_cast<int>(page_size));
        if (target >= 0 && target < page_size) follow(code, static_cast<u16>(target));
    }
}

CodeMap::Offsets CodeMap::traps() const {
    Offsets result = sensitive_;
    if (result.none()) return result;
    u32 nearest = page_size + 16; // the trap next behind
    for (u32 at = page_size; at-- > 0;) {
        if (length_[at] != 0 && nearest < at + length_[at]) result.set(at);
        if (result.test(at)) nearest = at;
    }
    return result;
}

bool CodeMap::touches(u32 first, u32 last) const {
    u32 const longest = 15;
    for (u32 at = first > longest ? first - longest : 0; at < last; ++at)
        if (length_[at] != 0 && at + length_[at] > first) return true;
    return false;
}

std::optional<u8> instruction_length(std::span<u8 const> bytes) {
    auto const found = decode(bytes);
    return found ? std::optional(found->length) : std::nullopt;
}

bool needs_privilege(std::span<u8 const> bytes) {
    auto const is_prefix = [](u8 byte) {
        return byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 ||
               (byte & 0xe7) == 0x26 || (byte & 0xfe) == 0x64;
    };
    while (bytes.size() > 2 && is_prefix(bytes[0])) bytes = bytes.subspan(1);
    if (bytes.size() < 3) return false;
    if (bytes[0] == 0x0f)
        return kind_two_byte(bytes[1], bytes[2] >> 6, bytes[2] >> 3 & 7) != Kind::harmless;
    return kind_one_byte(bytes[0], bytes[1] >> 3 & 7) != Kind::harmless;
}

} // namespace vmm::trap
