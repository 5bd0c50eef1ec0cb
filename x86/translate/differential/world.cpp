// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/differential/world.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "x86/emulate/arithmetic.hpp"
#include "x86/translate/differential/decoded.hpp"
#include "x86/translate/differential/run_of_runner.hpp"

namespace x86::translate::differential {
namespace {

using namespace hosted;

constexpr u32 compared_flags = flags::arithmetic | flags::direction | flags::nested_task | flags::alignment_check | flags::identification;
constexpr u64 usual_code_bytes = 4 << 20;

struct Area {
    u32 at, bytes;
};
constexpr Area written[] = {{arena::data, arena::data_pages * arena::page}, {arena::counter, arena::page},
                            {arena::own_code, arena::code_pages* arena::page}, {arena::low, arena::page}};

// The same page twice: here for this program, there for the guest, which cannot write it.
u8* map_twice(Memory& memory, u32 at, u32 bytes, u8 rights) {
    memory.map(at, bytes, rights);
    int const file = memfd_create("code", MFD_CLOEXEC);
    void* const guest = reinterpret_cast<void*>(u64{at});
    if (file < 0 || ftruncate(file, bytes) != 0 || mmap(guest, bytes, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED)
        throw std::runtime_error("no memory for code");
    void* const here = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (here == MAP_FAILED) throw std::runtime_error("no memory for code");
    close(file);
    std::memset(here, 0xcc, bytes); // and there from now on
    return static_cast<u8*>(here);
}

std::string text(std::optional<Exception> const& e) {
    if (!e) return "none";
    return fmt::format("{} code {:x} at {:x}", e->vector, e->error_code.value_or(0), e->address);
}

bool same(std::optional<Exception> const& a, std::optional<Exception> const& b) {
    if (!a || !b) return a.has_value() == b.has_value();
    return a->vector == b->vector && a->error_code.value_or(0) == b->error_code.value_or(0) && a->address == b->address;
}

// FXSAVE's image without the addresses and opcode of the last instruction, which are the host's, and what the processor leaves alone.
bool same_fpu(u8 const (&a)[512], u8 const (&b)[512]) {
    constexpr std::size_t opcode = 6, mxcsr = 24, registers = 32, end = 32 + 16 * 8 + 16 * 8;
    return std::memcmp(a, b, opcode) == 0 && std::memcmp(a + mxcsr, b + mxcsr, 4) == 0 && std::memcmp(a + registers, b + registers, end - registers) == 0;
}

void set_segments(HostProcessor& processor, Case const& test) {
    for (auto const name : {SegmentName::es, SegmentName::ss, SegmentName::ds, SegmentName::gs}) {
        auto const index = static_cast<unsigned>(name);
        Segment wanted = name == SegmentName::gs ? Segment{} : flat_data(linux_data_selector);
        if (auto const& own = test.segments[index]) {
            wanted = flat_data(table_selector(index));
            wanted.base = own->base;
            wanted.limit = own->limit;
            if (!own->big) wanted.access_rights &= ~static_cast<u32>(access_rights::Default32::mask);
        }
        processor.set_segment(name, wanted);
    }
}

// Ticks of the watchdog after which a run is too long. What the processor did within its own, the others can do in theirs, however slow.
constexpr unsigned native_ticks = 2, translator_ticks = 6000, emulator_ticks = 100;

char const* why_incomparable(Stop const& stop) {
    switch (stop.why) {
    case Stop::Why::exception: return nullptr;
    case Stop::Why::system_call: return "a system call";
    case Stop::Why::event: return Outcome::too_long;
    case Stop::Why::halted: return "HLT";
    case Stop::Why::unsupported: return stop.text;
    }
    return "an unknown end";
}

// A system call of a case, by an instruction that nobody meant to be one, must not reach the kernel: as if there were none.
void refuse_32_bit_calls() {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog const filter{.len = std::size(program), .filter = program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        throw std::runtime_error("32-bit system calls cannot be refused");
}

} // namespace

World::World(u64 seed, Options const& options) : memory_(true), translated_(memory_, options, usual_code_bytes), emulated_(memory_) {
    refuse_32_bit_calls();
    std::mt19937_64 random(seed);
    map(random);
    save(before_);
    std::memcpy(fpu_, translated_.fpu(), sizeof fpu_);
    for (unsigned i = 160; i < 160 + 8 * 16; ++i) fpu_[i] = static_cast<u8>(random()); // XMM registers
    for (unsigned i = 0; i < 8; ++i) {                                                 // of x87, ordinary numbers
        long double const number = static_cast<double>(random()) / 1e15;
        std::memcpy(fpu_ + 32 + 16 * i, &number, 10);
    }
    fpu_[3] = 0x20; // the top of the stack is register 4,
    fpu_[4] = 0xf0; // and four are in use
}

World::~World() {
    munmap(code_, arena::code_pages * arena::page);
    munmap(exits_, arena::page);
}

void World::map(std::mt19937_64& random) {
    using namespace arena;
    constexpr u8 data_rights = rights::read | rights::write;
    memory_.map(data, (data_pages + 1) * page, data_rights, true);
    for (u32 at = data; at < guard; at += 4) {
        u32 const value = random() % 2 == 0 ? static_cast<u32>(data + random() % (2 * page - 64)) : static_cast<u32>(random());
        std::memcpy(Memory::at(at), &value, sizeof value);
    }
    memory_.protect(read_only, page, rights::read);
    memory_.map(counter, page, data_rights, true);
    memory_.map(low, page, data_rights, true);
    memory_.map(own_code, code_pages * page, data_rights | rights::execute, true);
    code_ = map_twice(memory_, code, code_pages * page, rights::read | rights::execute);
    exits_ = map_twice(memory_, exits, page, rights::read); // for the processor there is code; the others end here
    Native::write_exits(exits_);
}

void World::put(Case const& test) {
    bool const own = test.at >= arena::own_code && test.at < arena::end;
    for (u32 page = arena::code / arena::page; page < arena::end / arena::page; ++page) memory_.release(page);
    // A jump astray meets no instructions that nobody looked at: neither those of the case before nor what it stored.
    std::ranges::fill(last_code_, 0xcc);
    std::memset(Memory::at(arena::own_code), 0xcc, arena::code_pages * arena::page);
    u8* const to = own ? Memory::at(test.at) : code_ + (test.at - arena::code);
    last_code_ = {to, test.code.size()};
    std::ranges::copy(test.code, to);
    for (auto const& [at, value] : test.memory) std::memcpy(Memory::at(at), &value, sizeof value);
    std::memcpy(Memory::at(arena::counter), &test.counter, sizeof test.counter);
}

void World::save(Image& to) const {
    u8* at = to.data();
    for (auto const& area : written) {
        std::memcpy(at, Memory::at(area.at), area.bytes);
        at += area.bytes;
    }
}

void World::restore(Image const& from) {
    u8 const* at = from.data();
    for (auto const& area : written) {
        for (u32 page = area.at / arena::page; page < (area.at + area.bytes) / arena::page; ++page) memory_.release(page);
        std::memcpy(Memory::at(area.at), at, area.bytes);
        at += area.bytes;
    }
}

Outcome World::run(Runner& runner, Case const& test, unsigned ticks) {
    State& state = runner.state();
    std::memcpy(state.general, test.general, sizeof state.general);
    state.eip = test.at;
    state.flags = test.flags;
    state.interrupt_flag = flags::interrupt;
    state.system_flags = 0;
    set_segments(runner.processor(), test);
    std::memcpy(runner.fpu(), fpu_, sizeof fpu_);
    state.event = 0;
    Stop const stop = [&] {
        RunOfRunner run(runner);
        Watchdog::Watch const watch(watchdog_, run, ticks);
        return runner.run();
    }();
    Outcome outcome;
    std::memcpy(outcome.general, state.general, sizeof outcome.general);
    outcome.eip = state.eip;
    outcome.flags = static_cast<u32>(runner.processor().core().rflags);
    std::memcpy(outcome.fpu, runner.fpu(), sizeof outcome.fpu);
    bool const left = state.eip >= arena::exits && state.eip < arena::exits + arena::page;
    if (left && state.eip % arena::exit_bytes != 0) {
        outcome.unsupported = "the middle of an exit"; // where the processor finds code
    } else {
        outcome.unsupported = why_incomparable(stop);
        if (stop.why == Stop::Why::exception && !left) outcome.exception = stop.exception;
    }
    return outcome;
}

std::string World::difference(Case const& test, u32 undefined, char const* name, Outcome const& native, Outcome const& other, bool compare_fpu) const {
    bool const same_registers = std::memcmp(native.general, other.general, sizeof native.general) == 0;
    bool const same_flags = ((native.flags ^ other.flags) & compared_flags & ~undefined) == 0;
    bool const fpu = !compare_fpu || same_fpu(native.fpu, other.fpu);
    if (same_registers && same_flags && fpu && native.eip == other.eip && same(native.exception, other.exception) && native_memory_ == other_memory_)
        return {};
    static constexpr char const* names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    std::string result = describe(test) + fmt::format("before, native, {}\n", name);
    auto const line = [&](char const* what, u32 before, u32 a, u32 b) {
        result += fmt::format("{:<6} {:8x} {:8x} {:8x}{}\n", what, before, a, b, a == b ? "" : "  <--");
    };
    for (unsigned i = 0; i < 8; ++i) line(names[i], test.general[i], native.general[i], other.general[i]);
    line("eip", test.at, native.eip, other.eip);
    line("flags", test.flags, native.flags & compared_flags, other.flags & compared_flags);
    result += fmt::format("undefined {:x}\nexception: native {}, {} {}\n", undefined, text(native.exception), name, text(other.exception));
    if (!fpu) result += "the FPU's registers differ\n";
    if (auto const at = std::ranges::mismatch(native_memory_, other_memory_).in1; at != native_memory_.end())
        result += fmt::format("memory differs at byte {:x} of what can be written: before {:02x}, native {:02x}\n", at - native_memory_.begin(),
                              before_[static_cast<std::size_t>(at - native_memory_.begin())], *at);
    return result;
}

std::string World::compare(Case const& test) {
    put(test);
    save(before_);
    auto const native = [&] {
        Watchdog::Watch const watch(watchdog_, native_, native_ticks);
        return native_.run(test, fpu_);
    }();
    if (native.unsupported != nullptr) {
        restore(before_);
        ++counts.cases, ++counts.incomparable, ++counts.too_long;
        return {};
    }
    save(native_memory_);
    // Alignment checks and single steps are not what is compared.
    bool const checked = (native.flags & flags::alignment_check) != 0 || (native.exception && native.exception->vector == vector::debug);
    auto undefined = checked || !is_certain(test, native) ? std::nullopt : undefined_flags(test, native);
    std::string result;
    ++counts.cases;
    if (native.exception) ++counts.exceptions;
    auto const check = [&](Runner& runner, char const* name, u64& left_out, bool compare_fpu) {
        restore(before_);
        auto const other = run(runner, test, compare_fpu ? translator_ticks : emulator_ticks);
        save(other_memory_);
        if (other.unsupported == Outcome::too_long && &runner == &translated_) result = describe(test) + "the translator comes to no end\n";
        // The processor may have come back from there by an instruction that it carries out in this process only, a far branch.
        if (&runner == &emulated_ && other.unsupported == nullptr && is_astray(test, other)) undefined.reset();
        if (other.unsupported != nullptr || !undefined) {
            left_out += other.unsupported != nullptr;
            if (other.unsupported != nullptr && &runner == &translated_) ++counts.why[other.unsupported];
            return;
        }
        if (result.empty()) result = difference(test, *undefined, name, native, other, compare_fpu);
    };
    check(emulated_, "emulated", counts.not_emulated, false);
    check(translated_, "translated", counts.not_translated, true);
    if (!undefined) ++counts.incomparable;
    if (!result.empty()) restore(native_memory_);
    return result;
}

std::string describe(Case const& test) {
    std::string result;
    for (unsigned i = 0; i < std::size(test.segments); ++i)
        if (auto const& segment = test.segments[i]) result += fmt::format("segment {}: base {:x} limit {:x}{}\n", i, segment->base, segment->limit, segment->big ? "" : ", 16 bits");
    for (std::size_t at = 0; at < test.code.size();) {
        auto const decoded = decode(std::span(test.code).subspan(at));
        std::size_t const length = decoded ? decoded->instruction.length : 1;
        result += fmt::format("{:8x}  ", test.at + at);
        for (std::size_t i = 0; i < length; ++i) result += fmt::format(" {:02x}", test.code[at + i]);
        result += fmt::format("  {}\n", decoded ? ZydisMnemonicGetString(decoded->instruction.mnemonic) : "");
        at += length;
    }
    return result;
}

} // namespace x86::translate::differential
