// SPDX-License-Identifier: Apache-2.0
// Runs a guest in this process until something happens that is not the processor's business. Two kinds: the emulator alone (here), and
// generated code with the emulator for the rest (translated.hpp).
#pragma once

#include <memory>
#include <optional>

#include "x86/emulate/emulator.hpp"
#include "x86/translate/host/processor.hpp"

namespace x86::translate::hosted {

struct Stop {
    enum class Why : u8 {
        exception,   // of the guest's, eip on the instruction (INT3 and INTO that trapped: behind it)
        system_call, // INT 80H, eip behind it
        event,       // interrupt() was called
        halted,      // HLT, eip behind it
        unsupported, // neither translated nor emulated: `text` says what
    };
    Why why{};
    Exception exception{};
    char const* text{};
};

// What generated code and this program's way into it share: one page.
struct StatePage {
    State state;
    alignas(16) u8 fpu[512]; // the guest's, as FXSAVE has it, while generated code does not run
};

class Runner {
public:
    virtual ~Runner() = default;
    Runner(Runner const&) = delete;
    Runner& operator=(Runner const&) = delete;

    virtual Stop run() = 0;
    // Lets run() return soon with `event`; for signal handlers and other threads.
    void interrupt() { __atomic_store_n(&page_.state.event, State::stop, __ATOMIC_RELAXED); }
    // The rights or the contents of these addresses were changed from outside.
    virtual void changed(u32 first, u32 last) = 0;

    State& state() { return page_.state; }
    HostProcessor& processor() { return processor_; }
    u8 (&fpu())[512] { return page_.fpu; }

protected:
    Runner(Memory& memory, StatePage& page);
    // The instruction at eip. Empty: it is done.
    std::optional<Stop> emulate_one();
    Stop take_event();

    Memory& memory_;
    StatePage& page_;
    HostProcessor processor_;

private:
    std::optional<Stop> software_interrupt();
};

class EmulatorRunner : public Runner {
public:
    explicit EmulatorRunner(Memory& memory) : EmulatorRunner(memory, std::make_unique<StatePage>()) {}
    Stop run() override;
    void changed(u32, u32) override {}

private:
    EmulatorRunner(Memory& memory, std::unique_ptr<StatePage> page) : Runner(memory, *page), own_page_(std::move(page)) {
        processor_.hide_fpu();
    }
    std::unique_ptr<StatePage> own_page_;
};

} // namespace x86::translate::hosted
