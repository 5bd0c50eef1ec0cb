// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/io_apic.hpp"

#include "base/fixed_vector.hpp"
#include "kernel/machine/machine.hpp"
#include "kernel/machine/x86_64/instructions.hpp"
#include "kernel/machine/x86_64/local_apic.hpp"

namespace machine {
namespace {

constexpr u8 version = 1;
using LastPin = Bits<23, 16>;
constexpr u8 first_redirection = 0x10; // two registers per pin: low, high
namespace redirection {
using ActiveLow = Bits<13>;
using Level = Bits<15>;
using Masked = Bits<16>;
using Destination = Bits<31, 24>; // of the high register
} // namespace redirection

class IoApic {
public:
    constexpr IoApic() = default;
    explicit constexpr IoApic(u64 registers) : registers_(registers) {}
    unsigned pins() const { return static_cast<unsigned>(LastPin::get(read(version))) + 1; }
    bool exists() const { return read(version) != 0xffffffff && pins() <= 240; }
    u32 read(u8 index) const {
        select() = index;
        return data();
    }
    void write(u8 index, u32 value) const {
        select() = index;
        data() = value;
    }
    static constexpr u8 low(unsigned pin) { return static_cast<u8>(first_redirection + 2 * pin); }
    static constexpr u8 high(unsigned pin) { return static_cast<u8>(low(pin) + 1); }

private:
    u32 volatile& select() const { return *reinterpret_cast<u32 volatile*>(registers_); }
    u32 volatile& data() const { return *reinterpret_cast<u32 volatile*>(registers_ + 0x10); }
    u64 registers_{};
};

constinit FixedVector<IoApic, 8> io_apics{};

} // namespace

void mask_legacy_controllers() {
    constexpr u16 first_command = 0x20, first_data = 0x21, second_command = 0xa0, second_data = 0xa1;
    struct {
        u16 port;
        u8 value;
    } constexpr initialisation[] = {
        {first_command, 0x11}, {second_command, 0x11}, // begin, four words
        {first_data, 0x20},    {second_data, 0x28},    // vectors
        {first_data, 4},       {second_data, 2},       // the cascade
        {first_data, 1},       {second_data, 1},       // 8086 mode
        {first_data, 0xff},    {second_data, 0xff},    // mask
    };
    for (auto const& step : initialisation) processor::out8(step.port, step.value);
}

bool start_io_apic(u64 registers) {
    IoApic const found{registers};
    if (!found.exists() || !io_apics.push(found)) return false;
    for (unsigned pin = 0; pin < found.pins(); ++pin) {
        found.write(IoApic::low(pin), redirection::Masked::mask);
        found.write(IoApic::high(pin), 0);
    }
    return true;
}

unsigned io_apic_count() { return static_cast<unsigned>(io_apics.size()); }
unsigned io_apic_pins(unsigned io_apic) { return io_apics[io_apic].pins(); }

void route_io_apic(unsigned io_apic, unsigned pin, bool level, bool active_low, u8 vector) {
    u64 const low = vector | redirection::ActiveLow::make(active_low) | redirection::Level::make(level);
    auto const& target = io_apics[io_apic];
    target.write(IoApic::low(pin), redirection::Masked::mask); // never half programmed
    target.write(IoApic::high(pin), static_cast<u32>(redirection::Destination::make(local_apic_id())));
    target.write(IoApic::low(pin), static_cast<u32>(low));
}

void mask_io_apic(unsigned io_apic, unsigned pin, bool masked) {
    auto const& target = io_apics[io_apic];
    target.write(IoApic::low(pin),
                 static_cast<u32>(redirection::Masked::set(target.read(IoApic::low(pin)), masked)));
}

} // namespace machine
