// SPDX-License-Identifier: Apache-2.0
// A whole guest on the emulator alone: the boot sector of test/guests32, from real mode through
// segments that are not flat, with limits that it violates, to flat code and back.
#include <cstdlib>
#include <fstream>

#include "base/gtest.hpp"
#include "x86/emulate/arithmetic.hpp"
#include "x86/emulate/test_processor.hpp"

namespace x86 {
namespace {

constexpr u64 load_at = 0x7c00, stub_at = 0x500, local_apic = 0xfee00000;
constexpr u16 com1 = 0x3f8, line_status = 0x3fd, sleep_control = 0x600;

// A processor with a serial line and the timer of a local APIC, which fires when the processor
// halts.
class Pc : public TestProcessor {
public:
    explicit Pc(std::vector<u8> const& image) : TestProcessor(4 << 20) {
        std::copy(image.begin(), image.end(), &ram.at(load_at));
        put<u8>(stub_at, 0xcf);
        for (u64 vector = 0; vector < 256; ++vector) put<u32>(vector * 4, stub_at);
        for (auto& segment : segments) segment = {0, 0x93, 0xffff, 0};
        control[0] = cr0::ExtensionType::mask;
        idt = {0, 0x3ff};
        state.rip = load_at;
        state.registers.value[4] = load_at;
    }

    // Until the guest switches the machine off; the line says what else ended it.
    std::string run() {
        for (u64 steps = 0; steps < 1'000'000 && !off_; ++steps) {
            auto const result = emulate(*this);
            switch (result.outcome) {
            case Outcome::done:
            case Outcome::repeat: break;
            case Outcome::raised: deliver(*this, EventKind::exception, result.exception); break;
            case Outcome::halt:
                if ((state.rflags & flags::interrupt) == 0 || !armed_) return "halted for good";
                armed_ = false;
                deliver(*this, EventKind::external_interrupt,
                        {.vector = vector_, .error_code = {}});
                break;
            default: return result.why != nullptr ? result.why : "triple fault";
            }
        }
        return off_ ? "off" : "endless";
    }
    std::string const& output() const { return output_; }

private:
    static bool is_apic(u64 address) { return address >> 12 == local_apic >> 12; }
    OrException<GuestPhys> translate(u64 linear, Access access, bool supervisor) override {
        if (is_apic(linear)) return GuestPhys{linear};
        return TestProcessor::translate(linear, access, supervisor);
    }
    bool write(GuestPhys at, std::span<u8 const> from) override {
        if (!is_apic(at.value)) return TestProcessor::write(at, from);
        constexpr u64 timer = 0x320, count = 0x380;
        if (at.value == local_apic + timer) vector_ = from[0];
        if (at.value == local_apic + count) armed_ = true;
        return true;
    }
    u32 read_port(u16 port, u8) override { return port == line_status ? 0x60 : 0xff; }
    void write_port(u16 port, u8, u32 value) override {
        if (port == com1) output_ += static_cast<char>(value);
        off_ |= port == sleep_control;
    }

    std::string output_;
    u8 vector_{};
    bool armed_{}, off_{};
};

TEST(PowerOn, ABootSectorGoesThroughAllModes) {
    char const* const name = std::getenv("TESSERA_BOOT_SECTOR");
    std::ifstream in(name ? name : "", std::ios::binary);
    if (!in) GTEST_SKIP() << "TESSERA_BOOT_SECTOR names no image";
    std::vector<u8> const image{std::istreambuf_iterator<char>(in), {}};
    Pc pc(image);
    EXPECT_EQ(pc.run(), "off");
    EXPECT_EQ(pc.output(), "boot: real mode\r\n"
                           "boot: 16-bit addresses\r\n"
                           "boot: string instructions\r\n"
                           "boot: paragraphs\r\n"
                           "boot: interrupt vectors\r\n"
                           "boot: unreal mode\r\n"
                           "boot: interrupts from the local APIC\r\n"
                           "boot: protected mode, segments with bases\r\n"
                           "boot: selectors that are refused\r\n"
                           "boot: limits\r\n"
                           "boot: segments that grow down\r\n"
                           "boot: strings with bases\r\n"
                           "boot: flat 32-bit code\r\n"
                           "boot: back in real mode\r\n");
}

} // namespace
} // namespace x86
