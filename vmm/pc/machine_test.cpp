// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/machine.hpp"

#include "base/gtest.hpp"
#include <random>
#include <string>
#include <vector>

#include "vmm/pc/memory_map.hpp"

namespace vmm {
namespace {

struct FakeConsole : ConsolePort {
    bool room() override { return true; }
    void put(char byte) override { text += byte; }
    void wait() override {}
    std::string text;
};

constexpr u32 x2apic_spurious = 0x80f, x2apic_eoi = 0x80b, x2apic_timer = 0x832,
              tsc_deadline = 0x6e0, pv_eoi = 0x4b564d04;

struct World {
    World() {
        machine.reset(true);
        EXPECT_TRUE(machine.write_msr(x2apic_spurious, 0x1ff, 0));
        machine.write_device(io_apic_at, 4, 0x18, 0);
        machine.write_device(io_apic_at + 0x10, 4, 0x34, 0); // COM1: vector 0x34, edge
    }
    std::vector<u8> ram = std::vector<u8>(65536);
    FakeConsole console;
    Machine machine{GuestMemory(ram),
                    console,
                    {.tsc_khz = 1'000'000, .wall_clock_base = 0, .wall_clock_tsc = 0},
                    host_cpuid};
};

TEST(Machine, ComOneSpeaksToTheConsoleAndInterrupts) {
    World world;
    world.machine.write_port(com1_port, 1, 'A', 0);
    EXPECT_EQ(world.console.text, "A");
    world.machine.write_port(com1_port + 1, 1, 2, 0); // transmitter empty
    world.machine.after_run(0);
    EXPECT_EQ(world.machine.interrupt(), 0x34);
    world.machine.taken(0x34);
    EXPECT_FALSE(world.machine.interrupt());
}

TEST(Machine, TheIntervalTimersOutputIsABitOfItsGatesPort) {
    World world;
    world.machine.write_port(timer_gate_port, 1, 1, 0);
    world.machine.write_port(timer_control_port, 1, 0xb0, 0);
    for (unsigned byte : {10u, 0u}) world.machine.write_port(timer_counter_port, 1, byte, 0);
    EXPECT_EQ(world.machine.read_port(timer_gate_port, 1, 0), 1u);
    EXPECT_EQ(world.machine.read_port(timer_counter_port, 1, 0), 10u);
    EXPECT_EQ(world.machine.read_port(timer_gate_port, 1, 1'000'000), 0x21u);
}

TEST(Machine, PortsWithoutADeviceReadAllOnes) {
    World world;
    EXPECT_EQ(world.machine.read_port(0x71, 1, 0), 0xffu);
    EXPECT_EQ(world.machine.read_port(0xcfc, 4, 0), 0xffffffffu);
    world.machine.write_port(0xcf8, 4, 0x80000000, 0);
    EXPECT_EQ(world.machine.read_port(0xcf8, 2, 0), 0xffffu);
}

TEST(Machine, SleepAndResetRegistersEndTheRun) {
    World world;
    world.machine.write_port(sleep_control_port, 1, sleep_type_off << 2, 0); // not enabled
    world.machine.write_port(sleep_control_port, 1, 0x20 | 3 << 2, 0);       // another state
    world.machine.write_port(reset_port, 1, 0x06, 0);
    EXPECT_EQ(world.machine.power(), Machine::Power::on);
    world.machine.write_port(sleep_control_port, 1, 0x20 | sleep_type_off << 2, 0);
    EXPECT_EQ(world.machine.power(), Machine::Power::off);
    world.machine.reset(true);
    EXPECT_EQ(world.machine.power(), Machine::Power::on);
    world.machine.write_port(reset_port, 1, reset_value, 0);
    EXPECT_EQ(world.machine.power(), Machine::Power::reset);
}

TEST(Machine, InXapicModeTheLocalApicIsAPage) {
    World world;
    world.machine.reset(false);
    EXPECT_FALSE(world.machine.read_msr(x2apic_spurious, 0));
    EXPECT_TRUE(world.machine.has_device(local_apic_at));
    world.machine.write_device(local_apic_at + 0xf0, 4, 0x1ff, 0);
    world.machine.write_device(local_apic_at + 0x310, 4, 0, 0);
    world.machine.write_device(local_apic_at + 0x300, 4, 0x51, 0); // to APIC id 0: itself
    ASSERT_EQ(world.machine.interrupt(), 0x51);
    world.machine.taken(0x51);
    EXPECT_EQ(world.machine.read_device(local_apic_at + 0x120, 4, 0), 1u << (0x51 - 0x40));
    world.machine.write_device(local_apic_at + 0xb0, 4, 0, 0);
    EXPECT_EQ(world.machine.read_device(local_apic_at + 0x120, 4, 0), 0u);
    world.machine.write_device(local_apic_at + 0xd0, 4, 0x01ffffff, 0);
    EXPECT_EQ(world.machine.read_device(local_apic_at + 0xd0, 4, 0), 0x01000000u);
    // IA32_APIC_BASE switches to x2APIC mode, and never back.
    EXPECT_EQ(world.machine.read_msr(0x1b, 0), 0xfee00900u);
    EXPECT_TRUE(world.machine.write_msr(0x1b, 0xfee00d00, 0));
    EXPECT_FALSE(world.machine.has_device(local_apic_at));
    EXPECT_FALSE(world.machine.write_msr(0x1b, 0xfee00900, 0));
    EXPECT_EQ(world.machine.read_msr(x2apic_spurious, 0), 0x1ffu);
}

TEST(Machine, DeadlineTimerInterrupts) {
    World world;
    EXPECT_TRUE(world.machine.write_msr(x2apic_timer, 2 << 17 | 0xec, 0));
    EXPECT_TRUE(world.machine.write_msr(tsc_deadline, 500, 0));
    EXPECT_EQ(world.machine.next_timer(), 500u);
    world.machine.after_run(499);
    EXPECT_FALSE(world.machine.interrupt());
    world.machine.after_run(500);
    EXPECT_EQ(world.machine.interrupt(), 0xec);
}

// An interrupt is in service; whether the guest ends it through its flag.
struct ParavirtualWorld : World {
    ParavirtualWorld() {
        EXPECT_TRUE(machine.write_msr(pv_eoi, 0x1000 | 1, 0));
        EXPECT_TRUE(machine.write_msr(0x83f, 0x50, 0)); // to itself
        machine.taken(0x50);
    }
};

TEST(Machine, GuestEndsItsInterruptByClearingTheFlag) {
    ParavirtualWorld world;
    world.machine.before_run();
    EXPECT_EQ(world.ram[0x1000], 1);
    world.ram[0x1000] = 0;
    world.machine.after_run(0);
    EXPECT_TRUE(world.machine.write_msr(
        0x83f, 0x41, 0)); // of lower priority: deliverable only if the first has ended
    EXPECT_EQ(world.machine.interrupt(), 0x41);
}

TEST(Machine, AFlagStillSetMeansThatTheInterruptIsStillInService) {
    ParavirtualWorld world;
    world.machine.before_run();
    world.machine.after_run(0);
    EXPECT_EQ(world.ram[0x1000], 0);
    EXPECT_TRUE(world.machine.write_msr(0x83f, 0x41, 0));
    EXPECT_FALSE(world.machine.interrupt());
    world.machine.before_run(); // another waits: the guest must end this one with an exit
    EXPECT_EQ(world.ram[0x1000], 0);
    EXPECT_TRUE(world.machine.write_msr(x2apic_eoi, 0, 0));
    EXPECT_EQ(world.machine.interrupt(), 0x41);
}

TEST(Machine, UnknownMsrsAreRefusedAndTheApicStaysWhereItIs) {
    World world;
    EXPECT_FALSE(world.machine.read_msr(0x12345, 0));
    EXPECT_FALSE(world.machine.write_msr(0x12345, 0, 0));
    u64 const base = world.machine.read_msr(0x1b, 0).value();
    EXPECT_EQ(base, 0xfee00d00u);
    EXPECT_TRUE(world.machine.write_msr(0x1b, base, 0));
    EXPECT_FALSE(world.machine.write_msr(0x1b, 0xfee00000, 0));
    EXPECT_FALSE(world.machine.write_msr(pv_eoi, 0x100000 | 1, 0)); // not in RAM
}

// A guest may do anything at any time: the sanitizers watch, and time goes on.
TEST(Machine, SurvivesRandomAccesses) {
    World world;
    std::mt19937_64 random(1); // NOLINT: the same every time
    constexpr u32 msrs[] = {0x10,  0x1b,  0x6e0, 0x80b,      0x80f,      0x830, 0x832,
                            0x838, 0x83e, 0x83f, 0x4b564d00, 0x4b564d01, pv_eoi};
    u64 now = 0;
    for (int i = 0; i < 200'000; ++i) {
        u64 const value = random() >> random() % 64;
        u8 const size = static_cast<u8>(1 << random() % 3);
        u16 const port = static_cast<u16>(random() % 4 ? com1_port + random() % 8 : random());
        u32 const msr = random() % 2 ? msrs[random() % std::size(msrs)]
                                     : 0x800 + static_cast<u32>(random() % 0x40);
        switch (random() % 8) {
        case 0: world.machine.read_port(port, size, 0); break;
        case 1: world.machine.write_port(port, size, static_cast<u32>(value), 0); break;
        case 2: world.machine.read_msr(msr, now); break;
        case 3: static_cast<void>(world.machine.write_msr(msr, value, now)); break;
        case 4: world.machine.read_device(io_apic_at + random() % IoApic::size, size, 0); break;
        case 5: world.machine.write_device(io_apic_at + random() % 0x20, size, value, 0); break;
        case 6: static_cast<void>(world.machine.uart().receive(static_cast<char>(value))); break;
        default:
            world.machine.after_run(now += value % 10'000);
            if (auto const vector = world.machine.interrupt()) world.machine.taken(*vector);
            EXPECT_FALSE(world.machine.next_timer() && *world.machine.next_timer() <= now);
            world.machine.before_run();
        }
    }
}

TEST(Machine, KnowsWhereItsDevicesAre) {
    World world;
    EXPECT_TRUE(world.machine.has_device(io_apic_at));
    EXPECT_FALSE(world.machine.has_device(local_apic_at));
    EXPECT_FALSE(world.machine.has_device(GuestPhys{0xfec01000}));
    world.machine.write_device(io_apic_at, 1, 1, 0); // the index as a byte
    EXPECT_EQ(world.machine.read_device(io_apic_at + 0x10, 4, 0) >> 16, IoApic::pins - 1);
}

} // namespace
} // namespace vmm
