// SPDX-License-Identifier: Apache-2.0
// The kernel's half, the hole between the halves, and their edges: as data, as code, as stack, as a segment's base.
#include "test/isolation/tests.hpp"

namespace {

constexpr u64 last_page = 0x7ffffffff000, hole = 0x800000000000;
constexpr u64 nasty[] = {0x7fffffffe000, last_page,           0x7ffffffffffe,     0x7fffffffffff,     hole,
                         hole + 1,       0xffff7fffffffffff,  u64{1} << 63,       0xffff800000000000, 0xffffff8000000000,
                         0xffffff8000400000, 0xffffffff80101000, 0xffffffffc0000000, 0xfffffffffffff000, ~u64{0}};
constexpr bool canonical(u64 address) { return address < hole || address >= 0xffff800000000000; }
constexpr u64 sane(u64 address) { return canonical(address) ? address : 0; }

constexpr u64 present = 1, write = 2, user_mode = 4, fetch = 16;

// Whether something of the kernel's is there does not matter (status bit 0), only that it is refused.
void expect_page_fault(char const* statement, FaultMessage const& fault, u64 address, u64 status) {
    expect(statement, fault.label, static_cast<u64>(abi::FaultLabel::vm_fault), address);
    expect(statement, fault.words[1], address, address);
    expect(statement, fault.words[3] & ~present, status, address);
}

void try_all(Child const& child, u64 address) {
    if (!canonical(address)) {
        check("a read in the hole", child.run(attack_read, address).is_exception(13), address);
        check("a write in the hole", child.run(attack_write, address).is_exception(13), address);
        check("a jump into the hole", child.run(attack_execute, address).is_exception(13), address);
        return;
    }
    expect_page_fault("a read", child.run(attack_read, address), address, user_mode);
    expect_page_fault("a write", child.run(attack_write, address), address, user_mode | write);
    auto const jump = child.run(attack_execute, address);
    expect_page_fault("a jump", jump, address, user_mode | fetch);
    expect("FaultIP of a jump", jump.at(), address, address);
}

void test_kernel_half(Child const& child) {
    for (u64 entry = 256; entry < 512; ++entry) { // every PML4 entry of the upper half: its first and its last byte
        u64 const start = 0xffff000000000000 | entry << 39;
        try_all(child, start);
        try_all(child, start + (u64{1} << 39) - 1);
    }
    for (u64 gib = 0; gib < 512; ++gib) // every GiB of the kernel's entry
        try_all(child, 0xffffff8000000000 + (gib << 30) + 0x401000);
    for (u64 offset = 0; offset < 0x100000; offset += page_size) // every page of the image, by both names
        for (u64 const base : {0xffffffff80100000, 0xffffff8000100000}) try_all(child, base + offset);
}

void test_instruction_pointers(Child const& child) {
    for (u64 const address : nasty) {
        auto registers = child.at(address);
        auto fault = child.run(registers);
        expect("FaultIP after WriteRegisters", fault.at(), sane(address), address);
        expect_page_fault("rip by WriteRegisters", fault, sane(address), user_mode | fetch);
        child.run(attack_end);
        fault = child.answer(0, {address, Child::stack_top, 0x202});
        expect_page_fault("rip by the answer to an exception", fault, sane(address), user_mode | fetch);
        child.run(attack_popf_call, 2);
        fault = child.answer(0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, address});
        expect_page_fault("rip by the answer to a system call", fault, sane(address), user_mode | fetch);
        must("register for upcalls: off", child.tcb.set_upcall({}));
        u64 const refused = address >= hole ? static_cast<u64>(abi::Error::invalid_argument) : 0;
        expect("an entry for upcalls", code_of(child.tcb.set_upcall({address, 0, 0, 0, Child::buffer + 0x800, 7})), refused, address);
        must("register for upcalls: off", child.tcb.set_upcall({}));
    }
}

void test_stack_pointers(Child const& child) {
    for (u64 const address : nasty) {
        auto registers = child.at(Child::address_of(attack_push));
        registers.rsp = address;
        auto const fault = child.run(registers);
        u64 const at = address - 8;
        if (canonical(at) && canonical(at + 7)) {
            expect_page_fault("a push", fault, at, user_mode | write);
        } else { // a stack fault on the processor, QEMU 7.2 says general protection
            bool const refused = fault.is_exception(12) || fault.is_exception(13) || fault.is(abi::FaultLabel::vm_fault);
            check("a push into the hole", refused, address);
        }
        expect("rsp after the fault", fault.registers.rsp, address, address);
        // The answer to an exception takes any stack pointer, too.
        child.run(attack_end);
        auto const after = child.answer(0, {Child::address_of(attack_end), address, 0x202});
        check("rsp by the answer to an exception", after.is_exception(6), address);
        expect("rsp by the answer to an exception", after.words[1], address, address);
    }
}

void test_segment_bases(Child const& child) {
    for (u64 const address : nasty) {
        auto registers = child.at(Child::address_of(attack_read_fs));
        registers.fs_base = registers.gs_base = address;
        auto fault = child.run(registers);
        expect_page_fault("FS's base by WriteRegisters", fault, sane(address), user_mode);
        expect("FS's base as it reads", fault.registers.fs_base, sane(address), address);
        registers.rip = Child::address_of(attack_read_gs);
        expect_page_fault("GS's base by WriteRegisters", child.run(registers), sane(address), user_mode);

        u64 words[4]{};
        child.system_call(abi::Syscall::set_tls_base, Child::data, 0, words);
        auto after = child.system_call(abi::Syscall::set_tls_base, address, 0, words);
        expect("SetTLSBase returns", after.rip, Child::address_of(attack_end_of_call), address);
        must("TCB_SetTLSBase", child.tcb.set_tls_base(address));
        after = must("read its registers", child.tcb.read_registers(false));
        expect("the base by TCB_SetTLSBase", after.fs_base, sane(address), address);
        auto const moved = child.answer(0, {Child::address_of(attack_read_fs), Child::stack_top, 0x202});
        expect_page_fault("FS's base by TCB_SetTLSBase", moved, sane(address), user_mode);
    }
}

// SYSCALL in the last bytes before the hole would leave an address in rcx that SYSRET must not be given. The last page cannot be
// mapped; the one before it can.
void test_last_page(Child const& child) {
    auto const frame = supply().make<user::Frame>();
    u8* const view = supply().view(frame);
    constexpr u64 page = last_page - page_size;
    supply().map(child.space, frame, page, read_write);
    view[page_size - 2] = 0x0f; // SYSCALL
    view[page_size - 1] = 0x05;
    auto registers = child.at(last_page - 2);
    registers.rdx = static_cast<u64>(abi::Syscall::yield);
    auto fault = child.run(registers);
    expect("after a system call at the end of the last page", fault.at(), last_page);
    expect_page_fault("after a system call at the end of the last page", fault, last_page, user_mode | fetch);
    registers.rdx = 1234;
    fault = child.run(registers);
    expect("an unknown one there", fault.words[18], 1234);
    expect("its FaultIP", fault.words[15], last_page - 2);
    auto const other = supply().make<user::Frame>();
    auto const large = supply().make<user::LargeFrame>();
    u64 const invalid = static_cast<u64>(abi::Error::invalid_argument);
    for (u64 const address : {last_page, hole, hole + page_size, u64{0xffff800000000000}, u64{0xffffffff80101000}, ~u64{0xfff}})
        expect("a page at or above the last", code_of(other.map(child.space, {address}, read_write)), invalid, address);
    for (u64 const address : {u64{0x7fffffe00000}, hole, u64{0xffffff8000000000}})
        expect("a large page at or above the last", code_of(large.map(child.space, {address}, read_write)), invalid, address);
    for (u64 const address : {hole, u64{0xffff800000000000}, u64{0xffffff8000000000}, ~u64{0}}) {
        expect("a PDPT above", code_of(supply().make<user::Pdpt>().map(child.space, address)), invalid, address);
        expect("a page directory above", code_of(supply().make<user::PageDirectory>().map(child.space, address)), invalid, address);
        expect("a page table above", code_of(supply().make<user::PageTable>().map(child.space, address)), invalid, address);
    }
}

} // namespace

void test_addresses() {
    group("addresses");
    Child const child(supply());
    test_kernel_half(child);
    test_instruction_pointers(child);
    test_stack_pointers(child);
    test_segment_bases(child);
    test_last_page(child);
    for (u64 const address : nasty)
        if (address < 0x7fffffffe000 || address >= last_page) try_all(child, address);
}
