// SPDX-License-Identifier: Apache-2.0
// The derivation tree as text.
#include <algorithm>
#include <sstream>

#include "kernel/capability/derivation.hpp"
#include "kernel/testing/test_kernel.hpp"

namespace {

std::string size_text(unsigned bits) {
    char const* const units[] = {"", "K", "M", "G", "T"};
    return std::to_string(u64{1} << (bits % 10)) + units[bits / 10];
}

std::string hex(u64 value) {
    std::ostringstream out;
    out << "0x" << std::hex << value;
    return out.str();
}

std::string with_badge(char const* name, u64 badge) { return badge ? name + (" " + std::to_string(badge)) : name; }

std::string describe(Cap const& cap) {
    switch (cap.type()) {
    case CapType::null: return "null";
    case CapType::untyped: {
        auto const untyped = cap.get<UntypedCap>();
        return (untyped.device ? "device untyped " : "untyped ") + size_text(untyped.size_bits);
    }
    case CapType::frame: return "frame " + size_text(cap.get<FrameCap>().size_bits());
    case CapType::endpoint: return with_badge("endpoint", cap.get<EndpointCap>().badge);
    case CapType::notification: return with_badge("notification", cap.get<NotificationCap>().badge);
    case CapType::reply: return cap.get<ReplyCap>().master ? "reply master" : "reply";
    case CapType::cnode: return "cnode " + std::to_string(cap.get<CNodeCap>().size());
    case CapType::tcb: return "tcb";
    case CapType::zombie: return "zombie " + std::to_string(cap.get<ZombieCap>().count);
    case CapType::irq_handler: return "irq handler " + std::to_string(cap.get<IrqHandlerCap>().vector);
    case CapType::io_port: {
        auto const ports = cap.get<IoPortCap>();
        return "io ports " + hex(ports.first) + "-" + hex(ports.last);
    }
    case CapType::page_table: return "page table";
    case CapType::page_directory: return "page directory";
    case CapType::pdpt: return "pdpt";
    case CapType::pml4: return "pml4";
    case CapType::asid_control: return "asid control";
    case CapType::asid_pool: return "asid pool";
    case CapType::irq_control: return "irq control";
    case CapType::domain: return "domain";
    case CapType::io_port_control: return "io port control";
    case CapType::vcpu: return "vcpu";
    case CapType::ept_pt: return "nested page table";
    case CapType::ept_pd: return "nested page directory";
    case CapType::ept_pdpt: return "nested pdpt";
    case CapType::ept_pml4: return "nested pml4";
    }
    return "?";
}

Slot const* head_of(Slot const& slot) {
    Slot const* head = &slot;
    while (head->previous()) head = head->previous();
    return head;
}

} // namespace

std::string TestKernel::derivations() {
    std::vector<Slot const*> heads;
    for (CPtr i = abi::initial_slot::first_dynamic; i < root_size(); ++i) {
        if (empty(i)) continue;
        Slot const* const head = head_of(slot(i));
        bool const initial = head >= root_cnode_ && head < root_cnode_ + abi::initial_slot::first_dynamic;
        if (!initial && std::find(heads.begin(), heads.end(), head) == heads.end()) heads.push_back(head);
    }
    std::string text;
    for (Slot const* head : heads) {
        std::vector<Slot const*> ancestors;
        for (Slot const* at = head; at; at = at->next()) {
            while (!ancestors.empty() && !DerivationList::is_parent_of(*ancestors.back(), *at)) ancestors.pop_back();
            text += std::string(2 * ancestors.size(), ' ') + describe(at->cap()) + "\n";
            ancestors.push_back(at);
        }
    }
    return text;
}
