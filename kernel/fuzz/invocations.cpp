// SPDX-License-Identifier: Apache-2.0
#include "kernel/fuzz/invocations.hpp"

namespace fuzz {

namespace {

using enum Argument;
using abi::Label;
using T = CapType;

constexpr Row rows[] = {
    {Label::untyped_retype, T::untyped, {object_type, size_bits, zero, zero, node_offset, Argument::count}, {T::cnode}, 0},
    {Label::untyped_retype, T::untyped, {object_type, size_bits, zero, zero, node_offset, Argument::count}, {T::cnode}, 0},
    {Label::tcb_read_registers, T::tcb, {bit, registers_count}, {}, 0},
    {Label::tcb_write_registers, T::tcb, {bit, registers_count, user_address, user_address, word}, {}, 17},
    {Label::tcb_copy_registers, T::tcb, {Argument::flags}, {T::tcb}, 0},
    {Label::tcb_configure, T::tcb, {handler, guard, zero, buffer}, {T::cnode, T::pml4, T::frame}, 0},
    {Label::tcb_set_priority, T::tcb, {priority}, {T::tcb}, 0},
    {Label::tcb_set_mc_priority, T::tcb, {priority}, {T::tcb}, 0},
    {Label::tcb_set_sched_params, T::tcb, {priority, priority}, {T::tcb}, 0},
    {Label::tcb_set_ipc_buffer, T::tcb, {buffer}, {T::frame}, 0},
    {Label::tcb_set_space, T::tcb, {handler, guard, zero}, {T::cnode, T::pml4}, 0},
    {Label::tcb_suspend, T::tcb, {}, {}, 0},
    {Label::tcb_resume, T::tcb, {}, {}, 0},
    {Label::tcb_bind_notification, T::tcb, {}, {T::notification}, 0},
    {Label::tcb_unbind_notification, T::tcb, {}, {}, 0},
    {Label::tcb_set_tls_base, T::tcb, {user_address}, {}, 0},
    {Label::tcb_set_flags, T::tcb, {thread_flags, thread_flags}, {}, 0},
    {Label::tcb_set_ept_root, T::tcb, {}, {T::ept_pml4}, 0},
    {Label::tcb_set_shared_root, T::tcb, {root_start}, {T::ept_pml4}, 0},
    {Label::tcb_set_upcall, T::tcb, {user_address, user_address, library_start, library_end, block, small}, {}, 0},
    {Label::cnode_revoke, T::cnode, {at_index, at_depth}, {}, 0},
    {Label::cnode_revoke, T::cnode, {untyped_index, at_depth}, {}, 0},
    {Label::cnode_delete, T::cnode, {at_index, at_depth}, {}, 0},
    {Label::cnode_delete, T::cnode, {at_index, at_depth}, {}, 0},
    {Label::cnode_cancel_badged_sends, T::cnode, {at_index, at_depth}, {}, 0},
    {Label::cnode_copy, T::cnode, {to_index, to_depth, from_index, from_depth, rights}, {T::cnode}, 0},
    {Label::cnode_mint, T::cnode, {to_index, to_depth, from_index, from_depth, rights, badge}, {T::cnode}, 0},
    {Label::cnode_mint, T::cnode, {to_index, to_depth, from_index, from_depth, rights, guard}, {T::cnode}, 0},
    {Label::cnode_move, T::cnode, {to_index, to_depth, from_index, from_depth}, {T::cnode}, 0},
    {Label::cnode_mutate, T::cnode, {to_index, to_depth, from_index, from_depth, guard}, {T::cnode}, 0},
    {Label::cnode_rotate, T::cnode,
     {to_index, to_depth, zero, from_index, from_depth, zero, second_index, second_depth}, {T::cnode, T::cnode}, 0},
    {Label::cnode_rotate, T::cnode,
     {at_index, at_depth, guard, from_index, from_depth, guard, at_index, at_depth}, {T::cnode, T::cnode}, 0},
    {Label::cnode_save_caller, T::cnode, {to_index, to_depth}, {}, 0},
    {Label::irq_issue_irq_handler, T::irq_control, {vector, new_index, new_depth}, {T::cnode}, 0},
    {Label::x86_irq_issue_irq_handler_io_apic, T::irq_control, {new_index, new_depth, zero, pin, bit, bit, vector}, {T::cnode}, 0},
    {Label::x86_irq_issue_irq_handler_msi, T::irq_control, {new_index, new_depth, small, small, small, zero, vector}, {T::cnode}, 0},
    {Label::irq_ack_irq, T::irq_handler, {}, {}, 0},
    {Label::irq_set_irq_handler, T::irq_handler, {}, {T::notification}, 0},
    {Label::irq_clear_irq_handler, T::irq_handler, {}, {}, 0},
    {Label::domain_set_set, T::domain, {zero}, {T::tcb}, 0},
    {Label::domain_schedule_configure, T::domain, {zero, zero, word}, {}, 0},
    {Label::domain_schedule_set_start, T::domain, {bit}, {}, 0},
    {Label::x86_pdpt_map, T::pdpt, {Argument::address, attributes}, {T::pml4}, 0},
    {Label::x86_pdpt_unmap, T::pdpt, {}, {}, 0},
    {Label::x86_page_directory_map, T::page_directory, {Argument::address, attributes}, {T::pml4}, 0},
    {Label::x86_page_directory_unmap, T::page_directory, {}, {}, 0},
    {Label::x86_page_table_map, T::page_table, {Argument::address, attributes}, {T::pml4}, 0},
    {Label::x86_page_table_unmap, T::page_table, {}, {}, 0},
    {Label::x86_page_map, T::frame, {Argument::address, rights, attributes}, {T::pml4}, 0},
    {Label::x86_page_map, T::frame, {Argument::address, rights, attributes}, {T::pml4}, 0},
    {Label::x86_page_unmap, T::frame, {}, {}, 0},
    {Label::x86_page_get_address, T::frame, {}, {}, 0},
    {Label::x86_page_map_ept, T::frame, {guest_address, rights, attributes}, {T::ept_pml4}, 0},
    {Label::frame_carve, T::frame, {page_offset, new_index, new_depth}, {T::cnode}, 0},
    {Label::x86_asid_control_make_pool, T::asid_control, {new_second_index, new_second_depth}, {T::untyped, T::cnode}, 0},
    {Label::x86_asid_pool_assign, T::asid_pool, {}, {T::pml4}, 0},
    {Label::x86_asid_pool_assign, T::asid_pool, {}, {T::ept_pml4}, 0},
    {Label::x86_io_port_control_issue, T::io_port_control, {port, last_port, new_index, new_depth}, {T::cnode}, 0},
    {Label::x86_io_port_in8, T::io_port, {port}, {}, 0},
    {Label::x86_io_port_in16, T::io_port, {port}, {}, 0},
    {Label::x86_io_port_in32, T::io_port, {port}, {}, 0},
    {Label::x86_io_port_out8, T::io_port, {port, word}, {}, 0},
    {Label::x86_io_port_out16, T::io_port, {port, word}, {}, 0},
    {Label::x86_io_port_out32, T::io_port, {port, word}, {}, 0},
    {Label::vcpu_set_tcb, T::vcpu, {}, {T::tcb}, 0},
    {Label::vcpu_read_vmcs, T::vcpu, {vmcs_field}, {}, 0},
    {Label::vcpu_write_vmcs, T::vcpu, {vmcs_field, word}, {}, 0},
    {Label::vcpu_enable_io_port, T::vcpu, {port, last_port}, {T::io_port}, 0},
    {Label::vcpu_disable_io_port, T::vcpu, {port, last_port}, {}, 0},
    {Label::vcpu_write_registers, T::vcpu, {word}, {}, 14},
    {Label::vcpu_read_msr, T::vcpu, {msr}, {}, 0},
    {Label::vcpu_write_msr, T::vcpu, {msr, word}, {}, 0},
    {Label::ept_pdpt_map, T::ept_pdpt, {guest_address, small}, {T::ept_pml4}, 0},
    {Label::ept_pdpt_unmap, T::ept_pdpt, {}, {}, 0},
    {Label::ept_pd_map, T::ept_pd, {guest_address, small}, {T::ept_pml4}, 0},
    {Label::ept_pd_unmap, T::ept_pd, {}, {}, 0},
    {Label::ept_pt_map, T::ept_pt, {guest_address, small}, {T::ept_pml4}, 0},
    {Label::ept_pt_unmap, T::ept_pt, {}, {}, 0},
};

constexpr u64 object_types[] = {
    0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12, 0x1000, 0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 1, 2, 8, 10, 11, 4};
constexpr u64 first_msr = 0xc0000080;

u64 mapping_address(u16 code) {
    u64 const shifts[] = {21, 30, 39, 12};
    return 0x200000 + (code & 3u) * 0x1000 + (code >> 2 & 1u) * (u64{1} << shifts[code >> 3 & 3]) + (code >> 5 & 1u) * (u64{1} << 30);
}

class Composer {
public:
    Composer(Record const& record, Tcb& thread) : record_(record), row_(rows[record.label % std::size(rows)]), space_(thread.cap(Tcb::cspace)) {}

    Message compose(u64& cap) {
        cap = pointer(row_.target, record_.capability);
        message_.label = static_cast<u64>(row_.label);
        for (unsigned i = 0; i < abi::max_extra_caps && row_.extra[i] != CapType::null; ++i)
            message_.caps[message_.cap_count++] = pointer(row_.extra[i], record_.extra[i]);
        invoked_ = space_.found(cap);
        for (unsigned i = 0; i < std::size(row_.arguments) && row_.arguments[i] != none; ++i) push(argument(row_.arguments[i], record_.arguments[i]));
        for (unsigned i = 0; i < row_.more_words; ++i) push(odd_number(static_cast<u16>(mixed(record_.raw + i)), record_.raw));
        if (record_.shape >= 0xc0) reshape();
        return message_;
    }

private:
    void push(u64 word) { message_.words[message_.length++] = word; }
    void reshape() {
        u64 const words = message_.length;
        message_.length = record_.shape & 0x20 ? words + (record_.shape & 7) : words - std::min<u64>(words, record_.shape & 7);
        if (record_.shape == 0xff) message_.length = abi::max_message_words;
        for (u64 i = words; i < message_.length; ++i) message_.words[i] = mixed(record_.raw + i);
        if (record_.shape & 8) message_.label = odd_number(record_.extra[2], record_.raw);
        if (!(record_.shape & 0x10)) return;
        message_.cap_count = (record_.shape >> 1) % (abi::max_extra_caps + 1);
        for (unsigned i = 0; i < message_.cap_count; ++i)
            message_.caps[i] = is_odd(record_.extra[i]) ? odd_number(record_.extra[i], record_.raw) : space_.slot(record_.extra[i]);
    }
    u64 pointer(CapType type, u16 code) const {
        if (is_odd(code)) return odd_number(code, record_.raw);
        if (code >= 0xd000) return space_.slot(code);
        return space_.capability(type, code & 0xff);
    }
    // The slot at index and depth is chosen for the index; the depth goes with it.
    u64 index_in(Slot const* node, bool empty, u16 code) {
        place_ = node ? place_in(node->cap(), empty, code) : Place{code, 64};
        return place_.index;
    }
    u64 untyped_in(Slot const* node, u16 code) {
        auto const cnode = node ? node->cap().as<CNodeCap>() : std::nullopt;
        for (u64 i = 0; cnode && i < cnode->size(); ++i) {
            u64 const index = (code + i) & (cnode->size() - 1);
            if (cnode->slots[index].cap().is<UntypedCap>()) return index_in(node, false, static_cast<u16>(index | 0x200));
        }
        return index_in(node, false, code);
    }
    u64 argument(Argument kind, u16 code) {
        bool const is_depth = kind == to_depth || kind == at_depth || kind == from_depth || kind == second_depth ||
                              kind == new_depth || kind == new_second_depth;
        if (is_odd(code)) return is_depth ? code & 0x7f : odd_number(code, record_.raw);
        if (is_depth) return place_.depth;
        return number(kind, code);
    }
    u64 number(Argument kind, u16 code) {
        switch (kind) {
        case small: return code & 7;
        case Argument::flags: return code & 15;
        case rights: return code & 0x40 ? code & 15 : 15;
        case object_type: return object_types[code % std::size(object_types)];
        case size_bits: return code & 0x30 ? 1 + code % 7 : 4 + code % 15;
        case zero: return 0;
        case Argument::count: return code & 0xc ? 1 : 1 + code % 16;
        case node_offset: {
            Slot const* const node = space_.found(message_.caps[0]);
            auto const cnode = node ? node->cap().as<CNodeCap>() : std::nullopt;
            return cnode ? place_in(CNodeCap{cnode->slots, cnode->radix, 0, 0}, true, code | 0x200).index & (cnode->size() - 1) : code;
        }
        case to_index: return index_in(invoked_, true, code);
        case at_index: return index_in(invoked_, false, code);
        case untyped_index: return untyped_in(invoked_, code);
        case from_index: return index_in(space_.found(message_.caps[0]), false, code);
        case second_index: return index_in(space_.found(message_.caps[1]), false, code);
        case new_index: return index_in(space_.found(message_.caps[0]), true, code);
        case new_second_index: return index_in(space_.found(message_.caps[1]), true, code);
        case guard: return code & 0x100 ? 0 : u64{code >> 4 & 3u} << 6 | (code & 0x80 ? 63u - (code & 15u) : code & 15u);
        case badge: return code & 7;
        case priority: return (code & 0x100 ? 150 : 90) + (code & 3) * 10;
        case handler: return space_.capability(CapType::endpoint, code & 0xff);
        case buffer: return code & 0x100 ? (code & 0xfu) << 10 : buffer_address + (code & 3u) * 0x400;
        case Argument::address: return mapping_address(code);
        case guest_address: return mapping_address(code) - (code & 0x100 ? 0x200000 : 0);
        case root_start: return u64{code & 3u} << (code & 4 ? 39 : 30);
        case page_offset: return code & 0x10 ? 0 : (code & 0xfu) << 12;
        case attributes: return (code & 7u) | (code >> 3 & 3u) << 16;
        case registers_count: return 1 + code % 20;
        case user_address: return code & 0x100 ? fuzz::library_start + (code & 0xff) : code_address + (code & 0xff);
        case port: return code & 0x40 ? 0x3f8 + (code & 7) : code & 0x80 ? 0x60 + (code & 3) : code & 0x3f;
        case last_port: return message_.words[0] + (code & 7);
        case pin: return code % io_apic_pins;
        case bit: return code & 1;
        case thread_flags: return code & 3;
        case vector: return code % 8;
        case vmcs_field: return vmcs_field_of(code);
        case msr: return first_msr + code % 5;
        case Argument::library_start: return fuzz::library_start;
        case Argument::library_end: return fuzz::library_end;
        case block: return buffer_address + 0x400 + (code & 0x1fu) * 8;
        case word: return odd_number(code & 0xfff, record_.raw);
        default: return code;
        }
    }
    static u64 vmcs_field_of(u16 code) {
        constexpr u64 groups[] = {0x800, 0x2800, 0x4000, 0x4400, 0x4800, 0x6000, 0x6400, 0x6800};
        return groups[code >> 6 & 7] + 2 * (code & 0x1fu);
    }

    Record const& record_;
    Row const& row_;
    Space space_;
    Message message_;
    Slot const* invoked_{};
    Place place_{0, 64};
};

} // namespace

std::span<Row const> invocations() { return rows; }

Message compose(Record const& record, Tcb& thread, u64& cap) { return Composer(record, thread).compose(cap); }

} // namespace fuzz
