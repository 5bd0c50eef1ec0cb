// SPDX-License-Identifier: Apache-2.0
#include "kernel/fuzz/world_maker.hpp"

#include <algorithm>
#include <iterator>
#include <new>

#include "kernel/capability/derivation.hpp"
#include "kernel/fuzz/invariants.hpp"
#include "x86/vmcs.hpp"

namespace fuzz {

using abi::Label, abi::ObjectType;
namespace boot_slot = abi::initial_slot;

namespace {
constexpr u64 guard_word(u64 value, unsigned size) { return value << 6 | size; }
constexpr u64 b_guard = guard_word(0, 51); // 51 + 5 bits, and 8 for a CNode inside
constexpr u64 inner_guard = guard_word(5, 4);
constexpr u64 pages = 0x200000; // where things are mapped
} // namespace

std::byte* WorldMaker::take(unsigned size_bits) {
    u64 const start = PhysAddr{next_memory_}.align_up(size_bits).value;
    next_memory_ = start + (u64{1} << size_bits);
    if (next_memory_ > ram_end) stop("the world does not fit into its RAM", next_memory_);
    return machine::window({start});
}

void WorldMaker::put(u64 to, Cap const& cap) { DerivationList::insert_root(cap, root_[to]); }

void WorldMaker::make() {
    boot();
    make_objects();
    make_mappings();
    make_guest();
    make_devices();
    fill_cnodes();
    start_threads();
}

void WorldMaker::boot() {
    // The largest first: then nothing is lost to alignment.
    auto const untyped = [&](u64 to, unsigned bits) { put(to, UntypedCap{machine::physical(take(bits)), bits, false, 0}); };
    PhysAddr const main = machine::physical(take(18));
    PhysAddr const middle = machine::physical(take(16));
    root_ = reinterpret_cast<Slot*>(take(root_radix + Slot::size_bits));
    put(main_untyped, UntypedCap{main, 18, false, 0});
    put(untyped_64k, UntypedCap{middle, 16, false, 0});
    untyped(untyped_16k, 14);
    untyped(untyped_4k, 12);
    untyped(untyped_4k_second, 12);
    put(device_untyped_2g, UntypedCap{{device_start}, 31, true, 0});
    put(device_untyped_4m, UntypedCap{{device_start + (u64{1} << 31)}, 22, true, 0});
    put(device_untyped_16k, UntypedCap{{device_start + (u64{1} << 32)}, 14, true, 0});
    put(large_ram_frame, FrameCap{{large_frame}, PageSize::large, FrameRights::read_write, false, MappedIn::nothing, {}, 0});

    put(boot_slot::cnode, CNodeCap{root_, root_radix, 64 - root_radix, 0});
    auto* const pml4 = reinterpret_cast<PageTable*>(take(abi::size_bits::page_table));
    machine::add_kernel_part(pml4->entries);
    auto* const pool = reinterpret_cast<AsidPool*>(take(abi::size_bits::asid_pool));
    world_.kernel.asids.set_pool(0, pool);
    world_.kernel.asids.assign(Asid{1}, pml4);
    put(boot_slot::vspace, Pml4Cap{pml4, true, Asid{1}, 0});
    put(boot_slot::asid_pool, AsidPoolCap{pool, 0});
    put(boot_slot::irq_control, IrqControlCap{});
    put(boot_slot::asid_control, AsidControlCap{});
    put(boot_slot::io_port_control, IoPortControlCap{});
    put(boot_slot::domain, DomainCap{});
    put(boot_slot::ipc_buffer_frame, FrameCap{machine::physical(take(12)), PageSize::small, FrameRights::read_write, false,
                                              MappedIn::nothing, {}, 0});

    Tcb* const tcb = new (take(Tcb::size_bits)) Tcb;
    put(boot_slot::tcb, TcbCap{tcb});
    auto const install = [&](u64 from, Tcb::SlotIndex to) { DerivationList::insert(root_[from].cap(), root_[from], tcb->slot(to)); };
    install(boot_slot::cnode, Tcb::cspace);
    install(boot_slot::vspace, Tcb::vspace);
    install(boot_slot::ipc_buffer_frame, Tcb::ipc_buffer);
    DerivationList::insert_root(ReplyCap{tcb, true, true}, tcb->slot(Tcb::reply_master));
    tcb->set_name("first");
    tcb->ipc_buffer_address = buffer_address;
    tcb->priority = tcb->max_priority = abi::priorities - 1;
    tcb->state = ThreadState::running;
    tcb->context.next_ip = tcb->registers().rip = code_address;
    static_cast<void>(world_.kernel.start(world_.cpu, *tcb));
    invariants::start_from(root_[boot_slot::cnode]);
}

void WorldMaker::call(u64 cap, Label label, std::initializer_list<u64> words, std::initializer_list<u64> caps) {
    Message message{.label = static_cast<u64>(label), .length = words.size(), .words = {},
                    .cap_count = static_cast<unsigned>(caps.size()), .caps = {}};
    std::copy(words.begin(), words.end(), message.words);
    std::copy(caps.begin(), caps.end(), message.caps);
    system_call(static_cast<i64>(abi::Syscall::call), cap, message, code_address);
    u64 const answer = abi::MessageInfo{world_.current().registers().rsi}.label();
    if (answer != 0) stop("the world could not be made: a call was refused; its label:", static_cast<u64>(label));
}

void WorldMaker::retype(u64 untyped, ObjectType type, u64 to, u64 size_bits, u64 count) {
    call(untyped, Label::untyped_retype, {static_cast<u64>(type), size_bits, 0, 0, to, count}, {boot_slot::cnode});
}
void WorldMaker::mint(u64 from, u64 to, u64 data, u64 rights) {
    call(boot_slot::cnode, Label::cnode_mint, {to, 64, from, 64, rights, data}, {boot_slot::cnode});
}
void WorldMaker::copy_into(u64 node, u64 index, u64 depth, u64 from) {
    call(node, Label::cnode_copy, {index, depth, from, 64, abi::right::all}, {boot_slot::cnode});
}

void WorldMaker::make_objects() {
    retype(main_untyped, ObjectType::vcpu, vcpu, 0, 2);
    retype(main_untyped, ObjectType::small_page, first_frame, 0, 7);
    retype(main_untyped, ObjectType::pdpt, pdpt);
    retype(main_untyped, ObjectType::page_directory, page_directory);
    retype(main_untyped, ObjectType::page_table, page_table);
    retype(main_untyped, ObjectType::pdpt, free_pdpt);
    retype(main_untyped, ObjectType::page_directory, free_page_directory);
    retype(main_untyped, ObjectType::page_table, free_page_table);
    retype(main_untyped, ObjectType::pml4, second_vspace);
    retype(main_untyped, ObjectType::pdpt, second_pdpt);
    retype(main_untyped, ObjectType::pml4, free_pml4);
    retype(main_untyped, ObjectType::ept_pml4, nested_root);
    retype(main_untyped, ObjectType::ept_pdpt, nested_pdpt);
    retype(main_untyped, ObjectType::ept_pd, nested_pd);
    retype(main_untyped, ObjectType::ept_pt, nested_pt);
    retype(main_untyped, ObjectType::ept_pml4, free_nested_root);
    retype(main_untyped, ObjectType::ept_pdpt, free_nested_pdpt);
    retype(main_untyped, ObjectType::ept_pd, free_nested_pd);
    retype(main_untyped, ObjectType::ept_pt, free_nested_pt);
    retype(main_untyped, ObjectType::small_page, nested_frame);
    retype(main_untyped, ObjectType::untyped, inner_untyped, 13);
    retype(main_untyped, ObjectType::tcb, first_thread + 1, 0, threads - 1);
    copy(boot_slot::tcb, first_thread);
    retype(main_untyped, ObjectType::cnode, cnode_b, 5);
    retype(main_untyped, ObjectType::cnode, cnode_c, 4, 2);
    retype(main_untyped, ObjectType::endpoint, endpoint, 0, 2);
    retype(main_untyped, ObjectType::notification, notification, 0, 3);
    mint(endpoint, badged_endpoint, 5);
    mint(endpoint, send_only_endpoint, 6, abi::right::write | abi::right::grant_reply);
    mint(notification, badged_notification, 1);
    mint(boot_slot::cnode, cnode_copy, guard_word(1, 3));
    retype(device_untyped_16k, ObjectType::small_page, device_page);
    retype(device_untyped_4m, ObjectType::large_page, device_large_page);
    retype(device_untyped_2g, ObjectType::huge_page, device_huge_page);
    call(boot_slot::asid_control, Label::x86_asid_control_make_pool, {second_pool, 64}, {untyped_4k, boot_slot::cnode});
    retype(main_untyped, ObjectType::pdpt, upper_pdpt);
}

void WorldMaker::make_mappings() {
    call(pdpt, Label::x86_pdpt_map, {pages, 0}, {boot_slot::vspace});
    call(page_directory, Label::x86_page_directory_map, {pages, 0}, {boot_slot::vspace});
    call(page_table, Label::x86_page_table_map, {pages, 0}, {boot_slot::vspace});
    call(mapped_frame, Label::x86_page_map, {pages, 3, 0}, {boot_slot::vspace});
    copy(mapped_frame, mapped_copy);
    call(mapped_copy, Label::x86_page_map, {pages + 0x1000, 2, 0}, {boot_slot::vspace});
    call(second_pool, Label::x86_asid_pool_assign, {}, {second_vspace});
    call(second_pdpt, Label::x86_pdpt_map, {pages, 0}, {second_vspace});
    call(upper_pdpt, Label::x86_pdpt_map, {u64{1} << 39, 0}, {second_vspace});
    call(device_huge_page, Label::x86_page_map, {u64{1} << 30, 3, 0}, {second_vspace});
    call(device_large_page, Label::x86_page_map, {pages + (u64{1} << 21), 3, 0}, {boot_slot::vspace});
}

void WorldMaker::make_guest() {
    call(boot_slot::asid_pool, Label::x86_asid_pool_assign, {}, {nested_root});
    call(nested_pdpt, Label::ept_pdpt_map, {0, 0}, {nested_root});
    call(nested_pd, Label::ept_pd_map, {0, 0}, {nested_root});
    call(nested_pt, Label::ept_pt_map, {0, 0}, {nested_root});
    call(nested_frame, Label::x86_page_map_ept, {0x1000, 3, 6}, {nested_root});
    call(vcpu, Label::vcpu_set_tcb, {}, {first_thread + 4});
    call(first_thread + 4, Label::tcb_set_ept_root, {}, {nested_root});
    call(first_thread + 4, Label::tcb_bind_notification, {}, {third_notification});
    // And one without nested paging, with paging on: its root is composed.
    call(second_vcpu, Label::vcpu_set_tcb, {}, {first_thread + 5});
    call(first_thread + 5, Label::tcb_set_ept_root, {}, {nested_root});
    call(first_thread + 5, Label::tcb_set_shared_root, {u64{1} << 30}, {nested_root});
    constexpr struct {
        vmx::Field field;
        u64 value;
    } state[] = {{vmx::Field::secondary_controls, 0}, {vmx::Field::guest_cr0, 0x80000011}, {vmx::Field::guest_cr4, 0x20}};
    for (auto const& each : state) call(second_vcpu, Label::vcpu_write_vmcs, {static_cast<u64>(each.field), each.value});
}

void WorldMaker::make_devices() {
    call(boot_slot::irq_control, Label::x86_irq_issue_irq_handler_io_apic, {io_apic_handler, 64, 0, 4, 1, 0, 3}, {boot_slot::cnode});
    call(boot_slot::irq_control, Label::x86_irq_issue_irq_handler_msi, {msi_handler, 64, 0, 0, 0, 0, 5}, {boot_slot::cnode});
    call(io_apic_handler, Label::irq_set_irq_handler, {}, {badged_notification});
    call(boot_slot::io_port_control, Label::x86_io_port_control_issue, {0x3f8, 0x3ff, ports, 64}, {boot_slot::cnode});
    call(boot_slot::io_port_control, Label::x86_io_port_control_issue, {0x60, 0x64, more_ports, 64}, {boot_slot::cnode});
    call(vcpu, Label::vcpu_enable_io_port, {0x3f8, 0x3f9}, {ports});
}

void WorldMaker::fill_cnodes() {
    u64 const for_b[] = {endpoint, badged_notification, 0, first_thread + 3, first_frame, cnode_b, fault_endpoint, notification,
                         second_vspace, boot_slot::asid_pool, io_apic_handler, more_ports, boot_slot::asid_control,
                         mapped_copy, vcpu, first_thread + 2, badged_endpoint, nested_root};
    for (u64 i = 0; i < std::size(for_b); ++i)
        if (for_b[i]) copy_into(cnode_b, i + 1, 5, for_b[i]);
    call(cnode_b, Label::cnode_mint, {3, 5, cnode_c, 64, abi::right::all, inner_guard}, {boot_slot::cnode});
    call(inner_untyped, Label::untyped_retype, {static_cast<u64>(ObjectType::untyped), 12, 0, 0, 20, 1}, {cnode_b});
    u64 const for_c[] = {endpoint, notification, first_frame + 1, cnode_d};
    for (u64 i = 0; i < std::size(for_c); ++i) copy_into(cnode_c, i + 1, 4, for_c[i]);
    // Deleting the first deletes them all, each from within the one before; the last also holds the first's own.
    for (u64 i = 0; i < 4; ++i) retype(main_untyped, ObjectType::cnode, nest + i, 1 + i % 2);
    retype(main_untyped, ObjectType::tcb, nest + 4, 0, 2);
    auto const move = [&](u64 node, u64 depth, u64 index, u64 from) {
        call(node, Label::cnode_move, {index, depth, from, 64}, {boot_slot::cnode});
    };
    move(nest + 3, 2, 3, nest + 4);
    move(nest + 3, 2, 0, nest + 5);
    copy_into(nest + 3, 1, 2, nest);
    move(nest + 2, 1, 1, nest + 3);
    move(nest + 1, 2, 3, nest + 2);
    move(nest, 1, 1, nest + 1);
    u64 const for_d[] = {endpoint, third_notification, vcpu, nested_root, second_vspace, first_thread + 4};
    for (u64 i = 0; i < std::size(for_d); ++i) copy_into(cnode_d, i + 1, 4, for_d[i]);
}

void WorldMaker::configure(u64 thread, u64 fault_handler, u64 cspace, u64 cspace_data, u64 vspace, u64 frame) {
    call(thread, Label::tcb_configure, {fault_handler, cspace_data, 0, buffer_address}, {cspace, vspace, frame});
}

void WorldMaker::start_threads() {
    u64 const d_guard = guard_word(0, 60);
    configure(first_thread + 1, endpoint, boot_slot::cnode, 0, boot_slot::vspace, first_frame);
    configure(first_thread + 2, 7 << 8, cnode_b, b_guard, second_vspace, first_frame + 1);
    configure(first_thread + 3, 7 << 8, cnode_b, b_guard, second_vspace, first_frame + 2);
    configure(first_thread + 4, 1, cnode_d, d_guard, second_vspace, first_frame + 3);
    configure(first_thread + 5, 0, boot_slot::cnode, 0, boot_slot::vspace, large_ram_frame);
    call(first_thread + 3, Label::tcb_bind_notification, {}, {second_notification});
    call(first_thread + 5, Label::tcb_set_upcall,
         {library_start, 0x700000, library_start, library_end, buffer_address + 0x800, 7});
    u64 const priorities[threads] = {200, 200, 150, 150, 100, 100};
    for (u64 i = 1; i < threads; ++i) {
        call(first_thread + i, Label::tcb_set_sched_params, {200, priorities[i]}, {boot_slot::tcb});
        call(first_thread + i, Label::tcb_write_registers, {1, 2, code_address, 0x700000});
    }
    call(boot_slot::tcb, Label::tcb_set_priority, {priorities[0]}, {boot_slot::tcb});
}

} // namespace fuzz
