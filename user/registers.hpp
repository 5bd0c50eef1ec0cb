// SPDX-License-Identifier: Apache-2.0
// How a driver reaches the registers of its device: the two kinds of bus behind RegisterBus
// (base/register.hpp).
#pragma once

#include "base/register.hpp"
#include "user/io_port.hpp"

// Registers of one byte behind a range of I/O ports. An access outside the ports granted reads 0
// and writes nothing.
struct PortRegisters {
    user::IoPort ports;
    u16 first;

    template <class Reg> u8 read(Reg) { return ports.in8(port<Reg>()).value_or(0); }
    template <class Reg> void write(Reg, u8 value) {
        [[maybe_unused]] auto const written = ports.out8(port<Reg>(), value);
    }

private:
    template <class Reg> u16 port() const { return static_cast<u16>(first + Reg::offset); }
};

// Registers in device memory that is mapped at `address`.
struct MemoryRegisters {
    u64 address;

    template <class Reg> typename Reg::Value read(Reg) { return *at<Reg>(); }
    template <class Reg> void write(Reg, typename Reg::Value value) { *at<Reg>() = value; }

private:
    template <class Reg> typename Reg::Value volatile* at() const {
        return reinterpret_cast<typename Reg::Value volatile*>(address + Reg::offset);
    }
};
