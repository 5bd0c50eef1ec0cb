// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/differential/unicorn.hpp"

#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "x86/emulate/processor.hpp"
#include "x86/registers.hpp"

namespace x86::translate::differential {
namespace {

constexpr u32 directory = 0x20000, table = directory + board::page, memory_bytes = table + board::page; // page tables, behind the board
constexpr u32 nowhere = board::read_only + board::page / 2; // Unicorn wants an address at which to end, and looks at its page
constexpr u32 present = 1, writable = 2, user = 4; // in page tables

constexpr int general[] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX, UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};
constexpr int segments[] = {UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS, UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS};

void check(uc_err error) {
    if (error != UC_ERR_OK) throw std::runtime_error(uc_strerror(error));
}

uc_context* save(uc_engine* engine) {
    uc_context* context;
    check(uc_context_alloc(engine, &context));
    check(uc_context_save(engine, context));
    return context;
}

} // namespace

Unicorn::Unicorn() : memory_(static_cast<u8*>(std::aligned_alloc(board::page, memory_bytes))) {
    std::memset(memory_, 0, memory_bytes);
    make_tables();
    engine_ = real_ = open(UC_MODE_16, board::mapped_end); // not the tables, which it could write
    write(UC_X86_REG_CR0, cr0::ExtensionType::mask);
    real_mode_ = save(engine_);
    engine_ = protected_ = open(UC_MODE_32, memory_bytes);
    enter_protected_mode();
}

Unicorn::~Unicorn() {
    for (uc_context* const context : {real_mode_, levels_[0], levels_[3]}) uc_context_free(context);
    uc_close(real_);
    uc_close(protected_);
    std::free(memory_);
}

uc_engine* Unicorn::open(uc_mode mode, u32 bytes) {
    uc_engine* engine;
    check(uc_open(UC_ARCH_X86, mode, &engine));
    check(uc_mem_map_ptr(engine, 0, bytes, UC_PROT_ALL, memory_));
    uc_hook hook;
    check(uc_hook_add(engine, &hook, UC_HOOK_INTR, reinterpret_cast<void*>(on_exception), this, u64{1}, u64{0}));
    return engine;
}

void Unicorn::put(u32 at, u32 value) { std::memcpy(memory_ + at, &value, sizeof value); }

// Linear addresses are physical ones. The tables stay as they are, because Unicorn does not forget what it knows of pages when CR3 is written.
void Unicorn::make_tables() {
    put(directory, table | present | writable | user);
    for (u32 page = board::at; page < board::mapped_end; page += board::page)
        put(table + page / board::page * 4, page | (page < board::ram_end ? present | writable | user : present | user));
}

// And goes to level 3, by IRET in the board's memory, which each case fills anew.
void Unicorn::enter_protected_mode() {
    constexpr u64 flat = 0x00cf'9300'0000'ffff, is_code = u64{8} << 40, level3 = u64{0x60} << 40;
    constexpr u32 start = board::at, entry = start + 0x100, arrival = start + 0x200, stack = start + 0x800;
    constexpr u64 descriptors[] = {0, flat | is_code, flat, flat | is_code | level3, flat | level3};
    constexpr u32 code = 1 << 3, data = 2 << 3, outer_code = 3 << 3 | 3, outer_data = 4 << 3 | 3;
    std::memcpy(memory_ + start, descriptors, sizeof descriptors);
    uc_x86_mmr gdt{.selector = 0, .base = start, .limit = sizeof descriptors - 1, .flags = 0};
    check(uc_reg_write(engine_, UC_X86_REG_GDTR, &gdt));
    write(UC_X86_REG_CR3, directory);
    write(UC_X86_REG_CR0, cr0::ProtectedMode::mask | cr0::ExtensionType::mask | cr0::WriteProtect::mask | cr0::Paging::mask);
    write(UC_X86_REG_CS, code);
    for (int const number : {UC_X86_REG_SS, UC_X86_REG_DS, UC_X86_REG_ES, UC_X86_REG_FS, UC_X86_REG_GS}) write(number, data);
    levels_[0] = save(engine_);
    memory_[entry] = 0xcf; // iret
    u32 const frame[]{arrival, outer_code, 2, stack, outer_data};
    std::memcpy(memory_ + stack, frame, sizeof frame);
    write(UC_X86_REG_ESP, stack);
    check(uc_emu_start(engine_, entry, arrival, 0, 0));
    if (read(UC_X86_REG_CS) != outer_code) throw std::runtime_error("Unicorn does not reach level 3");
    levels_[3] = save(engine_);
}

u32 Unicorn::read(int number) {
    u64 value = 0;
    uc_reg_read(engine_, number, &value);
    return static_cast<u32>(value);
}

void Unicorn::on_exception(uc_engine* engine, u32 number, void* self) {
    static_cast<Unicorn*>(self)->vector_ = static_cast<u8>(number);
    uc_emu_stop(engine);
}

ModeOutcome Unicorn::run(ModeCase const& test) {
    vector_.reset();
    ended_ = false;
    engine_ = test.protected_mode ? protected_ : real_;
    uc_context_restore(engine_, test.protected_mode ? levels_[test.cpl] : real_mode_);
    (void)uc_ctl_remove_cache(engine_, board::at, board::mapped_end); // memory was changed behind its back
    uc_x86_mmr gdt{.selector = 0, .base = board::descriptors, .limit = sizeof test.descriptors - 1, .flags = 0};
    uc_reg_write(engine_, UC_X86_REG_GDTR, &gdt);
    for (unsigned i = 0; i < std::size(segments); ++i) write(segments[i], test.selectors[i]);
    for (unsigned i = 0; i < std::size(general); ++i) write(general[i], test.general[i]);
    write(UC_X86_REG_EFLAGS, test.flags | 2);
    auto const error = uc_emu_start(engine_, test.protected_mode ? test.eip : test.at, nowhere, 0, 0);
    ModeOutcome result;
    for (unsigned i = 0; i < std::size(segments); ++i) result.selectors[i] = static_cast<u16>(read(segments[i]));
    for (unsigned i = 0; i < std::size(general); ++i) result.general[i] = read(general[i]);
    result.eip = read(UC_X86_REG_EIP);
    result.flags = read(UC_X86_REG_EFLAGS);
    result.vector = vector_;
    if (error == UC_ERR_INSN_INVALID) result.vector = vector::invalid_opcode;
    else if (error != UC_ERR_OK) result.incomparable = uc_strerror(error);
    else if (ended_) result.incomparable = "Unicorn comes to no end";
    if (vector_ == vector::page_fault) result.address = read(UC_X86_REG_CR2);
    return result;
}

} // namespace x86::translate::differential
