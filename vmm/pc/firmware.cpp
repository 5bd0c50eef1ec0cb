// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/firmware.hpp"

#include "vmm/pc/acpi_tables.hpp"
#include "vmm/pc/memory_map.hpp"
#include "vmm/pc/mp_tables.hpp"

namespace vmm {

void put_firmware(GuestMemory const& memory) {
    put_bytes(memory, acpi_at, acpi_tables(acpi_at));
    put_bytes(memory, mp_at, mp_tables(mp_at));
    // Linux restarts a hardware-reduced machine through the firmware's first instruction, in real
    // mode: mov $reset_value,%al; mov $reset_port,%dx; out %al,%dx; hlt
    constexpr u8 restart[] = {0xb0, reset_value, 0xba, reset_port & 0xff, reset_port >> 8,
                              0xee, 0xf4};
    put_bytes(memory, reset_vector_at, restart);
}

} // namespace vmm
