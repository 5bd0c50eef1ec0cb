// SPDX-License-Identifier: Apache-2.0
// Privileged and sensitive instructions, other than those about segments.
#include "x86/emulate/canonical.hpp"
#include "x86/emulate/chapters.hpp"
#include "x86/registers.hpp"

namespace x86 {
namespace {

constexpr u64 time_stamp_disable = 1 << 2, debugging_extensions = 1 << 3; // of CR4
constexpr u64 machine_status = 0xf; // PE MP EM TS: the part of CR0 that LMSW sees
constexpr u32 time_stamp_auxiliary = 0xc0000103;

} // namespace

Done interrupt_flag(Execution& e) {
    if (e.cpl > e.iopl()) return fail(exceptions::general_protection());
    bool const set = e.instruction.opcode == 0xfb;
    bool const was_set = e.flag(flags::interrupt) != 0;
    e.core.rflags = set ? e.core.rflags | flags::interrupt : e.core.rflags & ~flags::interrupt;
    if (set && !was_set) e.processor.block_interrupts();
    return Outcome::done;
}

Done port(Execution& e) {
    auto const& i = e.instruction;
    bool const by_register = (i.opcode & 8) != 0, out = (i.opcode & 2) != 0;
    u16 const number = static_cast<u16>(by_register ? e.get(rdx, 2) : i.immediate & 0xff);
    u8 const bytes = (i.opcode & 1) == 0 ? 1 : i.operand_size == 2 ? 2 : 4;
    TRY(e.check_port(number, bytes));
    if (out)
        e.processor.write_port(number, bytes, static_cast<u32>(e.get(rax, bytes)));
    else
        e.set(rax, bytes, e.processor.read_port(number, bytes));
    return Outcome::done;
}

Done move_control(Execution& e) {
    auto const& i = e.instruction;
    unsigned const bytes = e.long64() ? 8 : 4;
    unsigned const number =
        i.lock && i.reg == 0 ? 8 : i.reg; // LOCK names CR8 where there is no REX (AMD)
    if (number != 0 && number != 2 && number != 3 && number != 4 && number != 8)
        return fail(exceptions::invalid_opcode());
    TRY(e.require_cpl0());
    if (i.opcode == 0x20)
        e.set(i.rm, bytes, e.processor.control_register(number));
    else
        TRY(e.processor.set_control_register(number, e.get(i.rm, bytes)));
    return Outcome::done;
}

Done move_debug(Execution& e) {
    constexpr u64 general_detect = 1 << 13, detected = 1 << 13; // of DR7, DR6
    auto const& i = e.instruction;
    unsigned const bytes = e.long64() ? 8 : 4;
    unsigned number = i.reg;
    if (number == 4 || number == 5) {
        if ((e.processor.control_register(4) & debugging_extensions) != 0)
            return fail(exceptions::invalid_opcode());
        number += 2; // old names of DR6 and DR7
    }
    if (number > 7) return fail(exceptions::invalid_opcode());
    TRY(e.require_cpl0());
    if ((e.processor.debug_register(7) & general_detect) != 0) {
        TRY(e.processor.set_debug_register(6, e.processor.debug_register(6) | detected));
        return fail(Exception{.vector = vector::debug});
    }
    if (i.opcode == 0x21)
        e.set(i.rm, bytes, e.processor.debug_register(number));
    else
        TRY(e.processor.set_debug_register(number, e.get(i.rm, bytes)));
    return Outcome::done;
}

Done clear_task_switched(Execution& e) {
    TRY(e.require_cpl0());
    TRY(e.processor.set_control_register(0, e.processor.control_register(0) &
                                                ~cr0::TaskSwitched::mask));
    return Outcome::done;
}

Done read_msr(Execution& e) {
    TRY(e.require_cpl0());
    auto const value = e.processor.read_msr(static_cast<u32>(e.get(rcx, 4)));
    if (!value) return fail(exceptions::general_protection());
    e.set(rax, 4, *value);
    e.set(rdx, 4, *value >> 32);
    return Outcome::done;
}

Done write_msr(Execution& e) {
    TRY(e.require_cpl0());
    u64 const value = e.get(rdx, 4) << 32 | e.get(rax, 4);
    if (!e.processor.write_msr(static_cast<u32>(e.get(rcx, 4)), value))
        return fail(exceptions::general_protection());
    return Outcome::done;
}

Done time_stamp(Execution& e) {
    if (e.cpl != 0 && (e.processor.control_register(4) & time_stamp_disable) != 0)
        return fail(exceptions::general_protection());
    u64 const now = e.processor.time_stamp();
    e.set(rax, 4, now);
    e.set(rdx, 4, now >> 32);
    if (e.instruction.opcode == 0x01)
        e.set(rcx, 4, e.processor.read_msr(time_stamp_auxiliary).value_or(0)); // RDTSCP
    return Outcome::done;
}

Done processor_identification(Execution& e) {
    auto const result =
        e.processor.cpuid(static_cast<u32>(e.get(rax, 4)), static_cast<u32>(e.get(rcx, 4)));
    e.set(rax, 4, result[0]);
    e.set(rbx, 4, result[1]);
    e.set(rcx, 4, result[2]);
    e.set(rdx, 4, result[3]);
    return Outcome::done;
}

namespace {

// SGDT SIDT SLDT STR SMSW tell user mode about the kernel; CR4.UMIP forbids it.
OrException<> check_user_mode_prevention(Execution& e) {
    if (e.cpl != 0 && cr4::UserModeInstructionPrevention::get(e.processor.control_register(4)))
        return fail(exceptions::general_protection());
    return {};
}

// A selector or machine status word: a register gets it with the operand's size, memory 16 bits of
// it.
OrException<> write_word(Execution& e, u64 value) {
    return e.write_rm(e.instruction.memory ? 2 : e.instruction.operand_size, value);
}

Done store_table(Execution& e, TableRegister const& table) {
    TRY(check_user_mode_prevention(e));
    unsigned const base_bytes = e.long64() ? 8 : 4;
    auto const limit_at = TRY(e.memory(2, Access::write));
    auto const base_at = TRY(e.memory(base_bytes, Access::write, 2));
    e.store(limit_at, u64{table.limit});
    e.store(base_at, table.base);
    return Outcome::done;
}

Done load_table(Execution& e, bool interrupts) {
    TRY(e.require_cpl0());
    TableRegister table;
    table.limit = static_cast<u16>(e.load(TRY(e.memory(2, Access::read))));
    table.base = e.load(TRY(e.memory(e.long64() ? 8 : 4, Access::read, 2)));
    if (e.long64() && !is_canonical(table.base)) return fail(exceptions::general_protection());
    if (!e.long64() && e.instruction.operand_size == 2)
        table.base &= 0xffffff; // as the 80286 had it
    interrupts ? e.processor.set_idtr(table) : e.processor.set_gdtr(table);
    return Outcome::done;
}

Done load_machine_status(Execution& e) {
    TRY(e.require_cpl0());
    u64 const old = e.processor.control_register(0);
    u64 const loaded = TRY(e.read_rm(2)) & machine_status;
    u64 const stays = old & cr0::ProtectedMode::mask; // LMSW can't leave protected mode
    TRY(e.processor.set_control_register(0, (old & ~machine_status) | loaded | stays));
    return Outcome::done;
}

// 0F 01 with a register: the ModRM byte is the opcode.
Done group_0f01_register(Execution& e) {
    auto const modrm = 0xc0 | (e.instruction.reg & 7) << 3 | (e.instruction.rm & 7);
    bool const set = modrm == 0xcb;
    switch (modrm) {
    case 0xc1: // VMCALL
    case 0xd9: // VMMCALL
        return Outcome::hypercall;
    case 0xca: // CLAC
    case 0xcb: // STAC
        if (e.cpl != 0) return fail(exceptions::invalid_opcode());
        e.core.rflags =
            set ? e.core.rflags | flags::alignment_check : e.core.rflags & ~flags::alignment_check;
        return Outcome::done;
    case 0xf9: return time_stamp(e); // RDTSCP
    default: return e.unsupported(name_of(e.instruction));
    }
}

} // namespace

Done group_0f01(Execution& e) {
    enum { sgdt, sidt, lgdt, lidt, smsw, lmsw = 6, invlpg };
    unsigned const operation = e.instruction.group();
    if (operation == smsw) {
        TRY(check_user_mode_prevention(e));
        TRY(write_word(e, e.processor.control_register(0)));
        return Outcome::done;
    }
    if (operation == lmsw) return load_machine_status(e);
    if (!e.instruction.memory) return group_0f01_register(e);
    switch (operation) {
    case sgdt: return store_table(e, e.processor.gdtr());
    case sidt: return store_table(e, e.processor.idtr());
    case lgdt: return load_table(e, false);
    case lidt: return load_table(e, true);
    case invlpg: {
        TRY(e.require_cpl0());
        bool const has_base =
            e.instruction.segment == SegmentName::fs || e.instruction.segment == SegmentName::gs;
        u64 const base =
            e.long64() && !has_base ? 0 : e.processor.segment(e.instruction.segment).base;
        u64 const address = base + e.offset(); // no checks: a bad address is a NOP
        e.processor.invalidate_page(e.long64() ? address : address & 0xffffffff);
        return Outcome::done;
    }
    default: return e.unsupported(name_of(e.instruction));
    }
}

Done group_0f00(Execution& e) {
    enum { sldt, str, lldt, ltr, verr, verw };
    if (e.by_paragraphs()) return fail(exceptions::invalid_opcode()); // there are no descriptors
    switch (e.instruction.group()) {
    case sldt:
    case str: {
        TRY(check_user_mode_prevention(e));
        auto const name = e.instruction.group() == sldt ? SegmentName::ldtr : SegmentName::tr;
        TRY(write_word(e, e.processor.segment(name).selector));
        return Outcome::done;
    }
    case lldt: return load_local_table(e);
    case ltr: return load_task_register(e);
    case verr: return verify(e, false);
    default: return verify(e, true);
    }
}

} // namespace x86
