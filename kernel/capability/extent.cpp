// SPDX-License-Identifier: Apache-2.0
#include "kernel/capability/extent.hpp"

#include "kernel/capability/slot.hpp"

namespace {

// Every object is aligned to its size, so any address inside it leads to its start.
Extent around(void const* inside, unsigned size_bits) {
    u64 const start = machine::physical(inside).align_down(size_bits).value;
    return {start, start + (u64{1} << size_bits)};
}

} // namespace

std::optional<Extent> extent_of(Cap const& cap) {
    switch (cap.type()) {
    case CapType::untyped: {
        auto const untyped = cap.get<UntypedCap>();
        return Extent{untyped.base.value, untyped.base.value + untyped.size()};
    }
    case CapType::frame: {
        auto const frame = cap.get<FrameCap>();
        return Extent{frame.base.value, frame.base.value + frame.bytes()};
    }
    case CapType::endpoint: return around(cap.get<EndpointCap>().object, abi::size_bits::endpoint);
    case CapType::notification:
        return around(cap.get<NotificationCap>().object, abi::size_bits::notification);
    case CapType::cnode: {
        auto const cnode = cap.get<CNodeCap>();
        return around(cnode.slots, cnode.radix + Slot::size_bits);
    }
    case CapType::tcb: return around(cap.get<TcbCap>().object, abi::size_bits::tcb);
    case CapType::zombie: {
        auto const zombie = cap.get<ZombieCap>();
        return around(zombie.slots,
                      zombie.of_tcb ? abi::size_bits::tcb : zombie.radix + Slot::size_bits);
    }
    case CapType::page_table:
    case CapType::page_directory:
    case CapType::pdpt:
    case CapType::pml4:
    case CapType::ept_pt:
    case CapType::ept_pd:
    case CapType::ept_pdpt:
    case CapType::ept_pml4:
        return around(cap.get<PageTableCap>().table, abi::size_bits::page_table);
    case CapType::asid_pool: return around(cap.get<AsidPoolCap>().pool, abi::size_bits::asid_pool);
    case CapType::vcpu: return around(cap.get<VcpuCap>().object, abi::size_bits::vcpu);
    case CapType::null:
    case CapType::reply:
    case CapType::asid_control:
    case CapType::irq_control:
    case CapType::irq_handler:
    case CapType::io_port:
    case CapType::domain:
    case CapType::io_port_control: break;
    }
    return std::nullopt;
}
