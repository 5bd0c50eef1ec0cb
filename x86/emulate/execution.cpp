// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/execution.hpp"

#include <algorithm>

#include "x86/emulate/canonical.hpp"
#include "x86/registers.hpp"

namespace x86 {
namespace {

Mode mode_of(u32 code_rights, u64 efer) {
    if (efer::LongModeActive::get(efer) && access_rights::Long::get(code_rights))
        return Mode::long64;
    return access_rights::Default32::get(code_rights) ? Mode::protected32 : Mode::protected16;
}

// No state of any guest: what it remembers follows from the bytes alone.
thread_local DecodeCache decoded_lately;

bool is_high_byte(Instruction const& instruction, unsigned number, unsigned bytes) {
    return bytes == 1 && !instruction.rex && number >= 4 && number < 8; // ah ch dh bh
}

} // namespace

Execution::Execution(Processor& of)
    : processor(of), core(of.core()), efer(of.efer()),
      real(!long_mode() && !cr0::ProtectedMode::get(of.control_register(0))),
      virtual_8086(!real && !long_mode() && flag(flags::virtual_8086) != 0),
      cpl(static_cast<u8>(virtual_8086 ? 3
                          : real       ? 0
                                       : of.cpl())),
      mode(mode_of(of.code_rights(), efer)) {
    if (!long64()) code = of.segment(SegmentName::cs);
}

OrException<> Execution::fetch() {
    u64 const ip = core.rip;
    u64 within_limit = longest_instruction;
    if (long64()) {
        if (!is_canonical(ip)) return fail(exceptions::general_protection());
    } else {
        if (ip > code.limit) return fail(exceptions::general_protection());
        within_limit = u64{code.limit} - ip + 1;
    }
    u8 bytes[longest_instruction];
    u64 const available = std::min<u64>(within_limit, longest_instruction);
    u64 const address = long64() ? ip : (code.base + ip) & 0xffffffff;
    u64 const in_page = std::min(available, page_bytes - address % page_bytes);
    auto const place =
        TRY(locate(address, static_cast<unsigned>(in_page), Access::execute, cpl < 3));
    load(place, bytes);
    auto decoded = decoded_lately.decode({bytes, in_page}, mode);
    if (!decoded && decoded.error() == BadCode::cut_off && in_page < available) {
        // The rest stands on the next page, which only counts if the instruction reaches it.
        u64 const rest = long64() ? address + in_page : (address + in_page) & 0xffffffff;
        auto const more =
            TRY(locate(rest, static_cast<unsigned>(available - in_page), Access::execute, cpl < 3));
        load(more, bytes + in_page);
        decoded = decoded_lately.decode({bytes, available}, mode);
    }
    if (!decoded)
        return fail(decoded.error() == BadCode::invalid ? exceptions::invalid_opcode()
                                                        : exceptions::general_protection());
    instruction = *decoded;
    next = core.rip + instruction.length;
    if (!long64()) next &= 0xffffffff;
    return {};
}

void Execution::commit() {
    core.rip = next;
    processor.set_core(core);
}

OrException<> Execution::require_cpl0() const {
    if (cpl != 0) return fail(exceptions::general_protection());
    return {};
}

OrException<> Execution::check_virtual_8086() const {
    if (virtual_8086 && iopl() < 3) return fail(exceptions::general_protection());
    return {};
}

u64 Execution::get(unsigned number, unsigned bytes) const {
    if (is_high_byte(instruction, number, bytes))
        return core.registers.value[number - 4] >> 8 & 0xff;
    return core.registers.value[number] & mask_of(bytes);
}

void Execution::set(unsigned number, unsigned bytes, u64 value) {
    if (is_high_byte(instruction, number, bytes)) {
        u64& whole = core.registers.value[number - 4];
        whole = (whole & ~u64{0xff00}) | (value & 0xff) << 8;
        return;
    }
    u64& whole = core.registers.value[number];
    u64 const mask = mask_of(bytes);
    whole = bytes >= 4 ? value & mask : (whole & ~mask) | (value & mask);
}

OrException<> Execution::jump(u64 target, unsigned operand_size) {
    target &= mask_of(operand_size);
    if (long64() ? !is_canonical(target) : target > code.limit)
        return fail(exceptions::general_protection());
    next = target;
    return {};
}

OrException<> Execution::check_port(u16 port, unsigned bytes) {
    if (cpl <= iopl() && !virtual_8086) return {};
    // Bits of the map at the end of a 32-bit or 64-bit TSS: Intel SDM vol. 1, 19.5.2.
    constexpr unsigned map_pointer = 102;
    Segment const task = processor.segment(SegmentName::tr);
    bool const has_map =
        (access_rights::Type::get(task.access_rights) & 0xd) == 9 && task.limit > map_pointer;
    if (!has_map) return fail(exceptions::general_protection());
    u64 const at = TRY(read_system(task.base + map_pointer, 2)) + port / 8;
    if (at + 1 > task.limit) return fail(exceptions::general_protection());
    u64 const bits = TRY(read_system(task.base + at, 2)) >> port % 8;
    if ((bits & ((1u << bytes) - 1)) != 0) return fail(exceptions::general_protection());
    return {};
}

} // namespace x86
