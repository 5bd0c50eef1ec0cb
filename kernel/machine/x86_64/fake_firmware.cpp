// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/fake_firmware.hpp"

#include "kernel/machine/machine.hpp"
#include "kernel/machine/print.hpp"
#include "kernel/machine/x86_64/paging.hpp"

namespace {
FakeFirmware* the_firmware = nullptr;
}

FakeFirmware::FakeFirmware() { the_firmware = this; }
FakeFirmware::~FakeFirmware() { the_firmware = nullptr; }
FakeFirmware& FakeFirmware::current() { return *the_firmware; }

void FakeFirmware::set_checksum(u64 start, u64 length, u64 at) {
    memory_.at(at) = {};
    unsigned sum = 0;
    for (u64 i = start; i < start + length; ++i) sum += static_cast<unsigned>(memory_.at(i));
    memory_.at(at) = static_cast<std::byte>(0x100 - (sum & 0xff));
}

namespace machine {

std::byte* window(PhysAddr address) {
    if (address.value >= FakeFirmware::bytes) throw std::out_of_range("physical memory that the test does not have");
    return FakeFirmware::current().at(address.value);
}
void put_char(char c) { FakeFirmware::current().write(c); }
void halt() { throw Halted(FakeFirmware::current().console()); }

u64 mappable_ram_end() { return u64{64} << 30; }
MemoryRange image_range() { return {{0x100000}, {0x140000}}; }

} // namespace machine
