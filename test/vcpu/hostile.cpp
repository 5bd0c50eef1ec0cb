// SPDX-License-Identifier: Apache-2.0
#include "test/vcpu/tests.hpp"

using vmx::Field;

namespace {

user::CPtr volatile alarm;

[[noreturn]] void ring_for_ever() {
    for (;;) {
        user::signal(alarm);
        user::yield();
    }
}

class Random { // xorshift64
public:
    u64 next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        return state_ ^= state_ << 17;
    }

private:
    u64 state_ = 0x9e3779b97f4a7c15;
};

// Every kind of guest there is, in turn; two where there is no nested paging.
void load_kind(Bench& bench, int number, std::span<u8 const> guest) {
    switch (has_nested_paging() ? number % 4 : number % 2) {
    case 0: return bench.load_shadow(guest);
    case 1: return bench.load_pae(guest);
    case 2: return bench.load(guest);
    default: return bench.load_real_mode(guest);
    }
}

void expect_failed(char const* statement, Stop const& at) {
    check(statement, at.exit && at.reason() == ~u64{0} && at.qualification() == ~u64{0});
}

void test_refused_states() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::registers());
    auto const refused = [&](char const* statement, Field field, u64 value) {
        u64 const old = bench.read(field);
        bench.write(field, value);
        expect_failed(statement, bench.run());
        bench.write(field, old);
    };
    refused("hostile: paging without protection", Field::guest_cr0, 0x80000010);
    refused("hostile: NW without CD", Field::guest_cr0, 0xa0000013);
    refused("hostile: long mode without PAE", Field::guest_cr4, 0);
    refused("hostile: LME without LMA", Field::guest_efer, 0x101);
    refused("hostile: a 64-bit segment that is also 32-bit", Field::guest_cs_access_rights, 0xe09b);
    refused("hostile: a memory type that does not exist", Field::guest_pat, 2);
    expect_failed("hostile: a reserved event", enter(Bench::code, 0, 0x80007f20));
    expect_failed("hostile: a software interrupt", enter(Bench::code, 0, 0x80000480));
    check("hostile: a field that does not exist", !bench.vcpu.object().read_vmcs(0x6c16));
    check("hostile: the host's state", !bench.vcpu.object().write_vmcs(0x6c16, 0));
    check("hostile: SVM's own MSRs", !bench.vcpu.object().write_msr(0xc0010117, 0));
    check("hostile: the guest is none the worse",
          bench.run().reason() == reason_of(vmx::ExitReason::vmcall));
}

// Nonsense in every field, and a run with it. The alarm ends runs that would not end.
void test_nonsense() {
    auto notification = must("make a notification", objects().make<user::Notification>());
    must("bind it", own_thread.bind(notification.object()));
    alarm = notification.cptr();
    Helper helper(ring_for_ever);
    helper.start();
    Random random;
    unsigned runs = 0, failures = 0;
    for (int guest = 0; guest < 12; ++guest) {
        Bench bench;
        bench.use(own_thread);
        load_kind(bench, guest, guest::controlled());
        for (int round = 0; round < 25; ++round) {
            constexpr u64 rows[] = {0x800,  0x2800, 0x4000, 0x4800, 0x4810,
                                    0x4820, 0x6000, 0x6800, 0x6818, 0x4012};
            for (int i = 0; i < 2; ++i) {
                u64 const field = rows[random.next() % std::size(rows)] + random.next() % 16;
                u64 value = random.next();
                if (value & 1) value >>= random.next() % 64;
                [[maybe_unused]] auto const written = bench.vcpu.object().write_vmcs(field, value);
            }
            Stop const at = enter(random.next() % 2 ? Bench::code : random.next(), random.next(),
                                  random.next() % 4 ? 0 : random.next());
            ++runs;
            failures += at.exit && at.reason() == ~u64{0};
        }
    }
    check("hostile: nonsense was run", runs == 300 && failures > 10 && failures < runs);
    must("unbind it", own_thread.unbind());
    Bench bench;
    bench.use(own_thread);
    load_kind(bench, 0, guest::registers());
    check("hostile: and a sane guest still runs",
          bench.run().reason() == reason_of(vmx::ExitReason::vmcall));
}

// Random bytes as instructions, in every mode. What exits is skipped; the alarm ends what does
// not.
void test_random_code() {
    auto notification = must("make a notification", objects().make<user::Notification>());
    must("bind it", own_thread.bind(notification.object()));
    alarm = notification.cptr();
    Helper helper(ring_for_ever);
    helper.start();
    Random random;
    unsigned exits = 0;
    for (int guest = 0; guest < 8; ++guest) {
        Bench bench;
        bench.use(own_thread);
        for (int round = 0; round < 20; ++round) {
            load_kind(bench, guest, guest::count());
            for (u64 i = 0; i < 0x1000; i += 8) bench.word(Bench::code + i) = random.next();
            Stop at = bench.run();
            for (int i = 0;
                 i < 20 && at.exit && at.reason() != reason_of(vmx::ExitReason::triple_fault);
                 ++i) {
                ++exits;
                at = enter(at.rip() + (at.length() ? at.length() : 1), random.next());
            }
        }
    }
    check("hostile: random code was run", exits > 100);
    must("unbind it", own_thread.unbind());
}

} // namespace

void test_hostile() {
    if (has_nested_paging()) test_refused_states();
    test_nonsense();
    test_random_code();
}
