// SPDX-License-Identifier: Apache-2.0
// The engine without hardware help: a 32-bit guest's code, its kernel's too, runs in user mode as a
// 32-bit thread (abi/thread32.hpp) on shadow page tables. Whatever needs privileges faults and is
// emulated on the processor that this class keeps; what should fault and does not, is found before
// it runs (code_pages.hpp).
//
//   run: deliver what is pending ──> GuestThread::resume ──> fault ──> shadow fill? guest's own
//   fault? emulate? ──┐
//         ^──────────────────────────────────────────────────────────────────────────────────────────────────────┴──>
//         Exit
#pragma once

#include "vmm/engine/engine.hpp"
#include "vmm/engine/trap/copy_backend.hpp"
#include "vmm/engine/trap/guest_thread.hpp"
#include "x86/emulate/emulator.hpp"

namespace vmm::trap {

class TrapEngine : public Engine {
public:
    // Both outlive the engine. copies: the memory of patched pages, which `backend` maps as the
    // pages behind guest RAM.
    TrapEngine(GuestThread& thread, shadow::Backend& backend, GuestMemory memory,
               std::span<u8> copies, bool patch);

    void start(LinuxEntry const& entry) override;
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
    u64 efer() override { return paging_.efer; }
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

private:
    static constexpr u64 no_shadow = ~u64{0}, next_shadow = ~u64{1};
    enum class Where : u8 { stopped, running };
    using Next = std::optional<Exit>; // empty: the guest goes on

    // The thread's registers and the guest's.
    void take_registers(user::Registers32 const& registers);
    user::Registers32 registers_for_thread() const;
    void settle(); // makes sure that core_ is what the thread has

    // Before the guest goes on.
    Next deliver_pending();
    Next check_supported();
    ThreadStop let_run();
    void prepare_code();

    // After it stopped.
    Next handle(user::Trap32 const& trap);
    Next page_fault(user::Trap32 const& trap);
    Next guarded(user::Trap32 const& trap, GuestPhys at);
    Next fault_of_instruction(user::Trap32 const& trap);
    Next exit_of_instruction(std::span<u8 const> code);
    Next carry_out(std::span<u8 const> code, user::Trap32 const* trap);
    bool carry_out_flag_instruction(std::span<u8 const> code);
    bool is_for_us(std::span<u8 const> code);
    Next go_on(u64 from);
    Next emulate_one(std::optional<x86::Exception> const& instead);
    Next after(x86::Result const& result, std::optional<x86::Exception> const& instead);
    Next deliver(x86::EventKind kind, x86::Exception const& event);
    Next raise(x86::Exception const& event) { return deliver(x86::EventKind::exception, event); }
    x86::Exception exception_of(user::Trap32 const& trap) const;

    shadow::AccessRequest request(u64 linear, x86::Access access, bool supervisor) const;
    void fetch_code(u64 linear);
    void forget_changed();
    // Bytes of the instruction at eip, from the guest's RAM; what cannot be read is missing.
    std::span<u8 const> instruction_bytes();
    bool in_page_of_instruction(u64 page);

    u64 linear_eip() const { return static_cast<u32>(segments_[1].base + core_.rip); }
    x86::OrException<> load_paging(x86::Paging const& paging, bool cr3);
    void update_fpu();

    GuestThread& thread_;
    GuestMemory memory_;
    CodePages code_;
    CopyBackend backend_;
    shadow::Shadow shadow_;
    x86::Processor* processor_{};

    Where where_{};
    x86::CoreState core_;
    std::array<x86::Segment, 8> segments_{};
    x86::TableRegister gdtr_{}, idtr_{};
    x86::Paging paging_;
    u64 cr2_{};
    std::array<u64, 8> debug_{};
    u64 pat_{}, sysenter_[3]{};
    unsigned cpl_{};
    u64 shadow_at_{no_shadow}; // rip where interrupts are held off by STI or MOV SS
    std::optional<u8> interrupt_;
    std::optional<x86::Exception> exception_;
    bool window_wanted_{};
    bool fpu_allowed_{true};
    bool entered_{};        // the kernel goes on at a place that was not reached by running
    bool touched_device_{}; // by an instruction that was emulated
    u8 exit_length_{};      // of the instruction of the last exit
    shadow::RootId root_{shadow::none};
    // Translations used since the guest stopped: as a TLB, until something invalidates.
    struct Translation {
        u64 key; // linear page, access, supervisor; 0: none
        u64 page;
    };
    void forget_translations() { translations_ = {}; }
    x86::OrException<GuestPhys> translate_cached(u64 linear, x86::Access access, bool supervisor);
    std::array<Translation, 16> translations_{};
    // How many instructions behind a trap the next one comes, by the first one's address.
    struct NextTrap {
        u32 from;
        u8 steps; // 0: not soon
        u8 trust; // how often this is still believed
    };
    std::array<NextTrap, 1024> next_traps_{};
    std::array<u8, 15> bytes_{};
    std::vector<u64> changed_;
};

} // namespace vmm::trap
