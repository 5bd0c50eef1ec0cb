// SPDX-License-Identifier: Apache-2.0
// The engine without hardware help that translates the guest's kernel (x86/translate): generated
// code runs in the guest's thread in 64-bit mode, on the guest's linear addresses below 4 GiB. The
// guest's user mode runs directly where its segments are flat.
//
//   go_on: enter ──> generated code ──> missing a block: made, enter again
//                       │    ^          emulate: one instruction, and those up to the next such
//                       v    │          fault: recovered, then as for every engine
//                  shadow fill: goes on where it was
#pragma once

#include "vmm/engine/deprivileged/deprivileged_engine.hpp"
#include "vmm/engine/translate/code_places.hpp"
#include "vmm/engine/translate/protected_pages.hpp"
#include "x86/translate/translator.hpp"

namespace vmm::translate {

// Who may write where; there before the shadow tables that it is a part of.
struct Guard {
    ProtectedPages protected_;
};

class TranslateEngine : Guard, public DeprivilegedEngine, x86::translate::Code {
public:
    // All outlive the engine. code: its bytes begin with a page that is the engine's.
    TranslateEngine(GuestThread& thread, shadow::Backend& backend, GuestMemory memory,
                    x86::translate::CodeMemory const& code);

    Exit run() override;
    void set_segment(x86::SegmentName name, x86::Segment const& segment) override;
    x86::OrException<> set_control_register(unsigned number, u64 value) override;
    [[nodiscard]] bool write_msr(u32 msr, u64 value) override;
    void invalidate_page(u64 linear) override;
    void mask_cpuid(u32 leaf, u32 subleaf, CpuidResult& result) override;
    bool can_interrupt() override;
    void want_interrupt_window(bool wanted) override;

private:
    static constexpr u64 own_bytes = 4096; // of the code memory: where generated code leaves

    Next go_on() override;
    void settle() override;
    Next write_guarded(user::Trap32 const& trap, GuestPhys at) override;
    void code_written(GuestPhys at, u64 bytes) override;
    void forget_code() override;
    bool is_for_us(std::span<u8 const>) override { return false; }
    bool traps(std::span<u8 const> code) override;

    x86::OrException<Page> fetch(u32 linear) override;
    void protect(u64 page) override;

    // How the guest goes on.
    bool runs_directly() const;
    bool runs_emulated() const;
    Next run_directly();
    Next run_emulated();
    Next run_translated();
    ThreadStop resume_inside();

    // After generated code stopped.
    Next after_stop(ThreadStop const& stop);
    Next after_trap(user::Trap64 const& trap);
    Next after_exit();
    Next emulate_instruction();
    std::optional<user::Trap32> refusal_of(std::span<u8 const> code);
    bool absorb(user::Trap64 const& trap);
    bool recover(user::Trap64 const& trap);
    bool is_inside() const { return inside_ || (where_ == Where::running && wide_); }

    // State is what generated code has of core_.
    void to_state();
    void from_state();
    x86::translate::GuestMode mode() const;
    void check_places();
    void count_translations();

    x86::translate::State& state_;
    u64 state_address_;
    u64 leave_;
    x86::translate::Translator translator_;
    CodePlaces places_;
    enum class Stale : u8 { nothing, local, all } stale_{}; // of places_

    x86::translate::GuestMode mode_{};          // of the translator
    bool tried_{};                              // to come back to that mode by emulation
    bool wide_{};                               // what runs, if something does
    std::optional<user::Registers64> inside_;   // stopped in generated code, where it can go on
    std::optional<user::Registers64> faulting_; // in generated code, at an access that is looked at
    std::optional<exits::Unexpected> broken_;   // it stopped where it cannot have come
    u64 missed_{};                              // events that nobody was told of yet
    x86::translate::Counters before_{};         // of earlier guests
};

} // namespace vmm::translate
