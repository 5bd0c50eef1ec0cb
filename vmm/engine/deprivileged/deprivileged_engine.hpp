// SPDX-License-Identifier: Apache-2.0
// What all engines share that run a 32-bit guest without the processor's guest mode: the guest's
// code runs in user mode, in a thread on shadow page tables, its processor is kept here, and events
// are delivered by software. How the kernel's code is run is the derived class's.
//
//   run: deliver what is pending ──> go_on: the thread runs ──> fault ──> shadow fill? the guest's
//         ^                                                     own? emulate? ──┐
//         └─────────────────────────────────────────────────────────────────────┴──> Exit
#pragma once

#include "vmm/engine/deprivileged/guest_thread.hpp"
#include "vmm/engine/engine.hpp"
#include "vmm/engine/hardware/control_registers.hpp"
#include "vmm/guest_tables.hpp"
#include "vmm/shadow/shadow.hpp"
#include "x86/emulate/emulator.hpp"

namespace vmm {

class DeprivilegedEngine : public Engine {
public:
    void start(GuestEntry const& entry) override;
    Exit run() override;
    void attach(x86::Processor& processor) override { processor_ = &processor; }

    x86::CoreState core() override;
    void set_core(x86::CoreState const& core) override;
    x86::Segment segment(x86::SegmentName name) override {
        return segments_[std::to_underlying(name)];
    }
    void set_segment(x86::SegmentName name, x86::Segment const& segment) override;
    x86::TableRegister gdtr() override { return gdtr_; }
    x86::TableRegister idtr() override { return idtr_; }
    void set_gdtr(x86::TableRegister const& value) override { gdtr_ = value; }
    void set_idtr(x86::TableRegister const& value) override { idtr_ = value; }
    unsigned cpl() override { return cpl_; }
    x86::OrException<GuestPhys> translate(u64 linear, x86::Access access, bool supervisor) override;
    u64 control_register(unsigned number) override;
    x86::OrException<> set_control_register(unsigned number, u64 value) override;
    u64 debug_register(unsigned number) override;
    x86::OrException<> set_debug_register(unsigned number, u64 value) override;
    u64 efer() override { return paging().efer; }
    std::optional<u64> read_msr(u32 msr) override;
    [[nodiscard]] bool write_msr(u32 msr, u64 value) override;
    void invalidate_page(u64 linear) override;
    void block_interrupts() override { shadow_at_ = next_shadow; }
    void mask_cpuid(u32 leaf, u32 subleaf, CpuidResult& result) override;
    void written(GuestPhys at, u64 bytes) override;
    void advance() override;
    bool can_interrupt() override;
    void inject(u8 vector) override { interrupt_ = vector; }
    void inject(x86::Exception const& exception) override { exception_ = exception; }
    void want_interrupt_window(bool wanted) override { window_wanted_ = wanted; }
    std::string describe() override;

protected:
    using Next = std::optional<Exit>; // empty: the guest goes on
    static constexpr u64 no_shadow = ~u64{0}, next_shadow = ~u64{1};
    enum class Where : u8 { stopped, running };

    // All outlive the engine.
    DeprivilegedEngine(GuestThread& thread, shadow::Backend& backend, GuestMemory memory,
                       shadow::PageGuard const& guard);

    // ---- what each engine does in its own way ----

    // Lets the guest go on until it stops, and deals with that.
    virtual Next go_on() = 0;
    // Makes sure that core_ is what the thread has.
    virtual void settle();
    // A write that the engine's page guard refuses.
    virtual Next write_guarded(user::Trap32 const& trap, GuestPhys at) = 0;
    // Guest RAM was written inside one page.
    virtual void code_written(GuestPhys at, u64 bytes) = 0;
    // What is known of the guest's code is void: another guest starts.
    virtual void forget_code() = 0;
    // Makes what a page fault of the thread is about possible, or says what it is.
    virtual shadow::AccessResult make_accessible(u64 linear, x86::Access access);
    // The instruction at eip. trap: what the processor said about it; null if it was not asked.
    virtual Next carry_out(std::span<u8 const> code, user::Trap32 const* trap);
    // #GP, #UD and their like: an instruction that has to be emulated, or one that is just wrong.
    virtual Next fault_of_instruction(user::Trap32 const& trap);
    // Whether the instruction faulted because of the engine, and not because it is wrong.
    virtual bool is_for_us(std::span<u8 const> code) = 0;
    // Whether the kernel could not go past the instruction without a stop.
    virtual bool traps(std::span<u8 const> code) = 0;

    // ---- parts of it ----

    // Lets the thread run in 32-bit mode until it stops: on the roots of the guest's privilege
    // level.
    ThreadStop let_run();
    Next handle(user::Trap32 const& trap);
    Next page_fault(user::Trap32 const& trap);
    // The fault is the guest's own, or about a device.
    Next after_access(user::Trap32 const& trap, shadow::AccessResult const& result);
    Next emulate_one();
    // Goes on behind the trap at `from` (linear): always where it held interrupts off for the next
    // instruction (nobody could tell later whether the thread got past that), and for as long as
    // the next trap is known to come soon.
    Next emulate_on(u64 from);
    Next after(x86::Result const& result, std::optional<x86::Exception> const& instead);
    Next deliver(x86::EventKind kind, x86::Exception const& event);
    Next raise(x86::Exception const& event) { return deliver(x86::EventKind::exception, event); }
    static x86::Exception exception_of(user::Trap32 const& trap);
    static x86::Access access_of(user::Trap32 const& trap);
    // What the instruction is to the counters.
    static InternalExit kind_of(std::span<u8 const> code);
    static exits::Unsupported unsupported(std::string what) {
        return {std::move(what) + " needs the engine `shadow` or `nested`"};
    }

    x86::Paging const& paging() const { return registers_.paging(); }
    shadow::AccessRequest request(u64 linear, x86::Access access, bool supervisor) const;
    x86::OrException<GuestPhys> translate_cached(u64 linear, x86::Access access, bool supervisor);
    u64 linear_eip() const { return static_cast<u32>(segments_[1].base + core_.rip); }
    // Bytes of the instruction at eip, from the guest's RAM; what cannot be read is missing.
    std::span<u8 const> instruction_bytes();
    bool in_page_of_instruction(u64 page);
    static bool is_flat(x86::Segment const& segment);
    static std::string hex(u64 value);
    void use_root(shadow::View view);

    GuestThread& thread_;
    GuestMemory memory_;
    GuestTables tables_;
    shadow::Shadow shadow_;
    x86::Processor* processor_{};

    Where where_{};
    x86::CoreState core_;
    std::array<x86::Segment, 8> segments_{};
    unsigned cpl_{};
    u64 shadow_at_{no_shadow}; // rip where interrupts are held off by STI or MOV SS
    bool window_wanted_{};
    bool fpu_allowed_{true};
    bool entered_{};        // the guest goes on where, or as what, it did not come by running
    bool touched_device_{}; // by an instruction that was emulated
    std::array<u8, 15> bytes_{};

private:
    Next deliver_pending();
    // What the monitor does for every engine, so that it is counted alike.
    Next exit_of_instruction(std::span<u8 const> code);
    void use_registers();
    void update_fpu();
    void forget_translations() { translations_ = {}; }

    ControlRegisters registers_;
    x86::TableRegister gdtr_{}, idtr_{};
    u64 cr2_{};
    std::array<u64, 8> debug_{};
    u64 pat_{}, sysenter_[3]{};
    std::optional<u8> interrupt_;
    std::optional<x86::Exception> exception_;
    u8 exit_length_{}; // of the instruction of the last exit
    shadow::RootId root_{shadow::none};
    // Translations used since the guest stopped: as a TLB, until something invalidates.
    struct Translation {
        u64 key; // linear page, access, supervisor; 0: none
        u64 page;
    };
    std::array<Translation, 16> translations_{};
    // How many instructions behind a trap the next one comes, by the first one's address.
    struct NextTrap {
        u32 from;
        u8 steps; // 0: not soon
        u8 trust; // how often this is still believed
    };
    std::array<NextTrap, 1024> next_traps_{};
};

} // namespace vmm
