// SPDX-License-Identifier: Apache-2.0
// Segment registers, LDTR and TR: loading, storing, and asking about selectors.
#include "x86/emulate/chapters.hpp"
#include "x86/emulate/descriptors.hpp"

namespace x86 {
namespace {

Done load(Execution& e, SegmentName name, u16 selector) {
    auto const segment = TRY(data_segment(e, name, selector));
    e.processor.set_segment(name, segment);
    if (name == SegmentName::ss) { // so that rsp can follow undisturbed
        e.processor.block_interrupts();
        e.holds_trap = true;
    }
    return Outcome::done;
}

} // namespace

Done move_from_segment(Execution& e) {
    u8 const name = e.instruction.group(); // REX.R does not count
    if (name > 5) return fail(exceptions::invalid_opcode());
    u16 const selector = e.processor.segment(SegmentName{name}).selector;
    TRY(e.write_rm(e.instruction.memory ? 2 : e.instruction.operand_size, selector));
    return Outcome::done;
}

Done move_to_segment(Execution& e) {
    u8 const name = e.instruction.group();
    if (name > 5 || SegmentName{name} == SegmentName::cs) return fail(exceptions::invalid_opcode());
    return load(e, SegmentName{name}, static_cast<u16>(TRY(e.read_rm(2))));
}

Done push_segment(Execution& e, SegmentName name) {
    TRY(e.push(e.instruction.operand_size, e.processor.segment(name).selector));
    return Outcome::done;
}

Done pop_segment(Execution& e, SegmentName name) {
    return load(e, name, static_cast<u16>(TRY(e.pop(e.instruction.operand_size))));
}

Done load_far_pointer(Execution& e, SegmentName name) {
    unsigned const bytes = e.instruction.operand_size;
    u64 const offset = e.load(TRY(e.memory(bytes, Access::read)));
    u16 const selector = static_cast<u16>(e.load(TRY(e.memory(2, Access::read, bytes))));
    e.processor.set_segment(name, TRY(data_segment(e, name, selector)));
    e.set(e.instruction.reg, bytes, offset);
    return Outcome::done;
}

namespace {

// What LAR, LSL, VERR and VERW may see: no exception, only ZF.
OrException<std::optional<Descriptor>> visible(Execution& e, u16 selector) {
    if (is_null(selector)) return std::nullopt;
    auto const found = TRY(find_descriptor(e, selector));
    if (!found) return std::nullopt;
    bool const allowed = found->dpl() >= e.cpl && found->dpl() >= rpl_of(selector);
    if (!found->conforming() && !allowed) return std::nullopt;
    return found;
}

Done answer(Execution& e, bool yes) {
    e.core.rflags = yes ? e.core.rflags | flags::zero : e.core.rflags & ~flags::zero;
    return Outcome::done;
}

// System descriptors that have something to tell: Intel SDM vol. 2, LAR and LSL.
bool has_rights(Execution const& e, unsigned type) {
    using namespace system_type;
    switch (type) {
    case ldt:
    case tss32:
    case tss32_busy:
    case call_gate32: return true;
    case tss16:
    case tss16_busy:
    case call_gate16:
    case task_gate: return !e.long_mode();
    default: return false;
    }
}

bool has_limit(Execution const& e, unsigned type) {
    using namespace system_type;
    return has_rights(e, type) && type != call_gate16 && type != call_gate32 && type != task_gate;
}

} // namespace

Done segment_information(Execution& e) {
    if (e.by_paragraphs()) return fail(exceptions::invalid_opcode());
    bool const limit = e.instruction.opcode == 0x03;
    u16 const selector = static_cast<u16>(TRY(e.read_rm(2)));
    auto const found = TRY(visible(e, selector));
    if (!found) return answer(e, false);
    if (!found->is_segment() && !(limit ? has_limit : has_rights)(e, found->type()))
        return answer(e, false);
    e.set(e.instruction.reg, e.instruction.operand_size,
          limit ? found->limit() : found->low >> 32 & 0x00f0ff00);
    return answer(e, true);
}

Done verify(Execution& e, bool write) {
    u16 const selector = static_cast<u16>(TRY(e.read_rm(2)));
    auto const found = TRY(visible(e, selector));
    return answer(e, found && (write ? found->writable() : found->readable()));
}

Done load_local_table(Execution& e) {
    TRY(e.require_cpl0());
    u16 const selector = static_cast<u16>(TRY(e.read_rm(2)));
    if (is_null(selector)) {
        e.processor.set_segment(SegmentName::ldtr, null_segment(selector));
        return Outcome::done;
    }
    if ((selector & 4) != 0) return fail(exceptions::general_protection(index_of(selector)));
    auto const descriptor = TRY(read_descriptor(e, selector));
    if (!descriptor.is_system(system_type::ldt))
        return fail(exceptions::general_protection(index_of(selector)));
    if (!descriptor.present()) return fail(exceptions::not_present(index_of(selector)));
    e.processor.set_segment(SegmentName::ldtr, descriptor.loaded(selector));
    return Outcome::done;
}

Done load_task_register(Execution& e) {
    constexpr u64 busy = u64{2} << 40;
    TRY(e.require_cpl0());
    u16 const selector = static_cast<u16>(TRY(e.read_rm(2)));
    if (is_null(selector)) return fail(exceptions::general_protection());
    if ((selector & 4) != 0) return fail(exceptions::general_protection(index_of(selector)));
    auto descriptor = TRY(read_descriptor(e, selector));
    bool const available = descriptor.is_system(system_type::tss32) ||
                           (descriptor.is_system(system_type::tss16) && !e.long_mode());
    if (!available) return fail(exceptions::general_protection(index_of(selector)));
    if (!descriptor.present()) return fail(exceptions::not_present(index_of(selector)));
    descriptor.low |= busy;
    TRY(e.write_system(descriptor.address + 5, 1, descriptor.low >> 40 & 0xff));
    e.processor.set_segment(SegmentName::tr, descriptor.loaded(selector));
    return Outcome::done;
}

} // namespace x86
