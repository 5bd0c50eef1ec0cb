// SPDX-License-Identifier: Apache-2.0
// What belongs to the machine below, or to nobody: a guest is told so by an exception, as by a
// processor without it.
#include "test/guests/behaviours.hpp"
#include "test/guests/checks.hpp"

namespace guest {
namespace {

int exception_of_read(u32 msr) {
    return exception_of([=] { read_msr(msr); });
}
int exception_of_write(u32 msr, u64 value) {
    return exception_of([=] { write_msr(msr, value); });
}

constexpr u32 efer = 0xc0000080, apic_base = 0x1b;
constexpr u64 svm_enable = 1 << 12;

} // namespace

void msr(std::string_view) {
    Checks checks("msr");
    // AMD's virtualisation and system management, MTRRs, debug control, performance counters,
    // Hyper-V's range.
    constexpr u32 foreign[] = {0xc0010117, 0xc0010114, 0xc0010111, 0xc0010020, 0xc0010000, 0x200,
                               0x2ff,      0x1d9,      0xc1,       0x40000000, 0x480,      0x3a,
                               0xffffffff, 0x80000000, 0x2000,     0xc0002000, 0xc0020000};
    for (u32 const number : foreign) {
        checks.check(exception_of_read(number) == general_protection, "read of MSR", number);
        checks.check(exception_of_write(number, 1) == general_protection, "write of MSR", number);
    }
    // Wherever an MSR may stand: a value or a refusal, never the end.
    unsigned refused = 0;
    for (u32 const first : {0x0U, 0xc0000000U, 0xc0010000U})
        for (u32 number = first; number < first + 0x2000; number += 29) {
            int const vector = exception_of_read(number);
            refused += vector == general_protection;
            checks.check(vector == none || vector == general_protection, "read of MSR", number);
        }
    checks.check(refused > 700, "MSRs refused", refused);

    u64 const known = read_msr(efer);
    checks.check(exception_of_write(efer, known | svm_enable) == general_protection,
                 "SVM switched on", 0);
    checks.check(exception_of_write(efer, known | u64{1} << 63) == general_protection,
                 "reserved bit of EFER", 63);
    checks.check(exception_of_write(efer, known & ~u64{1 << 8}) == general_protection,
                 "long mode left while paging", 8);
    checks.check(read_msr(efer) == known, "EFER unchanged", read_msr(efer));
    checks.check(exception_of_write(apic_base, 0xfed00000 | 1 << 11) == general_protection,
                 "APIC moved", 0);
    checks.report();
}

void ports(std::string_view) {
    Checks checks("ports");
    auto const is_device = [](u32 port) { // UART, power management, channel 2 of the timer and its gate
        return port == 0x42 || port == 0x61 || (port >= 0x3f8 && port < 0x400) || (port >= 0x600 && port < 0x603);
    };
    for (u32 port = 0; port < 0x10000; port += port < 0x400 || port > 0xffe0 ? 1 : 61) {
        if (is_device(port))
            in8(static_cast<u16>(port));
        else
            checks.check(in8(static_cast<u16>(port)) == 0xff, "nothing is at port", port);
    }
    checks.check(in32(0xffff) == 0xffffffff, "four bytes at the last port", in32(0xffff));
    // Keyboard controller, clock, PCI configuration, DMA, interrupt controllers, the host's own
    // reset port: nobody's here.
    constexpr u16 foreign[] = {0x60, 0x64, 0x70, 0x71, 0xcf8, 0xcfc, 0x00,
                               0x20, 0x21, 0xa1, 0x80, 0x92,  0xcf9, 0x2f8};
    constexpr u8 commands[] = {0xfe, 0x0e, 0x06, 0x01};
    for (u16 const port : foreign)
        for (u8 const value : commands) out8(port, value);
    checks.check(in8(0x92) == 0xff, "still nothing is at port", 0x92);
    checks.report();
}

void privileged(std::string_view) {
    Checks checks("privileged");
    auto const refused = [&](auto instruction, std::string_view name) {
        int const vector = exception_of(instruction);
        checks.check(vector == invalid_opcode, name, static_cast<u64>(vector));
    };
    for (int round = 0; round < 3; ++round) {
        refused([] { asm volatile("vmrun" ::"a"(0x200000UL) : "memory"); }, "vmrun");
        refused([] { asm volatile("vmload" ::"a"(0x200000UL) : "memory"); }, "vmload");
        refused([] { asm volatile("vmsave" ::"a"(0x200000UL) : "memory"); }, "vmsave");
        refused([] { asm volatile("stgi" ::: "memory"); }, "stgi");
        refused([] { asm volatile("clgi" ::: "memory"); }, "clgi");
        refused([] { asm volatile("skinit" ::"a"(0x200000) : "memory"); }, "skinit");
        refused([] { asm volatile("invlpga" ::"a"(0UL), "c"(0) : "memory"); }, "invlpga");
        refused([] { asm volatile("vmcall" ::: "memory"); }, "vmcall, which is Intel's");
        refused([] { asm volatile("rsm" ::: "memory"); }, "rsm");
        refused([] { asm volatile("xsetbv" ::"a"(7), "d"(0), "c"(0) : "memory"); }, "xsetbv");
        refused([] { asm volatile("xgetbv" ::"c"(0) : "rax", "rdx"); }, "xgetbv");
        refused([] { asm volatile("monitor" ::"a"(0UL), "c"(0), "d"(0)); }, "monitor");
        refused([] { asm volatile("mwait" ::"a"(0), "c"(0)); }, "mwait");
    }
    // What the host watches for its own sake still comes to the guest.
    int const step = exception_of([] {
        asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" ::: "memory", "cc");
    });
    checks.check(step == debug, "a single step", static_cast<u64>(step));
    int const trap = exception_of([] { asm volatile("int3"); });
    checks.check(trap == breakpoint, "a breakpoint", static_cast<u64>(trap));

    u64 answer = 0;
    asm volatile("vmmcall" : "=a"(answer) : "a"(9UL) : "memory");
    checks.check(answer == ~u64{0} - 999, "vmmcall is answered: no such call", answer);
    asm volatile("wbinvd; invd; pause" ::: "memory");

    checks.report();
}

} // namespace guest
