// SPDX-License-Identifier: Apache-2.0
// The I/O interrupt controller (82093AA data sheet): memory-mapped, an index register and a data
// register. It has only as many pins as the machine needs, because a kernel reads and writes every
// pin several times while it boots.
#pragma once

#include <optional>

#include "base/types.hpp"

namespace vmm {

class IoApic {
public:
    static constexpr unsigned pins = 5; // 0..4: the last is COM1
    static constexpr u64 size = 0x1000; // bytes of its window

    // 32-bit accesses at an offset of its window; others read zero and are ignored.
    u32 read(u64 offset) const;
    void write(u64 offset, u32 value);

    // Sets the level of a pin. Returned: the vector that goes to the processor, if this made one.
    std::optional<u8> set_line(unsigned pin, bool level);
    // Interrupts that wait for the processor, for example because a masked entry was opened while
    // its line was high.
    std::optional<u8> pending();
    // A vector's service ended; a level-triggered line that is still high raises it again (see
    // pending()).
    void end_of_interrupt(u8 vector);
    bool is_level_triggered(u8 vector) const;
    void reset() { *this = IoApic{}; }

private:
    struct Pin {
        u64 entry = u64{1} << 16; // masked
        bool level = false;
    };
    std::optional<u8> raise(Pin& pin);

    u32 index_{};
    u32 id_{};
    Pin pins_[pins];
};

} // namespace vmm
