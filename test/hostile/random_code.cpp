// SPDX-License-Identifier: Apache-2.0
#include "test/hostile/random_code.hpp"

#include <new>
#include <span>

#include "test/isolation/child.hpp"

namespace {

constexpr unsigned threads = 3, steps = 200;

constexpr u8 syscall_[] = {0x0f, 0x05}, sysenter[] = {0x0f, 0x34}, int_[] = {0xcd, 0x9e}, int3[] = {0xcc}, icebp[] = {0xf1},
             mov_ss[] = {0x8e, 0xd0}, mov_ds[] = {0x8e, 0xd8}, mov_fs[] = {0x8e, 0xe1}, mov_gs[] = {0x8e, 0xea}, popf[] = {0x9d},
             push_rax[] = {0x50}, pop_rax[] = {0x58}, push_rcx[] = {0x51}, iretq[] = {0x48, 0xcf}, lretq[] = {0x48, 0xcb},
             pushf[] = {0x9c}, wrmsr[] = {0x0f, 0x30}, rdmsr[] = {0x0f, 0x32}, cli[] = {0xfa}, hlt[] = {0xf4}, in[] = {0xec}, out[] = {0xee},
             cpuid[] = {0x0f, 0xa2}, rdtsc[] = {0x0f, 0x31}, fxsave[] = {0x0f, 0xae, 0x04, 0x24}, fxrstor[] = {0x0f, 0xae, 0x0c, 0x24},
             fninit[] = {0xdb, 0xe3}, lsl[] = {0x0f, 0x03, 0xc1}, lar[] = {0x0f, 0x02, 0xc2}, sgdt[] = {0x0f, 0x01, 0x04, 0x24},
             xchg_rsp[] = {0x48, 0x94}, mov_cr3[] = {0x0f, 0x22, 0xd8}, jmp_rax[] = {0xff, 0xe0}, lcall[] = {0xff, 0x1c, 0x24}, ret[] = {0xc3},
             rep_stos[] = {0xf3, 0xaa}, rep_movs[] = {0xf3, 0xa4}, std_[] = {0xfd}, ud2[] = {0x0f, 0x0b}, swapgs[] = {0x0f, 0x01, 0xf8},
             vmrun[] = {0x0f, 0x01, 0xd8}, lldt[] = {0x0f, 0x00, 0xd0}, wrfsbase[] = {0xf3, 0x48, 0x0f, 0xae, 0xd0}, xsetbv[] = {0x0f, 0x01, 0xd1};
constexpr std::span<u8 const> words[] = {
    syscall_, sysenter, int_, int3, icebp, mov_ss, mov_ds, mov_fs, mov_gs, popf, push_rax, pop_rax, push_rcx, iretq, lretq, pushf, wrmsr,
    rdmsr, cli, hlt, in, out, cpuid, rdtsc, fxsave, fxrstor, fninit, lsl, lar, sgdt, xchg_rsp, mov_cr3, jmp_rax, lcall, ret, rep_stos,
    rep_movs, std_, ud2, swapgs, vmrun, lldt, wrfsbase, xsetbv};

void write_code(u8* to, Random& random) {
    u64 at = 0;
    bool const bytes = random.below(2);
    while (at < 64) {
        if (bytes || random.below(8) == 0) {
            to[at++] = static_cast<u8>(random.next());
            continue;
        }
        for (u8 const byte : words[random.below(std::size(words))]) to[at++] = byte;
    }
    to[at] = 0x0f; // UD2
    to[at + 1] = 0x0b;
}

u64 random_value(Random& random) {
    switch (random.below(8)) {
    case 0: return random.next();
    case 1: return u64{1} << random.below(64);
    case 2: return -random.below(64);
    case 3: return 0xffff800000000000 | random.next() >> 17;
    case 4: return random.below(64);
    case 5: return Child::code + random.below(page_size);
    case 6: return 0x28 + random.below(32); // selectors
    default: return Child::data + random.below(page_size);
    }
}

abi::UserContext random_registers(Child const& child, Random& random) {
    auto registers = child.at(Child::code);
    u64* const words_of = &registers.rip;
    for (unsigned i = 1; i < user::Tcb::register_count; ++i) words_of[i] = random_value(random);
    if (random.below(2)) registers.rsp = Child::stack_top - 8 * random.below(256);
    return registers;
}

struct Runner {
    explicit Runner(Supply& supply) : child(supply) {}
    Child child;
    unsigned waiting = 0; // turns since it was started; 0: stopped
};

} // namespace

u64 run_random_code(Supply& supply, Random& random) {
    alignas(Runner) static std::byte memory[threads][sizeof(Runner)];
    Runner* runners[threads];
    for (unsigned i = 0; i < threads; ++i) runners[i] = new (memory[i]) Runner(supply);
    u64 started = 0;
    for (unsigned step = 0; step < steps; ++step) {
        for (Runner* const runner : runners) {
            if (runner->waiting == 1) continue; // one more turn
            write_code(runner->child.code_view, random);
            runner->child.start(random_registers(runner->child, random));
            runner->waiting = 0;
            ++started;
        }
        user::yield();
        for (Runner* const runner : runners) {
            bool const stopped = runner->child.faults.receive_if_waiting().badge != 0;
            runner->waiting = stopped ? 0 : runner->waiting + 1;
        }
    }
    return started;
}
