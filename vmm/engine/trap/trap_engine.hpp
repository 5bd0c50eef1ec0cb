// SPDX-License-Identifier: Apache-2.0
// The engine without hardware help that runs the guest's kernel as it is, in user mode: what needs
// privileges faults and is emulated; what should fault and does not, is found before it runs
// (code_pages.hpp).
#pragma once

#include "vmm/engine/deprivileged/deprivileged_engine.hpp"
#include "vmm/engine/trap/copy_backend.hpp"

namespace vmm::trap {

// Which code runs; there before the shadow tables that it is a part of.
struct Code {
    CodePages code_;
    CopyBackend backend_;
};

class TrapEngine : Code, public DeprivilegedEngine {
public:
    // Both outlive the engine. copies: the memory of patched pages, which `backend` maps as the
    // pages behind guest RAM.
    TrapEngine(GuestThread& thread, shadow::Backend& backend, GuestMemory memory,
               std::span<u8> copies, bool patch);

private:
    Next go_on() override;
    Next write_guarded(user::Trap32 const& trap, GuestPhys at) override;
    void code_written(GuestPhys at, u64 bytes) override;
    void forget_code() override { code_.clear(); }
    shadow::AccessResult make_accessible(u64 linear, x86::Access access) override;
    Next carry_out(std::span<u8 const> code, user::Trap32 const* trap) override;
    Next fault_of_instruction(user::Trap32 const& trap) override;
    bool is_for_us(std::span<u8 const> code) override;
    bool traps(std::span<u8 const> code) override { return needs_privilege(code); }

    Next check_supported();
    void prepare_code();
    void fetch_code(u64 linear);
    bool carry_out_flag_instruction(std::span<u8 const> code);

    std::vector<u64> changed_;
};

} // namespace vmm::trap
