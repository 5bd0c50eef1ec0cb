// SPDX-License-Identifier: Apache-2.0
// The profile `reference`: classic, one core, without VTX, IOMMU and debug registers (ABI 1.1). What such a kernel lacks and ours
// has is numbered far above every seL4 profile's last number, so the two never collide.
#pragma once

#include "abi/profile/classic.hpp"

namespace abi::reference {

using classic::CapType;
using classic::FaultLabel;
using classic::Syscall;
namespace size_bits = classic::size_bits;

enum class Label : u64 { // ABI 1.5, column Base
    invalid_invocation,
    untyped_retype,
    tcb_read_registers,
    tcb_write_registers,
    tcb_copy_registers,
    tcb_configure,
    tcb_set_priority,
    tcb_set_mc_priority,
    tcb_set_sched_params,
    tcb_set_ipc_buffer,
    tcb_set_space,
    tcb_suspend,
    tcb_resume,
    tcb_bind_notification,
    tcb_unbind_notification,
    tcb_set_tls_base,
    tcb_set_flags,
    cnode_revoke,
    cnode_delete,
    cnode_cancel_badged_sends,
    cnode_copy,
    cnode_mint,
    cnode_move,
    cnode_mutate,
    cnode_rotate,
    cnode_save_caller,
    irq_issue_irq_handler,
    irq_ack_irq,
    irq_set_irq_handler,
    irq_clear_irq_handler,
    domain_set_set,
    domain_schedule_configure,
    domain_schedule_set_start,
    x86_pdpt_map,
    x86_pdpt_unmap,
    x86_page_directory_map,
    x86_page_directory_unmap,
    x86_page_table_map,
    x86_page_table_unmap,
    x86_page_map,
    x86_page_unmap,
    x86_page_get_address,
    x86_asid_control_make_pool,
    x86_asid_pool_assign,
    x86_io_port_control_issue,
    x86_io_port_in8,
    x86_io_port_in16,
    x86_io_port_in32,
    x86_io_port_out8,
    x86_io_port_out16,
    x86_io_port_out32,
    x86_irq_issue_irq_handler_io_apic,
    x86_irq_issue_irq_handler_msi,

    // Extension 1, virtual CPUs: meaning and arguments as in ABI 7.11 and 7.12 (VTX, 64-bit guests), numbers ours.
    tcb_set_ept_root = 0x1000,
    vcpu_set_tcb,
    vcpu_read_vmcs,
    vcpu_write_vmcs,
    vcpu_enable_io_port,
    vcpu_disable_io_port,
    vcpu_write_registers,
    vcpu_read_msr,
    vcpu_write_msr,
    ept_pdpt_map,
    ept_pdpt_unmap,
    ept_pd_map,
    ept_pd_unmap,
    ept_pt_map,
    ept_pt_unmap,
    x86_page_map_ept,
    // Extension 2, upcalls: abi/upcall.hpp.
    tcb_set_upcall = 0x1100,
    // Extension 1 goes beyond VTX here: page tables that user level keeps for guests, without nested paging. abi/shadow_root.hpp.
    frame_carve = 0x1300,
    tcb_set_shared_root,
};

enum class ObjectType : u64 { // ABI 6.1
    untyped,
    tcb,
    endpoint,
    notification,
    cnode,
    pdpt,
    pml4,
    huge_page,  // 1 GiB
    small_page, // 4 KiB
    large_page, // 2 MiB
    page_table,
    page_directory,
    count, // of seL4's types in this profile

    vcpu = 0x1000, // extension 1
    ept_pml4,
    ept_pdpt,
    ept_pd,
    ept_pt,
};

} // namespace abi::reference
