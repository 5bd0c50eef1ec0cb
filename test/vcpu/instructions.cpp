// SPDX-License-Identifier: Apache-2.0
#include "test/vcpu/tests.hpp"

using vmx::ExitReason;
using vmx::Field;

namespace {

void test_real_mode() {
    Bench bench;
    bench.use(own_thread);
    bench.load_real_mode(guest::real_mode());
    Stop at = bench.run(hlt_exiting);
    check("real mode: VMEnter returns for an exit", at.exit);
    expect("real mode: CPUID exits", at.reason(), reason_of(ExitReason::cpuid));
    expect("real mode: CPUID is two bytes", at.length(), 2);
    expect("real mode: eax is in the message", at.rax() & 0xffff, 0x1234);
    expect("real mode: rip is in the message", at.rip(), Bench::code + 3);
    at = bench.on(at);
    expect("real mode: OUT exits", at.reason(), reason_of(ExitReason::io));
    expect("real mode: OUT imm8, byte", at.qualification(), 0x80 << 16);
    expect("real mode: OUT's length", at.length(), 2);
    at = bench.on(at);
    expect("real mode: OUT dx, word", at.qualification(), 0x3f8 << 16 | 1);
    at = bench.on(at);
    expect("real mode: IN, byte", at.qualification(), 0x60 << 16 | 8);
    at = bench.on(at);
    expect("real mode: INS, byte", at.qualification(), 0x3f8 << 16 | 0x18);
    at = bench.on(at, 1);
    expect("real mode: HLT exits", at.reason(), reason_of(ExitReason::hlt));
    at = bench.on(at);
    expect("real mode: WBINVD exits", at.reason(), reason_of(ExitReason::wbinvd));
    at = bench.on(at);
    expect("real mode: VMMCALL exits as VMCALL", at.reason(), reason_of(ExitReason::vmcall));
    expect("real mode: VMMCALL is three bytes", at.length(), 3);
    at = bench.on(at);
    expect("real mode: without an interrupt table, an exception is a triple fault", at.reason(),
           reason_of(ExitReason::triple_fault));
}

void test_registers() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::registers());
    bench.write_registers(
        {100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114});
    Stop at = bench.run();
    expect("registers: 64-bit mode runs", at.reason(), reason_of(ExitReason::vmcall));
    bool all = true;
    for (unsigned i = 0; i < 15; ++i) all &= at.gpr(i) == 101 + i;
    check("registers: each reaches the guest and comes back", all);
    expect("registers: CR3 is in the message", at.words[abi::vm_message::cr3], 0x1000);
    bench.write_registers({7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7});
    at = bench.run();
    all = true;
    for (unsigned i = 0; i < 15; ++i) all &= at.gpr(i) == 8;
    check("registers: they can be written between runs", all);
    expect("registers: EFER.SVME is not seen", bench.read(Field::guest_efer), 0x501);
}

void test_msrs() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::msrs());
    Stop at = bench.run();
    expect("MSRs: RDMSR exits", at.reason(), reason_of(ExitReason::rdmsr));
    expect("MSRs: rcx names it", at.gpr(2), 0xc0000080);
    at = bench.on(at);
    expect("MSRs: WRMSR exits", at.reason(), reason_of(ExitReason::wrmsr));
    at = bench.on(at);
    expect("MSRs: LSTAR does not", at.reason(), reason_of(ExitReason::vmcall));
    expect("MSRs: LSTAR keeps its value", at.rax() << 32 | at.gpr(3), 0x11223344ull << 32 | 0x5566);
    expect("MSRs: VCPUReadMSR sees it",
           must("VCPUReadMSR", bench.vcpu.object().read_msr(vmx::msr_lstar)), 0x556611223344);
    check("MSRs: EFER is not for VCPUReadMSR", !bench.vcpu.object().read_msr(0xc0000080));
    at = bench.on(at);
    expect("MSRs: SWAPGS uses the guest's own KernelGSBase", at.rax(), 0x1000);
    expect("MSRs: GS base is in the VMCS", bench.read(Field::guest_gs_base), 0x1000);
}

void test_ports() {
    constexpr u16 scratch = 0x3ff; // of COM1: nobody else uses it
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::ports());
    u64 const slot = must("take a slot", objects().slots().take());
    user::IoPort const ports =
        must("issue ports", user::IoPortControl{abi::initial_slot::io_port_control}.issue(
                                0x3fe, 0x3ff, objects().cnode(), slot));
    auto const touch = [&] {
        bench.write_registers({0, 0, 0, scratch, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        return bench.run();
    };
    expect("ports: they exit at first", touch().reason(), reason_of(ExitReason::io));
    check("ports: a port outside the capability is refused",
          !bench.vcpu.object().enable_io_port(ports, 0x3fd, 0x3ff));
    must("VCPUEnableIOPort", bench.vcpu.object().enable_io_port(ports, scratch, scratch));
    Stop at = touch();
    expect("ports: an enabled one does not exit", at.reason(), reason_of(ExitReason::vmcall));
    expect("ports: the guest talks to the device", at.rax(), 0x5a);
    expect("ports: so does the monitor", must("IN", ports.in8(scratch)), 0x5a);
    must("VCPUDisableIOPort", bench.vcpu.object().disable_io_port(scratch, scratch));
    expect("ports: a disabled one exits again", touch().reason(), reason_of(ExitReason::io));
    must("VCPUEnableIOPort", bench.vcpu.object().enable_io_port(ports, scratch, scratch));
    must("delete the port capability", objects().cnode().remove(slot));
    expect("ports: they close with the capability", touch().reason(), reason_of(ExitReason::io));
}

// Every instruction of guest::controlled exits, with all controls on.
void test_controlled() {
    constexpr u64 everything = 0xffffffff & ~window_exiting;
    struct Expected {
        char const* name;
        ExitReason reason;
        u64 length; // of the instruction
        u64 qualification;
    };
    constexpr Expected list[] = {
        {"controls: RDTSC", ExitReason::rdtsc, 2, 0},
        {"controls: PAUSE", ExitReason::pause, 2, 0},
        {"controls: mov from CR3", ExitReason::control_register, 3, 0x13},
        {"controls: mov to CR3", ExitReason::control_register, 3, 0x03},
        {"controls: INVLPG", ExitReason::invlpg, 3, 0},
        {"controls: mov from DR7", ExitReason::debug_register, 3, 0x17},
        {"controls: mov to DR0", ExitReason::debug_register, 3, 0x00},
        {"controls: SIDT", ExitReason::gdtr_idtr, 5, 0},
        {"controls: mov from CR8", ExitReason::control_register, 4, 0x18},
        {"controls: mov to CR8", ExitReason::control_register, 4, 0x08},
        {"controls: MONITOR", ExitReason::monitor, 3, 0},
        {"controls: MWAIT", ExitReason::mwait, 3, 0},
    };
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::controlled());
    bench.write_registers({});
    bench.write(Field::secondary_controls,
                vmx::secondary::NestedPaging::mask | vmx::secondary::DescriptorTables::mask |
                    vmx::secondary::Rdtscp::mask);
    Stop at = bench.run(everything);
    for (Expected const& each : list) {
        expect(each.name, at.reason(), reason_of(each.reason));
        expect(each.name, at.qualification(), each.qualification);
        check(each.name, at.length() == 0 || at.length() == each.length);
        at = bench.on(at, each.length);
    }
    bench.load(guest::control_mask());
    bench.write(Field::cr0_mask, 0x20);
    bench.write(Field::cr0_read_shadow, 0x20);
    at = bench.run();
    expect("masks: a read that its shadow contradicts exits", at.qualification(), 0x10);
    bench.write(Field::cr0_read_shadow, 0);
    at = enter(at.rip());
    expect("masks: a read that its shadow does not contradict goes on", at.rip(), Bench::code + 3);
    expect("masks: a write exits", at.qualification(), 0x00);
}

void test_time() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::stamp());
    constexpr u64 ago = u64{1} << 50;
    bench.write(Field::tsc_offset, ~ago + 1);
    u64 const before = user::time_stamp();
    u64 const plain = bench.run().rax();
    u64 const shifted = bench.run(vmx::primary::TscOffsetting::mask).rax();
    u64 const after = user::time_stamp();
    check("time: the guest reads the host's time-stamp counter", plain >= before && plain <= after);
    check("time: shifted by the offset when its control is on",
          shifted + ago >= plain && shifted + ago <= after);
}

void test_debug_registers() {
    Bench one, other;
    one.load(guest::debug_registers());
    other.load(guest::debug_registers());
    one.use(own_thread);
    one.write_registers({.rax = 1, .rbx = 0x1111});
    Stop first = one.run();
    expect("debug registers: clear at first", first.rax(), 0);
    other.use(own_thread);
    other.write_registers({.rax = 1, .rbx = 0x2222});
    Stop second = other.run();
    expect("debug registers: another guest sees nothing of them", second.rax(), 0);
    one.use(own_thread);
    expect("debug registers: each guest keeps its own", one.on(first).rax(), 0x1111);
    other.use(own_thread);
    expect("debug registers: each guest keeps its own", other.on(second).rax(), 0x2222);
}

u64 xmm0_low() {
    u64 value;
    asm volatile("movq %%xmm0, %0" : "=r"(value));
    return value;
}

void test_fpu() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::fpu());
    bench.word(0x6000) = 0x600d600d600d600d;
    bench.write_registers({.rdi = 0x6000});
    asm volatile("movq %0, %%xmm0" : : "r"(0x1234567812345678));
    Stop at = bench.run(); // the guest loads xmm0
    expect("FPU: the guest leaves the monitor's alone", xmm0_low(), 0x1234567812345678);
    bench.word(0x6000) = 0;
    at = bench.on(at); // the guest stores it
    expect("FPU: the guest finds its own again", bench.word(0x6000), 0x600d600d600d600d);
    expect("FPU: and nothing changed for the monitor", xmm0_low(), 0x1234567812345678);
}

void test_avx() {
    Bench one, other;
    one.load(guest::avx());
    other.load(guest::avx());
    for (Bench* bench : {&one, &other}) {
        bench->write_registers({.rdi = 0x6000});
        for (u64 i = 0; i < 4; ++i)
            bench->word(0x6000 + 8 * i) = 0x1111 * (i + 1) + (bench == &one ? 0 : 0x10000);
    }
    one.use(own_thread);
    Stop first = one.run();
    expect("AVX: a guest switches it on by itself", first.reason(), reason_of(ExitReason::vmcall));
    other.use(own_thread);
    Stop second = other.run();
    for (u64 i = 0; i < 4; ++i) one.word(0x6000 + 8 * i) = other.word(0x6000 + 8 * i) = 0;
    one.use(own_thread);
    first = one.on(first);
    other.use(own_thread);
    second = other.on(second);
    expect("AVX: they can be stored", first.reason(), reason_of(ExitReason::vmcall));
    expect("AVX: they can be stored", second.reason(), reason_of(ExitReason::vmcall));
    bool kept = true;
    for (u64 i = 0; i < 4; ++i)
        kept &= one.word(0x6000 + 8 * i) == 0x1111 * (i + 1) &&
                other.word(0x6000 + 8 * i) == 0x1111 * (i + 1) + 0x10000;
    check("AVX: each guest keeps all 32 bytes of its registers", kept);
    second = other.on(second);
    second = other.on(second);
    expect("AVX: a guest goes on after it switched it off", second.reason(),
           reason_of(ExitReason::vmcall));
}

bool has_protection_keys() {
    u32 eax = 7, ebx, ecx = 0, edx;
    asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ecx >> 3 & 1;
}

void test_protection_keys() {
    if (!has_protection_keys()) return;
    Bench one, other;
    one.load(guest::protection_keys());
    other.load(guest::protection_keys());
    one.write_registers({.rbx = 0x50});
    other.write_registers({.rbx = 0xa0});
    one.use(own_thread);
    Stop first = one.run();
    other.use(own_thread);
    Stop second = other.run();
    expect("protection keys: another guest sees nothing of them", second.r15(), 0);
    one.use(own_thread);
    expect("protection keys: each guest keeps its own", one.on(first).rax(), 0x50);
    other.use(own_thread);
    expect("protection keys: each guest keeps its own", other.on(second).rax(), 0xa0);
}

} // namespace

void test_instructions() {
    test_real_mode();
    test_registers();
    test_msrs();
    test_ports();
    test_controlled();
    test_time();
    test_debug_registers();
    test_fpu();
    test_avx();
    test_protection_keys();
}
