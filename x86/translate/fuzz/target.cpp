// SPDX-License-Identifier: Apache-2.0
// Random bytes as guest code, through decoder, block builder and cache; every block's code is checked (code_check.hpp) after every step. Nothing
// that was generated runs here. The input:
//
//   options | mode | segments, memory | number of steps | steps, four bytes each | code: the rest, in pages that begin at linear 0
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "x86/translate/code_check.hpp"

namespace x86::translate {
namespace {

constexpr u32 page_bytes = 4096, pages = 4;
constexpr u64 device_page = 0x1000;
constexpr u64 code_address = 0x80'1000'0000, state_address = 0x80'0000'0000, stack_address = 0x80'0010'0000;

u64 blocks, inputs; // over the whole run
void print_counts() { std::fprintf(stderr, "fuzz: %llu blocks in %llu inputs\n", static_cast<unsigned long long>(blocks), static_cast<unsigned long long>(inputs)); }

[[noreturn]] void broken(char const* what) {
    std::fprintf(stderr, "fuzz: %s\n", what);
    std::abort();
}

// A few pages of code; other pages fault, are devices, or read as the first ones.
class Pages : public Code {
public:
    explicit Pages(std::span<u8 const> bytes) {
        if (!bytes.empty())
            for (std::size_t i = 0; i < sizeof bytes_; ++i) bytes_[i] = i < bytes.size() ? bytes[i] : 0x90;
    }
    OrException<Page> fetch(u32 linear) override {
        u32 const page = linear / page_bytes, offset = linear % page_bytes;
        if (page % 16 == pages) return fail(Exception{vector::page_fault, 0x14, linear});
        if (page % 16 == pages + 1) return Page{{}, device_page};
        u32 const at = page % pages * page_bytes + offset;
        return Page{{bytes_ + at, page_bytes - offset}, page % pages};
    }
    void protect(u64 page) override {
        if (page >= pages && page != device_page) broken("protects a page that was never fetched");
    }
    void change(u32 at, u8 to) { bytes_[at % sizeof bytes_] = to; }

private:
    u8 bytes_[pages * page_bytes]{};
};

class Run {
public:
    Run(u8 options, u8 mode, u8 more, std::span<u8 const> code)
        : code_(code), memory_(u64{64} << 10 << (more >> 6 == 3 ? 4 : more >> 6)), stack_(page_bytes), translator_(code_memory(), options_of(options), code_) {
        set_mode(mode, more);
    }

    void step(u8 const (&bytes)[4]) {
        u32 const at = bytes[1] | u32{bytes[2]} << 8;
        switch (bytes[0] % 8) {
        case 0: set_mode(bytes[1], bytes[2]); break;
        case 1: translator_.invalidate(bytes[1] % pages); break;
        case 2: translator_.invalidate_linear(at, at + bytes[3]); break;
        case 3:
            translator_.invalidate(at % (pages * page_bytes) / page_bytes);
            code_.change(at, bytes[3]);
            break;
        case 4: fault(at, bytes[3]); break;
        case 5:
            if (bytes[3] > 250) translator_.flush();
            [[fallthrough]];
        default: enter(at | u32{bytes[3]} << 16);
        }
        if (auto const wrong = check_all_blocks(translator_)) broken(wrong->c_str());
    }
    Counters const& counters() const { return translator_.counters(); }

private:
    static Options options_of(u8 bits) {
        return {.cache = (bits & 1) == 0, .chaining = (bits & 2) == 0, .registers = (bits & 4) == 0, .lazy_flags = (bits & 8) == 0, .return_stack = (bits & 16) == 0};
    }
    CodeMemory code_memory() {
        return {.bytes = memory_, .code = code_address, .state = &state_, .state_address = state_address, .stack = stack_, .stack_address = stack_address};
    }
    void set_mode(u8 mode, u8 segments) {
        GuestMode wanted;
        wanted.code_size = (mode & 1) != 0 ? 2 : 4;
        wanted.stack_size = (mode & 2) != 0 ? 2 : 4;
        wanted.cpl = mode >> 2 & 3;
        wanted.fpu = (mode & 16) == 0;
        wanted.flat = (mode & 32) != 0 ? segments & 0x3f : 0x3f;
        u8 const rest = static_cast<u8>(~wanted.flat & 0x3f);
        wanted.unlimited = (mode & 64) != 0 ? rest : 0;
        wanted.emulated = (mode & 128) != 0 ? static_cast<u8>(rest & ~wanted.unlimited & ~2) : 0;
        for (unsigned i = 0; i < 6; ++i) {
            bool const flat = (wanted.flat >> i & 1) != 0, unlimited = (wanted.unlimited >> i & 1) != 0;
            state_.segments[i] = {flat ? 0 : u32{0x1000}, flat || unlimited ? 0xffffffff : 0xffff};
        }
        translator_.set_mode(wanted);
    }
    void enter(u32 eip) {
        state_.eip = eip;
        auto const where = translator_.enter();
        if (where && (*where < code_address || *where >= code_address + memory_.size())) broken("enters code elsewhere");
    }
    // An exception at any place of any block.
    void fault(u32 which, u8 offset) {
        std::vector<std::pair<u64, u32>> found;
        translator_.for_each_block([&](BlockView const& block) {
            if (!block.code.empty()) found.emplace_back(block.address + which % block.code.size(), block.eip);
        });
        if (found.empty()) return;
        HostRegisters registers{};
        registers.rip = found[offset % found.size()].first;
        registers.general[4] = stack_address + page_bytes / 2;
        registers.general[15] = state_address;
        (void)translator_.recover(registers);
    }

    Pages code_;
    std::vector<u8> memory_, stack_;
    State state_{};
    Translator translator_;
};

} // namespace
} // namespace x86::translate

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    std::atexit(x86::translate::print_counts);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, std::size_t size) {
    using namespace x86::translate;
    constexpr std::size_t header = 4, step_bytes = 4, most_steps = 24;
    if (size < header) return 0;
    std::size_t const steps = data[3] % most_steps;
    if (size < header + steps * step_bytes) return 0;
    Run run(data[0], data[1], data[2], {data + header + steps * step_bytes, size - header - steps * step_bytes});
    for (std::size_t i = 0; i < steps; ++i) {
        u8 step[step_bytes];
        std::memcpy(step, data + header + i * step_bytes, step_bytes);
        run.step(step);
    }
    ++inputs;
    blocks += run.counters().blocks;
    return 0;
}
