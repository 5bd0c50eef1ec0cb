// SPDX-License-Identifier: Apache-2.0
// State of the processor that exits do not save by themselves: it must be the same after the
// monitor and other guests, which do this too, have run. And random code, which leaves nothing in
// its place.
#include "test/guests/behaviours.hpp"
#include "test/guests/checks.hpp"

namespace guest {
namespace {

struct alignas(64) FpuImage { // FXSAVE's, and what XSAVE puts after it
    u16 control, status;
    u8 tag, reserved;
    u16 opcode;
    u64 instruction, data;
    u32 mxcsr, mxcsr_mask;
    u64 registers[8][2];
    u64 vectors[16][2];
    u64 unused[12];
    u64 components, header[7];
    u64 upper_halves[16][2]; // of the YMM registers
};
static_assert(sizeof(FpuImage) == 832);

constexpr u32 kernel_gs_base = 0xc0000102, star = 0xc0000081, lstar = 0xc0000082,
              flag_mask = 0xc0000084;
constexpr u32 all_components = 7; // x87, SSE, AVX
constexpr u64 significand_and_exponent[2] = {~u64{0}, 0xffff};

void fill(FpuImage& image, Random& random) {
    image.control = static_cast<u16>(0x037f | (random.next() & 0xc00)); // rounding
    image.tag = 0xff;
    image.mxcsr = static_cast<u32>(0x1f80 | (random.next() & 0x6000));
    for (auto& one : image.registers)
        for (unsigned i = 0; i < 2; ++i) one[i] = random.next() & significand_and_exponent[i];
    for (auto& one : image.vectors)
        for (u64& half : one) half = random.next();
    for (auto& one : image.upper_halves)
        for (u64& half : one) half = random.next();
    image.components = all_components;
}

bool same(u64 const (&one)[2], u64 const (&other)[2]) {
    return one[0] == other[0] && one[1] == other[1];
}

void compare(Checks& checks, FpuImage const& wanted, FpuImage const& found, bool avx) {
    checks.check(found.control == wanted.control, "FPU control", found.control);
    checks.check(found.tag == wanted.tag, "FPU tags", found.tag);
    checks.check(found.mxcsr == wanted.mxcsr, "MXCSR", found.mxcsr);
    for (unsigned i = 0; i < 8; ++i)
        checks.check(same(found.registers[i], wanted.registers[i]), "ST", i);
    for (unsigned i = 0; i < 16; ++i)
        checks.check(same(found.vectors[i], wanted.vectors[i]), "XMM", i);
    for (unsigned i = 0; i < 16 && avx; ++i)
        checks.check(same(found.upper_halves[i], wanted.upper_halves[i]), "upper half of YMM", i);
}

// CR0.EM and TS off, MP on; CR4.OSFXSR, OSXMMEXCPT and, for AVX, OSXSAVE on.
void switch_fpu_on(bool avx) {
    u64 cr0, cr4;
    asm volatile("mov %%cr0, %0; mov %%cr4, %1" : "=r"(cr0), "=r"(cr4));
    cr0 = (cr0 & ~u64{1 << 2 | 1 << 3}) | 1 << 1;
    cr4 |= 1 << 9 | 1 << 10;
    if (avx) cr4 |= 1 << 18;
    asm volatile("mov %0, %%cr0; mov %1, %%cr4; fninit" ::"r"(cr0), "r"(cr4));
    if (avx) asm volatile("xsetbv" ::"c"(0), "a"(all_components), "d"(0));
}

void load(FpuImage const& image, bool avx) {
    if (avx)
        asm volatile("xrstor64 %0" ::"m"(image), "a"(all_components), "d"(0));
    else
        asm volatile("fxrstor64 %0" ::"m"(image));
}

void store(FpuImage& image, bool avx) {
    if (avx)
        asm volatile("xsave64 %0" : "+m"(image) : "a"(all_components), "d"(0));
    else
        asm volatile("fxsave64 %0" : "+m"(image));
}

// Time for others: an exit to the monitor, or long enough to be preempted.
void let_others_run(unsigned round) {
    if (round % 2 == 0) {
        u32 a = 0, b, c = 0, d;
        asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        return;
    }
    u64 const end = time_stamp() + 60'000'000; // some time slices
    while (time_stamp() < end) {
    }
}

// What lies beyond the test guests' 32 MiB is left out of the boot page tables: accesses there are
// page faults.
void unmap_what_is_not_there() {
    constexpr unsigned large_pages = 16, entries = 512;
    u64* const directory_pointers = reinterpret_cast<u64*>(0xa000);
    u64* const directory = reinterpret_cast<u64*>(0xb000);
    for (unsigned i = 1; i < 4; ++i) directory_pointers[i] = 0;
    for (unsigned i = large_pages; i < entries; ++i) directory[i] = 0;
    asm volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" ::: "rax", "memory");
}

} // namespace

void state(std::string_view parts) {
    bool const avx = parts == "avx";
    Checks checks("state");
    Random random(time_stamp());
    switch_fpu_on(avx);
    static FpuImage wanted, found;
    for (unsigned round = 0; round < 60; ++round) {
        fill(wanted, random);
        u64 const debug = random.next(), address = random.next() >> 20;
        asm volatile("mov %0, %%db0; mov %1, %%db3" ::"r"(debug), "r"(debug ^ 1));
        for (u32 const msr : {kernel_gs_base, lstar}) write_msr(msr, address + msr);
        write_msr(star, address << 32);
        write_msr(flag_mask, address & 0xffffffff);

        load(wanted, avx);
        let_others_run(round);
        store(found, avx);

        compare(checks, wanted, found, avx);
        u64 first, last;
        asm volatile("mov %%db0, %0; mov %%db3, %1" : "=r"(first), "=r"(last));
        checks.check(first == debug && last == (debug ^ 1), "debug address registers", first);
        for (u32 const msr : {kernel_gs_base, lstar})
            checks.check(read_msr(msr) == address + msr, "MSR", msr);
        checks.check(read_msr(star) == address << 32, "MSR", star);
        checks.check(read_msr(flag_mask) == (address & 0xffffffff), "MSR", flag_mask);
    }
    checks.report();
}

void wild(std::string_view seed) {
    constexpr unsigned rounds = 400, random_bytes = 64;
    enable_apic();
    unmap_what_is_not_there();
    Random random(seed.empty() ? 1 : static_cast<u64>(seed[0]));
    static u8 code[2 * random_bytes];
    unsigned ended_by_alarm = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        for (unsigned i = 0; i < random_bytes; ++i) code[i] = static_cast<u8>(random.next() >> 20);
        for (unsigned i = random_bytes; i < sizeof code; i += 2) { // UD2
            code[i] = 0x0f;
            code[i + 1] = 0x0b;
        }
        ended_by_alarm += exception_of([] {
                              set_alarm(10'000'000); // code that runs in a circle ends by this,
                                                     // unless it has switched interrupts off
                              asm volatile("sti; call *%0" ::"r"(code) : "memory");
                          }) == alarm_vector;
        catch_exceptions();
    }
    print("wild: survived; ended by the alarm: ");
    print_hex(ended_by_alarm);
    print_line();
}

} // namespace guest
