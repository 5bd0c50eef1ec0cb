// SPDX-License-Identifier: Apache-2.0
// I/O ports: ABI 7.9.
#pragma once

#include "user/cnode.hpp"

namespace user {

struct IoPort {
    CPtr cptr{};

    Result<u8> in8(u16 port) const {
        return static_cast<u8>(TRY(invoke(cptr, abi::Label::x86_io_port_in8, {port})).words[0]);
    }
    Result<u16> in16(u16 port) const {
        return static_cast<u16>(TRY(invoke(cptr, abi::Label::x86_io_port_in16, {port})).words[0]);
    }
    Result<u32> in32(u16 port) const {
        return static_cast<u32>(TRY(invoke(cptr, abi::Label::x86_io_port_in32, {port})).words[0]);
    }
    Result<> out8(u16 port, u8 value) const {
        return perform(cptr, abi::Label::x86_io_port_out8, {port, value});
    }
    Result<> out16(u16 port, u16 value) const {
        return perform(cptr, abi::Label::x86_io_port_out16, {port, value});
    }
    Result<> out32(u16 port, u32 value) const {
        return perform(cptr, abi::Label::x86_io_port_out32, {port, value});
    }
};

struct IoPortControl {
    CPtr cptr{};
    Result<IoPort> issue(u16 first, u16 last, CNode to, u64 slot, u64 depth = full_depth) const {
        TRY(perform(cptr, abi::Label::x86_io_port_control_issue, {first, last, slot, depth},
                    {to.cptr}));
        return IoPort{slot};
    }
};

} // namespace user
