// SPDX-License-Identifier: Apache-2.0
// Runs a piece of code on Unicorn, which is QEMU's processor as a library, on memory of its own. In protected mode paging is on, so that page
// faults are the processor's. Unicorn looks at no limit and no type of a segment when memory is accessed, and tells no error code.
#pragma once

#include <optional>
#include <span>
#include <unicorn/unicorn.h>

#include "x86/translate/differential/decoded.hpp"
#include "x86/translate/differential/mode_outcome.hpp"
#include "x86/translate/differential/watchdog.hpp"

namespace x86::translate::differential {

// An instruction that was carried out.
struct Executed {
    Decoded const& decoded;
    std::optional<u8> vector; // of the exception that ended it
    unsigned stack_size;      // bytes: 2 or 4
    u32 ecx;                  // before
};
// Where Unicorn is known to differ from the manual or from processors: why.
char const* where_unicorn_differs(Executed const& executed);

class Unicorn : public Watchdog::Run {
public:
    Unicorn();
    ~Unicorn();
    Unicorn(Unicorn const&) = delete;
    Unicorn& operator=(Unicorn const&) = delete;

    std::span<u8> memory() const { return {memory_ + board::at, board::bytes}; } // of the board
    // memory() as it is to be before.
    ModeOutcome run(ModeCase const& test);
    void end(mcontext_t&) override {
        ended_ = true;
        uc_emu_stop(engine_);
    }
private:
    void write(int number, u64 value) { uc_reg_write(engine_, number, &value); }
    u32 read(int number);
    void put(u32 at, u32 value);
    void make_tables();
    void enter_protected_mode();
    static void on_exception(uc_engine* engine, u32 number, void* self);

    uc_engine* open(uc_mode mode, u32 bytes);

    u8* memory_;
    uc_engine *real_{}, *protected_{}, *engine_{}; // that runs
    // Before any exception: one that was not delivered would make the next a double fault.
    uc_context *real_mode_{}, *levels_[4]{};
    std::optional<u8> vector_;
    bool volatile ended_{};
};

} // namespace x86::translate::differential
