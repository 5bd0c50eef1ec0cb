// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/io_apic.hpp"

namespace vmm {
namespace {

constexpr u64 index_window = 0x00;
constexpr u64 data_window = 0x10;

constexpr u32 id_register = 0;
constexpr u32 version_register = 1;
constexpr u32 arbitration_register = 2;
constexpr u32 first_entry_register = 0x10;
constexpr u32 version_value = 0x11 | (IoApic::pins - 1) << 16;
constexpr u32 id_mask = 0x0f000000;

namespace Entry { // redirection table entry
using Vector = Bits<7, 0>;
using RemoteRequest = Bits<14>; // level-triggered and in service
using LevelTriggered = Bits<15>;
using Masked = Bits<16>;
} // namespace Entry
constexpr u64 read_only =
    (u64{1} << 12) | Entry::RemoteRequest::mask; // delivery status, remote request

} // namespace

u32 IoApic::read(u64 offset) const {
    if (offset == index_window) return index_;
    if (offset != data_window) return 0;
    if (index_ == id_register || index_ == arbitration_register) return id_;
    if (index_ == version_register) return version_value;
    u32 const number = index_ - first_entry_register;
    if (index_ < first_entry_register || number / 2 >= pins) return 0;
    u64 const entry = pins_[number / 2].entry;
    return static_cast<u32>(number % 2 ? entry >> 32 : entry);
}

void IoApic::write(u64 offset, u32 value) {
    if (offset == index_window) index_ = value & 0xff;
    if (offset != data_window) return;
    if (index_ == id_register) id_ = value & id_mask;
    u32 const number = index_ - first_entry_register;
    if (index_ < first_entry_register || number / 2 >= pins) return;
    u64& entry = pins_[number / 2].entry;
    if (number % 2) {
        entry = (entry & 0xffffffff) | u64{value} << 32;
        return;
    }
    entry = (entry & (~u64{0xffffffff} | read_only)) | (value & ~read_only);
    if (!Entry::LevelTriggered::get(entry)) entry &= ~Entry::RemoteRequest::mask;
}

std::optional<u8> IoApic::raise(Pin& pin) {
    if (Entry::Masked::get(pin.entry) || Entry::RemoteRequest::get(pin.entry)) return std::nullopt;
    if (Entry::LevelTriggered::get(pin.entry)) pin.entry |= Entry::RemoteRequest::mask;
    return static_cast<u8>(Entry::Vector::get(pin.entry));
}

std::optional<u8> IoApic::set_line(unsigned number, bool level) {
    Pin& pin = pins_[number];
    bool const rises = level && !pin.level;
    pin.level = level;
    return rises ? raise(pin) : std::nullopt;
}

std::optional<u8> IoApic::pending() {
    for (Pin& pin : pins_)
        if (pin.level && Entry::LevelTriggered::get(pin.entry))
            if (auto const vector = raise(pin)) return vector;
    return std::nullopt;
}

void IoApic::end_of_interrupt(u8 vector) {
    for (Pin& pin : pins_)
        if (Entry::RemoteRequest::get(pin.entry) && Entry::Vector::get(pin.entry) == vector)
            pin.entry &= ~Entry::RemoteRequest::mask;
}

bool IoApic::is_level_triggered(u8 vector) const {
    for (Pin const& pin : pins_)
        if (Entry::LevelTriggered::get(pin.entry) && !Entry::Masked::get(pin.entry) &&
            Entry::Vector::get(pin.entry) == vector)
            return true;
    return false;
}

} // namespace vmm
