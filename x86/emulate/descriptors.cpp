// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/descriptors.hpp"

#include "x86/emulate/real_mode.hpp"

namespace x86 {

u32 Descriptor::limit() const {
    u32 const value = static_cast<u32>(Bits<15, 0>::get(low) | Bits<51, 48>::get(low) << 16);
    return Bits<55>::get(low) ? value << 12 | 0xfff : value;
}

Segment Descriptor::loaded(u16 selector) const {
    return {.selector = selector,
            .access_rights =
                static_cast<u32>(Bits<47, 40>::get(low) | Bits<55, 52>::get(low) << 12),
            .limit = limit(),
            .base = base()};
}

OrException<std::optional<Descriptor>> find_descriptor(Execution& e, u16 selector) {
    bool const local = (selector & 4) != 0;
    u64 base, limit;
    if (local) {
        Segment const table = e.processor.segment(SegmentName::ldtr);
        if (access_rights::Unusable::get(table.access_rights)) return std::nullopt;
        base = table.base;
        limit = table.limit;
    } else {
        TableRegister const table = e.processor.gdtr();
        base = table.base;
        limit = table.limit;
    }
    u64 const offset = selector & 0xfff8;
    if (offset + 7 > limit) return std::nullopt;
    Descriptor descriptor{.address = base + offset};
    descriptor.low = TRY(e.read_system(descriptor.address, 8));
    if (e.long_mode() && !descriptor.is_segment()) {
        if (offset + 15 > limit) return std::nullopt;
        descriptor.high = TRY(e.read_system(descriptor.address + 8, 8));
    }
    return descriptor;
}

OrException<Descriptor> read_descriptor(Execution& e, u16 selector, u8 otherwise) {
    auto const found = TRY(find_descriptor(e, selector));
    if (!found) return fail(Exception{otherwise, index_of(selector)});
    return *found;
}

OrException<> mark_accessed(Execution& e, Descriptor& descriptor) {
    if ((descriptor.type() & 1) != 0) return {};
    descriptor.low |= u64{1} << 40;
    return e.write_system(descriptor.address + 5, 1, descriptor.low >> 40 & 0xff);
}

OrException<Segment> code_segment(Execution& e, u16 selector, Descriptor& descriptor,
                                  unsigned cpl) {
    if (!descriptor.present()) return fail(exceptions::not_present(index_of(selector)));
    if (e.long_mode() && descriptor.is_long() && descriptor.default32())
        return fail(exceptions::general_protection(index_of(selector)));
    TRY(mark_accessed(e, descriptor));
    return descriptor.loaded(static_cast<u16>(index_of(selector) | cpl));
}

OrException<Segment> stack_segment(Execution& e, u16 selector, unsigned cpl, u8 kind) {
    if (is_null(selector))
        return fail(Exception{kind, kind == vector::general_protection ? 0 : index_of(selector)});
    auto descriptor = TRY(read_descriptor(e, selector, kind));
    if (rpl_of(selector) != cpl || !descriptor.writable() || descriptor.dpl() != cpl)
        return fail(Exception{kind, index_of(selector)});
    if (!descriptor.present()) return fail(exceptions::stack_fault(index_of(selector)));
    TRY(mark_accessed(e, descriptor));
    return descriptor.loaded(selector);
}

OrException<Segment> data_segment(Execution& e, SegmentName name, u16 selector) {
    if (e.by_paragraphs()) return paragraph_segment(e, name, selector);
    if (name == SegmentName::ss) {
        // 64-bit mode needs no stack segment, except at level 3.
        bool const may_be_null = e.long64() && e.cpl < 3 && rpl_of(selector) == e.cpl;
        if (is_null(selector) && may_be_null) return null_segment(selector);
        return stack_segment(e, selector, e.cpl, vector::general_protection);
    }
    if (is_null(selector)) return null_segment(selector);
    auto descriptor = TRY(read_descriptor(e, selector));
    bool const open_to_all = descriptor.conforming();
    bool const allowed =
        open_to_all || (rpl_of(selector) <= descriptor.dpl() && e.cpl <= descriptor.dpl());
    if (!descriptor.readable() || !allowed)
        return fail(exceptions::general_protection(index_of(selector)));
    if (!descriptor.present()) return fail(exceptions::not_present(index_of(selector)));
    TRY(mark_accessed(e, descriptor));
    return descriptor.loaded(selector);
}

} // namespace x86
