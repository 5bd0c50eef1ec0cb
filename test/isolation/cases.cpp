// SPDX-License-Identifier: Apache-2.0
#include "test/isolation/tests.hpp"
#include "user/text.hpp"

namespace {

struct Case { // as attacks.h lays it out
    char const* name;
    void const *entry, *at;
    u64 fault, detail, code, result;
};
extern "C" Case const cases[], cases_end[];

constexpr u64 any = 0x6e4e6e4e, umip = 0x6e4e0001, gp_or_ud = 0x6e4e0002, db_or_ud = 0x6e4e0003, step = 0x103, far_return = 0x203;
constexpr u64 present = 1; // status of a page fault
constexpr u64 debug = 1, invalid_opcode = 6, general_protection = 13;

struct Leaf7 {
    u32 ebx, ecx;
    Leaf7() : ecx(0) {
        u32 eax = 7, edx;
        asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    }
};
bool has_umip() { return Leaf7{}.ecx & 1u << 2; }
bool has_smap() { return Leaf7{}.ebx & 1u << 20; }

void expect_exception(Case const& attack, FaultMessage const& fault) {
    u64 const vector = fault.words[3];
    bool const alternative = (attack.detail == gp_or_ud && (vector == invalid_opcode || vector == general_protection)) ||
                             (attack.detail == db_or_ud && (vector == invalid_opcode || vector == debug));
    u64 wanted = attack.detail;
    if (wanted == umip) wanted = has_umip() ? general_protection : invalid_opcode;
    bool const went_on = attack.detail == umip && !has_umip();
    if (!alternative) expect(attack.name, vector, wanted, 3);
    if (vector != invalid_opcode) expect(attack.name, fault.words[4], attack.code, 4);
    if (attack.detail != db_or_ud && !went_on && attack.fault != step) expect(attack.name, fault.at(), Child::address_of(attack.at), 1);
}

void expect_outcome(Case const& attack, FaultMessage const& fault) {
    // QEMU 7.2 reads the stack of user mode's IRET and far returns with the kernel's rights, which SMAP refuses.
    bool const pops = attack.fault == far_return && fault.is_page_fault(fault.registers.rsp, present);
    if (pops && has_smap()) return expect(attack.name, fault.at(), Child::address_of(attack.at), 1);
    u64 const label = attack.fault == step || attack.fault == far_return ? static_cast<u64>(abi::FaultLabel::user_exception) : attack.fault;
    expect(attack.name, fault.label, label);
    if (fault.label != label) {
        return;
    }
    switch (static_cast<abi::FaultLabel>(fault.label)) {
    case abi::FaultLabel::user_exception:
        expect(attack.name, fault.length, 5);
        expect_exception(attack, fault);
        break;
    case abi::FaultLabel::vm_fault:
        expect(attack.name, fault.at(), Child::address_of(attack.at), 1);
        expect(attack.name, fault.words[1], attack.detail, 5);
        if (attack.code != any) expect(attack.name, fault.words[3], attack.code, 6);
        expect(attack.name, fault.words[2], fault.words[3] >> 4, 7);
        break;
    case abi::FaultLabel::unknown_syscall:
        expect(attack.name, fault.length, 19);
        expect(attack.name, fault.words[18], attack.detail, 18);
        expect(attack.name, fault.words[15], Child::address_of(attack.at), 15);
        break;
    default: break;
    }
    if (attack.result != any) expect(attack.name, fault.registers.rax, attack.result, 2);
}

} // namespace

void test_cases() {
    group("instructions and entries");
    Child const child(supply());
    for (Case const* attack = cases; attack != cases_end; ++attack)
        expect_outcome(*attack, child.run(child.at(Child::address_of(attack->entry))));
}
