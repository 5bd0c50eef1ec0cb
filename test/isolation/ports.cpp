// SPDX-License-Identifier: Apache-2.0
#include "test/isolation/tests.hpp"

namespace {

constexpr u64 refused = static_cast<u64>(abi::Error::illegal_operation);
constexpr u64 port_slot = Child::first_free_slot, high_slot = port_slot + 1;

// Instructions: no port, of no size, whatever capabilities the thread has.
void test_instructions(Child const& child) {
    void (*const all[])() = {attack_in8, attack_in16, attack_in32, attack_out8, attack_out16, attack_out32};
    auto const attempt = [&](u64 port) {
        for (auto const attack : all) {
            auto registers = child.at(Child::address_of(attack));
            registers.rdx = port;
            auto const fault = child.run(registers);
            check("an I/O instruction", fault.is_exception(13) && fault.at() == registers.rip, port);
        }
    };
    for (u64 port = 0; port < 0x400; ++port) attempt(port);
    for (u64 port = 0x400; port < 0x10000; port <<= 1)
        for (u64 const near : {port - 1, port, port + 1, port + 2}) attempt(near);
    for (u64 port = 0xcf8; port <= 0xcff; ++port) attempt(port);
    for (u64 port = 0xfff8; port <= 0xffff; ++port) attempt(port);
}

// Invocations: inside the range, at its edges, outside. 0x80..0x83 is where firmware shows its progress: reads and writes do
// no harm.
void test_capability(Child const& child) {
    user::IoPortControl const control{abi::initial_slot::io_port_control};
    auto const ports = must("issue ports", control.issue(0x80, 0x83, own_cnode, supply().slot()));
    auto const last = must("issue ports", control.issue(0xfffe, 0xffff, own_cnode, supply().slot()));
    child.grant(port_slot, ports.cptr);
    child.grant(high_slot, last.cptr);
    auto const attempt = [&](u64 slot, u64 port, u64 first, u64 end) {
        constexpr abi::Label ins[] = {abi::Label::x86_io_port_in8, abi::Label::x86_io_port_in16, abi::Label::x86_io_port_in32};
        constexpr abi::Label outs[] = {abi::Label::x86_io_port_out8, abi::Label::x86_io_port_out16, abi::Label::x86_io_port_out32};
        for (u64 i = 0; i < 3; ++i) {
            bool const inside = port >= first && port + (u64{1} << i) <= end;
            expect("a read through the capability", child.invoke(slot, ins[i], {port}).label(), inside ? 0 : refused, port);
            expect("a write through the capability", child.invoke(slot, outs[i], {port, 0}).label(), inside ? 0 : refused, port);
        }
    };
    for (u64 port = 0x7c; port < 0x88; ++port) attempt(port_slot, port, 0x80, 0x84);
    for (u64 const port : {u64{0}, u64{0x20}, u64{0x3f8}, u64{0xcf8}, u64{0xfffe}, u64{0xffff}}) attempt(port_slot, port, 0x80, 0x84);
    for (u64 port = 0xfffa; port < 0x10000; ++port) attempt(high_slot, port, 0xfffe, 0x10000);
    attempt(high_slot, 0, 0xfffe, 0x10000); // 0xffff and on is not 0
    for (u64 label = 1; label < 0x60; ++label) {
        auto const number = static_cast<abi::Label>(label);
        if (number >= abi::Label::x86_io_port_in8 && number <= abi::Label::x86_io_port_out32) continue;
        expect("any other invocation of ports", child.invoke(port_slot, number, {0x80, 0, 0, 0}).label(), refused, label);
    }
    // Whoever has some ports cannot have others issued, nor the same once more.
    expect("ports that are in use", code_of(control.issue(0x83, 0x90, own_cnode, supply().slot())),
           static_cast<u64>(abi::Error::revoke_first));
    expect("issuing without the control capability",
           child.invoke(port_slot, abi::Label::x86_io_port_control_issue, {0x3f8, 0x3ff, 20, 6}, {port_slot}).label(), refused);
    must("take them back", own_cnode.revoke(abi::initial_slot::io_port_control));
    auto const gone = child.run([&] {
        auto registers = child.at(Child::address_of(attack_system_call));
        registers.rdx = static_cast<u64>(abi::Syscall::call);
        registers.rdi = port_slot;
        registers.rsi = abi::MessageInfo::make(std::to_underlying(abi::Label::x86_io_port_in8), 1).word;
        registers.r10 = 0x80;
        return registers;
    }());
    // An empty slot: an invalid capability is an error of Call, not a fault (ABI 4.11).
    expect("after revoking", abi::MessageInfo{gone.registers.rsi}.label(), static_cast<u64>(abi::Error::invalid_capability));
}

} // namespace

void test_ports() {
    group("I/O ports");
    Child const child(supply());
    test_instructions(child);
    test_capability(child);
}
