// SPDX-License-Identifier: Apache-2.0
// The monitor's loop with an engine that plays a script of exits and a host whose clock we turn by
// hand.
#include "base/gtest.hpp"

#include "vmm/monitor.hpp"

#include <deque>
#include <functional>

#include "vmm/pc/memory_map.hpp"
#include "vmm/pc/tiny_kernel.hpp"

namespace vmm {
namespace {

enum : unsigned { rax = 0, rcx = 1, rdx = 2, rbx = 3, rsi = 6 };
constexpr u64 interrupt_flag = 1 << 9;

struct FakeHost : Host {
    bool room() override { return true; }
    void put(char byte) override { output += byte; }
    void wait() override {
        ++waits;
        if (alarm)
            clock = std::max(clock, *std::exchange(alarm, std::nullopt));
        else
            stop = true; // nobody would ever wake us
    }
    u64 now() override { return clock; }
    void set_alarm(u64 deadline) override { alarm = deadline; }
    void happened(u64 events) override { seen_events |= events; }
    std::optional<char> input() override {
        if (typed.empty()) return std::nullopt;
        char const byte = typed.front();
        typed.erase(0, 1);
        return byte;
    }
    void flush() override {}
    void say(std::string_view line) override { said += std::string(line) + "\n"; }
    bool asked_to_stop() override { return stop; }
    bool asked_to_report() override { return std::exchange(wants_report, false); }

    std::string output, said, typed;
    std::optional<u64> alarm;
    u64 clock = 1000, seen_events = 0;
    int waits = 0;
    bool stop = false, wants_report = false;
};

// Each step sets the processor's state and says why the guest stopped. Without a step left the
// guest powers off.
struct FakeEngine : Engine {
    using Step = std::function<Exit(FakeEngine&)>;

    void start(GuestEntry const& entry) override {
        ++starts;
        ip = entry.core.rip;
        flags = 2;
    }
    Exit run() override {
        runs.push_back({injected, window});
        injected.reset();
        if (steps.empty()) return out(sleep_control_port, 0x20 | sleep_type_off << 2);
        Step const step = steps.front();
        steps.pop_front();
        return step(*this);
    }
    Exit out(u16 port, u8 value) {
        regs.value[rax] = value;
        return exits::Port{.port = port, .size = 1, .in = false, .string = false};
    }
    x86::CoreState core() override { return {.registers = regs, .rip = ip, .rflags = flags}; }
    void set_core(x86::CoreState const& core) override {
        regs = core.registers;
        ip = core.rip;
        flags = core.rflags;
    }
    x86::Segment segment(x86::SegmentName) override {
        return {.access_rights = x86::access_rights::Long::mask};
    }
    void set_segment(x86::SegmentName, x86::Segment const&) override {}
    x86::TableRegister gdtr() override { return {}; }
    x86::TableRegister idtr() override { return {}; }
    void set_gdtr(x86::TableRegister const&) override {}
    void set_idtr(x86::TableRegister const&) override {}
    unsigned cpl() override { return 0; }
    x86::OrException<GuestPhys> translate(u64 linear, x86::Access, bool) override {
        return GuestPhys{linear};
    }
    u64 control_register(unsigned) override { return cr0; }
    x86::OrException<> set_control_register(unsigned, u64) override { return {}; }
    u64 debug_register(unsigned) override { return 0; }
    x86::OrException<> set_debug_register(unsigned, u64) override { return {}; }
    u64 efer() override { return extended_features; }
    void invalidate_page(u64) override {}
    void block_interrupts() override {}
    void written(GuestPhys at, u64 bytes) override { writes.push_back({at.value, bytes}); }
    bool give_way() override { return gives_way; }
    void attach(x86::Processor&) override { ++attached; }
    void mask_cpuid(u32, u32, CpuidResult& result) override { result.ebx &= ~hidden_ebx; }
    void advance() override { ip += 2; }
    std::optional<u64> read_msr(u32 msr) override {
        return msr == 0xc0000080 ? std::optional(extended_features) : std::nullopt;
    }
    bool write_msr(u32 msr, u64 value) override {
        if (msr == 0xc0000080) extended_features = value;
        return msr == 0xc0000080;
    }
    bool can_interrupt() override { return (flags & interrupt_flag) && !injected; }
    void inject(u8 vector) override { injected = vector; }
    void inject(x86::Exception const& exception) override {
        faults.push_back(exception.vector);
        last_error_code = exception.error_code;
    }
    void want_interrupt_window(bool wanted) override { window = wanted; }
    std::string describe() override { return "rip " + std::to_string(ip); }

    struct Run {
        std::optional<u8> injected;
        bool window;
    };
    std::deque<Step> steps;
    std::vector<Run> runs;
    std::vector<u8> faults;
    std::optional<u32> last_error_code;
    u64 cr0 = 1;
    std::optional<u8> injected;
    bool window = false, gives_way = false;
    u64 ip = 0, flags = 0, extended_features = 0x500;
    int starts = 0, attached = 0;
    std::vector<std::pair<u64, u64>> writes; // address, bytes
    u32 hidden_ebx = 0;
    x86::GeneralRegisters regs{};
};

CpuidResult named_cpuid(u32 leaf, u32) { return {leaf == 0 ? 7u : 0u, 0x11, 0x22, 0x33}; }

struct World {
    int run(std::string report_at = "") {
        Monitor monitor(
            {"guest", "quiet", std::move(report_at), false, *BzImage::check(kernel), {}},
            GuestMemory(ram), engine, host,
            {.tsc_khz = 1000, .wall_clock_base = 0, .wall_clock_tsc = 0}, named_cpuid);
        return monitor.run();
    }
    void step(FakeEngine::Step step) { engine.steps.push_back(std::move(step)); }
    // Where the guest begins; the next step is the first to see it.
    void put_code(std::vector<u8> const& code) {
        step([this, code](FakeEngine& e) -> Exit {
            std::ranges::copy(code, &ram[e.ip]);
            return exits::InterruptWindow{};
        });
    }
    void exit(Exit exit) {
        step([exit](FakeEngine&) { return exit; });
    }
    void write_msr(u32 msr, u64 value) {
        step([=](FakeEngine& e) -> Exit {
            e.regs.value[rcx] = msr;
            e.regs.value[rax] = value & 0xffffffff;
            e.regs.value[rdx] = value >> 32;
            return exits::WriteMsr{};
        });
    }
    // Local APIC on, timer in TSC-deadline mode with vector 0xec, due at `deadline`.
    void arm_timer(u64 deadline) {
        write_msr(0x80f, 0x1ff);
        write_msr(0x832, 2 << 17 | 0xec);
        write_msr(0x6e0, deadline);
    }
    std::vector<u8> kernel = tiny_kernel();
    std::vector<u8> ram = std::vector<u8>(32 * mebibyte);
    FakeHost host;
    FakeEngine engine;
};

TEST(Monitor, PowersOffWithStatusZeroAndReportsItsExits) {
    World world;
    EXPECT_EQ(world.run(), 0);
    EXPECT_EQ(world.host.said, "guest: 0.000 s: 1 exits: ports 1\nguest: powered off\n");
}

TEST(Monitor, ReportsWhenTheGuestWritesAMarkAndWhenSomebodyAsks) {
    World world;
    world.step([&](FakeEngine& e) {
        e.regs.value[rax] = 77;
        return Exit(exits::Port{.port = mark_port, .size = 4, .in = false, .string = false});
    });
    world.step([&](FakeEngine&) {
        world.host.wants_report = true;
        return Exit(exits::Notified{0});
    });
    EXPECT_EQ(world.run(), 0);
    EXPECT_EQ(world.host.said, "guest: 0.000 s: mark 77: 1 exits: ports 1\n"
                               "guest: 0.000 s: 2 exits: events 1, ports 1\n"
                               "guest: 0.000 s: 3 exits: events 1, ports 2\nguest: powered off\n");
}

TEST(Monitor, RebootStartsTheGuestAgainWithFreshMemory) {
    World world;
    world.step([&](FakeEngine& e) {
        world.ram[30 * mebibyte] = 0x55;
        return e.out(reset_port, reset_value);
    });
    world.step([&](FakeEngine& e) {
        EXPECT_EQ(world.ram[30 * mebibyte], 0);
        EXPECT_EQ(world.ram[16 * mebibyte + 0x200], 0xf4); // the kernel is there again
        return e.out(com1_port, 'x');
    });
    EXPECT_EQ(world.run(), 0);
    EXPECT_EQ(world.engine.starts, 2);
    EXPECT_NE(world.host.said.find("guest: reboots\n"), std::string::npos);
}

TEST(Monitor, AnswersCpuidAndMovesOn) {
    World world;
    world.step([](FakeEngine& e) -> Exit {
        e.regs.value[rax] = 0;
        return exits::Cpuid{};
    });
    world.step([](FakeEngine& e) {
        EXPECT_EQ(e.regs.value[rax], 7u);
        EXPECT_EQ(e.regs.value[rbx], 0x11u);
        EXPECT_EQ(e.regs.value[rdx], 0x33u);
        EXPECT_EQ(e.ip, 16 * mebibyte + 0x202);
        return e.out(com1_port, 'x');
    });
    EXPECT_EQ(world.run(), 0);
}

TEST(Monitor, HidesWhatTheEngineCannotGive) {
    World world;
    world.engine.hidden_ebx = 0x10;
    world.exit(exits::Cpuid{});
    world.step([](FakeEngine& e) {
        EXPECT_EQ(e.regs.value[rbx], 0x01u);
        return e.out(com1_port, 'x');
    });
    EXPECT_EQ(world.run(), 0);
}

TEST(Monitor, UnknownMsrsRaiseAProtectionFaultAndDoNotMoveOn) {
    World world;
    world.write_msr(0x12345, 1);
    world.step([](FakeEngine& e) {
        EXPECT_EQ(e.faults, std::vector<u8>{x86::vector::general_protection});
        EXPECT_EQ(e.last_error_code, 0u);
        e.cr0 = 0;
        return exits::ReadMsr{};
    });
    world.step([](FakeEngine& e) {
        EXPECT_FALSE(e.last_error_code) << "real mode has none";
        EXPECT_EQ(e.ip, 16 * mebibyte + 0x200);
        return e.out(com1_port, 'x');
    });
    EXPECT_EQ(world.run(), 0);
}

TEST(Monitor, ProcessorStateMsrsGoToTheEngine) {
    World world;
    world.write_msr(0xc0000080, 0xd01);
    EXPECT_EQ(world.run(), 0);
    EXPECT_EQ(world.engine.extended_features, 0xd01u);
}

TEST(Monitor, InputsKeepTheUpperPartOfTheAccumulator) {
    World world;
    world.step([](FakeEngine& e) -> Exit {
        e.regs.value[rax] = 0x1122334455667788;
        return exits::Port{.port = 0x71, .size = 1, .in = true, .string = false};
    });
    world.step([](FakeEngine& e) -> Exit {
        EXPECT_EQ(e.regs.value[rax], 0x11223344556677ff);
        return exits::Port{.port = 0xcfc, .size = 4, .in = true, .string = false};
    });
    world.step([](FakeEngine& e) {
        EXPECT_EQ(e.regs.value[rax], 0xffffffffu);
        return e.out(com1_port, 'x');
    });
    EXPECT_EQ(world.run(), 0);
}

TEST(Monitor, AnIdleGuestSleepsUntilItsTimerAndThenIsInterrupted) {
    World world;
    world.arm_timer(5000);
    world.step([](FakeEngine& e) -> Exit {
        e.flags |= interrupt_flag;
        return exits::Halt{};
    });
    world.step([&](FakeEngine& e) {
        EXPECT_EQ(e.runs.back().injected, 0xec);
        EXPECT_EQ(world.host.clock, 5000u);
        return e.out(com1_port, 'x');
    });
    EXPECT_EQ(world.run(), 0);
    EXPECT_EQ(world.host.waits, 1);
}

TEST(Monitor, AGuestThatHoldsInterruptsOffIsAskedForAWindow) {
    World world;
    world.arm_timer(1); // has passed already
    world.step([](FakeEngine& e) -> Exit {
        EXPECT_FALSE(e.runs.back().injected);
        EXPECT_TRUE(e.runs.back().window);
        e.flags |= interrupt_flag;
        return exits::InterruptWindow{};
    });
    world.step([](FakeEngine& e) {
        EXPECT_EQ(e.runs.back().injected, 0xec);
        EXPECT_FALSE(e.runs.back().window);
        return e.out(com1_port, 'x');
    });
    EXPECT_EQ(world.run(), 0);
}

TEST(Monitor, TicksOfABusyGuestAreAtLeastTwentyMillisecondsApart) {
    World world; // 1000 ticks are a millisecond
    world.arm_timer(500);
    world.step([&](FakeEngine& e) -> Exit {
        EXPECT_TRUE(e.runs.back().window); // due at once: the clock shows 1000
        world.host.alarm.reset();
        return exits::Ignored{};
    });
    world.write_msr(0x80b, 0);
    world.write_msr(0x6e0, 1500);
    world.step([&](FakeEngine&) -> Exit {
        EXPECT_EQ(world.host.alarm, 21000u);
        return exits::Ignored{};
    });
    EXPECT_EQ(world.run(), 0);
}

TEST(Monitor, TypedBytesReachTheGuestAsFastAsItReadsThem) {
    World world;
    world.host.typed = "ab"; // the receiver without FIFO holds one
    world.exit(exits::Ignored{});
    for (char expected : {'a', 'b'}) {
        world.exit(exits::Port{.port = com1_port, .size = 1, .in = true, .string = false});
        world.step([expected](FakeEngine& e) -> Exit {
            EXPECT_EQ(e.regs.value[rax] & 0xff, static_cast<u8>(expected));
            return exits::Ignored{};
        });
    }
    EXPECT_EQ(world.run(), 0);
}

TEST(Monitor, DeviceMemoryIsReachedThroughTheInstructionThatTouchedIt) {
    World world;
    world.step([&](FakeEngine& e) -> Exit {
        u8 const code[] = {0xc7, 0x01, 1,    0,   0,
                           0,    0x8b, 0x41, 0x10}; // movl $1,(%rcx); mov 0x10(%rcx),%eax
        std::copy(std::begin(code), std::end(code), &world.ram[e.ip]);
        e.regs.value[rcx] = io_apic_at.value;
        return exits::Memory{.address = io_apic_at, .write = true, .fetch = false};
    });
    world.exit(exits::Memory{.address = io_apic_at + 0x10, .write = false, .fetch = false});
    world.step([](FakeEngine& e) {
        EXPECT_EQ(e.regs.value[rax] >> 16, IoApic::pins - 1);
        EXPECT_EQ(e.ip, 16 * mebibyte + 0x200 + 9);
        return e.out(com1_port, 'x');
    });
    EXPECT_EQ(world.run(), 0);
}

TEST(Monitor, StringInstructionsReachPorts) {
    World world;
    world.put_code({0xf3, 0x6e}); // rep outsb
    world.step([&](FakeEngine& e) -> Exit {
        world.ram[0x5000] = 'h';
        world.ram[0x5001] = 'i';
        e.regs.value[rcx] = 2;
        e.regs.value[rdx] = com1_port;
        e.regs.value[rsi] = 0x5000;
        return exits::Port{.port = com1_port, .size = 1, .in = false, .string = true};
    });
    world.step([](FakeEngine& e) {
        EXPECT_EQ(e.regs.value[rsi], 0x5002u);
        EXPECT_EQ(e.ip, 16 * mebibyte + 0x202);
        return e.out(com1_port, '!');
    });
    EXPECT_EQ(world.run(), 0);
    EXPECT_EQ(world.host.output, "hi!");
}

TEST(Monitor, EmulatedWritesAreMadeKnownToTheEngine) {
    World world;
    world.put_code({0x89, 0x01}); // mov %eax,(%rcx)
    world.step([&](FakeEngine& e) -> Exit {
        e.regs.value[rax] = 0x12345678;
        e.regs.value[rcx] = 0x5000;
        return exits::Emulate{};
    });
    EXPECT_EQ(world.run(), 0);
    EXPECT_EQ(world.ram[0x5003], 0x12);
    EXPECT_EQ(world.engine.writes, (std::vector<std::pair<u64, u64>>{{0x5000, 4}}));
    EXPECT_EQ(world.engine.attached, 1);
}

TEST(Monitor, ExceptionsOfEmulatedInstructionsAreInjected) {
    World world;
    world.put_code({0xf7, 0xf1}); // div %ecx
    world.exit(exits::Emulate{});
    EXPECT_EQ(world.run(), 0);
    EXPECT_EQ(world.engine.faults, std::vector<u8>{x86::vector::divide_error});
}

TEST(Monitor, StopsAtInstructionsThatTheEmulatorDoesNotKnow) {
    World world;
    world.put_code({0x0f, 0x10, 0x01}); // movups (%rcx),%xmm0
    world.exit(exits::Memory{.address = io_apic_at, .write = false, .fetch = false});
    EXPECT_EQ(world.run(), 1);
    EXPECT_NE(world.host.said.find("guest: stopped: cannot emulate movups (rip 16777"),
              std::string::npos)
        << world.host.said;
}

TEST(Monitor, LetsTheGuestExecuteWhatTheEngineGivesWayTo) {
    World world;
    world.engine.gives_way = true;
    world.put_code({0x0f, 0x11, 0x01}); // movups %xmm0,(%rcx)
    world.exit(exits::Emulate{});
    world.step([](FakeEngine& e) {
        EXPECT_EQ(e.ip, 16 * mebibyte + 0x200);
        return e.out(com1_port, 'x');
    });
    EXPECT_EQ(world.run(), 0);
}

struct Stopped {
    Exit exit;
    char const* says;
};
class MonitorStops : public testing::TestWithParam<Stopped> {};

TEST_P(MonitorStops, WithOneLineThatSaysWhy) {
    World world;
    world.exit(GetParam().exit);
    EXPECT_EQ(world.run(), 1);
    EXPECT_NE(
        world.host.said.find("guest: stopped: " + std::string(GetParam().says) + " (rip 16777"),
        std::string::npos)
        << world.host.said;
}
INSTANTIATE_TEST_SUITE_P(
    All, MonitorStops,
    testing::Values(
        Stopped{exits::TripleFault{}, "triple fault"},
        Stopped{exits::EntryFailed{}, "the processor refuses the guest's state"},
        Stopped{exits::Halt{}, "halted with interrupts off, nothing can wake it"},
        Stopped{
            exits::Memory{{0x80000000}, true, false},
            "writes guest-physical address 0x80000000, where there is neither memory nor a device"},
        Stopped{exits::Memory{io_apic_at, false, true},
                "executes guest-physical address 0xfec00000, where there is neither memory nor a "
                "device"},
        Stopped{exits::Unexpected{48, 0x81}, "unexpected exit, reason 48, qualification 0x81"}));

TEST(Monitor, InvalidOpcodesGoToTheGuestUntilThereAreTooManyInARow) {
    World world;
    world.exit(exits::InvalidOpcode{});
    world.exit(exits::Ignored{}); // progress
    for (int i = 0; i < 10000; ++i) world.exit(exits::InvalidOpcode{});
    EXPECT_EQ(world.run(), 1);
    EXPECT_EQ(world.engine.faults.size(), 10000u);
    EXPECT_NE(world.host.said.find("executes the same invalid instruction again and again"),
              std::string::npos);
}

TEST(Monitor, HypercallsDoNotExist) {
    World world;
    world.exit(exits::Hypercall{});
    world.step([](FakeEngine& e) {
        EXPECT_EQ(static_cast<i64>(e.regs.value[rax]), -1000);
        return e.out(com1_port, 'x');
    });
    EXPECT_EQ(world.run(), 0);
}

TEST(Monitor, ReportsExitsWhenTheGuestSaysTheMarker) {
    World world;
    for (char byte : std::string("I am ready.\n"))
        world.step([byte](FakeEngine& e) { return e.out(com1_port, static_cast<u8>(byte)); });
    EXPECT_EQ(world.run("ready"), 0);
    EXPECT_EQ(world.host.said, "guest: 0.000 s: 12 exits: ports 12\nguest: 0.000 s: 13 exits: "
                               "ports 13\nguest: powered off\n");
}

TEST(Monitor, SaysWhatIsWrongWithTheGuestsFiles) {
    World world;
    world.ram.resize(16 * mebibyte);
    EXPECT_EQ(world.run(), 1);
    EXPECT_NE(world.host.said.find("guest: cannot boot: the VM's memory (16 MiB) is too small"),
              std::string::npos);
}

} // namespace
} // namespace vmm
