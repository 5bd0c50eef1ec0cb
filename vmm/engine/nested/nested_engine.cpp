// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/nested/nested_engine.hpp"

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

void NestedEngine::start(GuestEntry const& entry) {
    HardwareEngine::start(entry);
    write(Field::guest_cr0, entry.cr0);
    write(Field::guest_cr3, entry.cr3);
    write(Field::guest_cr4, entry.cr4);
    write(Field::guest_efer, entry.efer);
    // An opcode that the processor does not know comes to the monitor first, which sees a guest
    // that does nothing else.
    write(Field::exception_bitmap, u64{1} << x86::vector::invalid_opcode);
}

x86::Paging NestedEngine::paging() {
    x86::Paging paging{.cr0 = read(Field::guest_cr0),
                       .cr3 = read(Field::guest_cr3),
                       .cr4 = read(Field::guest_cr4),
                       .efer = read(Field::guest_efer),
                       .physical_bits = physical_bits_,
                       .alignment_check = user_pages_allowed()};
    // With nested paging the processor itself reads the PDPTEs when it needs them (APM 15.25.10).
    if (paging.mode() == x86::PagingMode::pae)
        paging.pdpte = x86::load_pdptes(paging.cr3, physical_bits_, tables_).value_or(paging.pdpte);
    return paging;
}

x86::OrException<GuestPhys> NestedEngine::translate(u64 linear, x86::Access access,
                                                    bool supervisor) {
    return TRY(x86::translate_linear(paging(), linear, access, supervisor, tables_)).address;
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
