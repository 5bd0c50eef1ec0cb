// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/nested/nested_engine.hpp"

#include "x86/emulate/page_walk.hpp"
#include "x86/registers.hpp"

namespace vmm {
namespace {

using vmx::Field;

std::optional<Field> control_field(unsigned number) {
    switch (number) {
    case 0: return Field::guest_cr0;
    case 2: return Field::guest_cr2;
    case 3: return Field::guest_cr3;
    case 4: return Field::guest_cr4;
    default: return std::nullopt;
    }
}

} // namespace

user::Result<NestedEngine> NestedEngine::make(user::Vcpu vcpu, user::NestedRoot root, user::Tcb tcb,
                                              user::Notification events, GuestMemory memory) {
    TRY(vcpu.bind(tcb));
    TRY(tcb.set_nested_root(root));
    TRY(tcb.bind(events));
    return NestedEngine(vcpu, memory);
}

void NestedEngine::start(LinuxEntry const& entry) {
    HardwareEngine::start(entry);
    constexpr u64 protected_mode = 0x31, paging = 0x80000000, physical_extensions = 0x20,
                  efer_long_mode = 0x500;
    bool const long_mode = entry.mode == x86::Mode::long64;
    write(Field::guest_cr0, protected_mode | (long_mode ? paging : 0));
    write(Field::guest_cr3, entry.cr3);
    write(Field::guest_cr4, long_mode ? physical_extensions : 0);
    write(Field::guest_efer, long_mode ? efer_long_mode : 0);
    // An opcode that the processor does not know comes to the monitor first, which sees a guest
    // that does nothing else.
    write(Field::exception_bitmap, u64{1} << x86::vector::invalid_opcode);
}

x86::OrException<GuestPhys> NestedEngine::translate(u64 linear, x86::Access access,
                                                    bool supervisor) {
    if (!cr0::Paging::get(read(Field::guest_cr0))) return GuestPhys{linear};
    auto const found = x86::walk(read(Field::guest_cr3), linear,
                                 [&](GuestPhys entry) { return memory_.read<u64>(entry); });
    if (found) return *found;
    u32 const code = (access == x86::Access::write ? 2u : 0u) | (supervisor ? 0u : 4u);
    return fail(x86::Exception{x86::vector::page_fault, code, linear});
}

u64 NestedEngine::control_register(unsigned number) {
    auto const field = control_field(number);
    return field ? read(*field) : 0;
}

x86::OrException<> NestedEngine::set_control_register(unsigned number, u64 value) {
    auto const field = control_field(number);
    if (!field || !write(*field, value))
        return fail(x86::Exception{x86::vector::general_protection, 0});
    return {};
}

} // namespace vmm
