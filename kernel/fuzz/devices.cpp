// SPDX-License-Identifier: Apache-2.0
// Interrupts, I/O ports, virtual CPUs, and what the processor was told to do next.
#include <algorithm>
#include <bit>

#include "kernel/device/vcpu.hpp"
#include "kernel/fuzz/inventory.hpp"
#include "x86/registers.hpp"

namespace fuzz {

namespace {

struct Ports {
    u16 first, last;
};
List<Ports, 1024> issued;

void check_interrupts() {
    bool handled[IrqTable::vectors]{};
    for (u32 const index : inventory.others)
        if (auto const handler = inventory.slots[index].slot->cap().as<IrqHandlerCap>()) {
            require(handler->vector < IrqTable::vectors, "a handler of no interrupt", handler->vector);
            handled[handler->vector] = true;
        }
    IrqTable& irqs = world().kernel.irqs;
    for (unsigned i = 0; i < IrqTable::vectors; ++i) {
        CapType const kept = irqs.notification(i).cap().type();
        require(kept == CapType::null || kept == CapType::notification, "the interrupt table holds no notification", i);
        require(irqs.in_use(i) == handled[i], handled[i] ? "an interrupt has a handler but is free" : "an interrupt is in use without a handler", i);
        require(handled[i] || kept == CapType::null, "an interrupt without a handler signals", i);
    }
}

// Ranges are disjoint, and exactly their ports count as issued.
void check_ports() {
    IoPortTable const& table = world().kernel.io_ports;
    issued.clear();
    for (u32 const index : inventory.others) {
        auto const ports = inventory.slots[index].slot->cap().as<IoPortCap>();
        if (!ports) continue;
        require(ports->first <= ports->last, "a reversed range of ports", ports->first);
        auto const same = [&](Ports const& known) { return known.first == ports->first && known.last == ports->last; };
        if (std::none_of(issued.begin(), issued.end(), same)) issued.push({ports->first, ports->last});
    }
    std::sort(issued.begin(), issued.end(), [](Ports const& one, Ports const& other) { return one.first < other.first; });
    u64 expected = 0, used = 0;
    for (unsigned i = 0; i < issued.size(); ++i) {
        require(i == 0 || issued[i - 1].last < issued[i].first, "a port has two owners", issued[i].first);
        expected += u64{issued[i].last} - issued[i].first + 1;
        require(table.any_in_use(issued[i].first, issued[i].first) && table.any_in_use(issued[i].last, issued[i].last),
                "a port of a capability counts as free", issued[i].first);
    }
    auto const* const words = reinterpret_cast<u64 const*>(&table);
    for (unsigned block = 0; block < sizeof table / 8; block += block_words)
        if (any_but(0, words + block))
            for (unsigned i = block; i < block + block_words; ++i) used += static_cast<u64>(std::popcount(words[i]));
    require(used == expected, "other ports count as issued than capabilities hold", used);
}

bool may_reach(Vcpu const& vcpu, unsigned port) {
    for (u32 const index : inventory.others) {
        auto const ports = inventory.slots[index].slot->cap().as<IoPortCap>();
        if (ports && ports->first <= port && port <= ports->last && world().kernel.vcpus.find(ports->vcpu) == &vcpu) return true;
    }
    return false;
}

void check_open_ports(Vcpu const& vcpu, unsigned word, u64 open) {
    for (; open; open &= open - 1) {
        unsigned const port = word * 64 + static_cast<unsigned>(std::countr_zero(open));
        require(may_reach(vcpu, port), "a guest reaches a port that no capability opened to it", port);
    }
}

void check_guests() {
    auto const* const numbered = reinterpret_cast<Vcpu const* const*>(&world().kernel.vcpus);
    for (unsigned i = 0; i < VcpuTable::capacity; i += block_words) {
        if (!any_but(0, reinterpret_cast<u64 const*>(numbered + i))) continue;
        for (unsigned j = i; j < i + block_words; ++j)
            require(!numbered[j] || inventory.is_object(numbered[j], CapType::vcpu), "a number of a dead Vcpu", j);
    }
    for (Vcpu const* const vcpu : inventory.vcpus) {
        // A bit that is not set: the guest reaches the port.
        auto const* const map = reinterpret_cast<u64 const*>(reinterpret_cast<std::byte const*>(vcpu) + 0x1000);
        for (unsigned block = 0; block < 65536 / 64; block += block_words)
            if (any_but(~u64{0}, map + block))
                for (unsigned word = block; word < block + block_words; ++word) check_open_ports(*vcpu, word, ~map[word]);
    }
}

PageTable const& live_root(Cap const& cap) {
    auto const root = cap.as<EptPml4Cap>();
    require(root && world().kernel.asids.root(root->asid, MappedIn::nested) == root->table, "a guest runs without a root");
    return *root->table;
}

u64 entry_of_lowest(PageTable const& root, u64 index) {
    u64 const pdpt = root.entries[0] & PageEntry::Frame::mask;
    return pdpt ? reinterpret_cast<PageTable const*>(machine::window({pdpt}))->entries[index] : 0;
}

// A guest without nested paging: every entry of the composed root is what stands in the root it comes from, now.
void check_composed(Tcb& thread, svm::Vmcb const& vmcb) {
    PageTable const& own = live_root(thread.cap(Tcb::ept_root));
    bool const shares = !thread.slot(Tcb::shared_root).empty();
    PageTable const& shared = shares ? live_root(thread.cap(Tcb::shared_root)) : own;
    bool const long_mode = vmcb.efer & efer::LongModeActive::mask;
    u64 const size = long_mode ? 512 : 4, shift = long_mode ? 39 : 30;
    u64 const place = composed_tables + (long_mode ? 0 : 4096);
    require(vmcb.cr3 == place, "a guest runs on a root that is not the composed one", vmcb.cr3);
    auto const* const composed = reinterpret_cast<u64 const*>(arena() + (place - ram_start));
    for (u64 i = 0; i < size; ++i) {
        PageTable const& from = shares && i << shift >= thread.first_shared >> shift << shift ? shared : own;
        u64 const expected = long_mode ? from.entries[i] : entry_of_lowest(from, i) & ~u64{0xffe};
        require(composed[i] == expected, "a guest runs on entries that no root has any more", i);
    }
    require((vmcb.cr0 & 0x80000001) == 0x80000001 && (vmcb.cr4 & 0x20), "a guest without nested paging in another mode of paging");
    require((vmcb.intercept_cr & 0x00190008) == 0x00190008, "a guest could change how its addresses are translated");
    u64 const needed = svm::intercept1::Invlpg::mask | svm::intercept1::TaskSwitch::mask;
    require((vmcb.intercepts[0] & needed) == needed, "a guest could keep translations, or load CR3 by a task switch");
    require(vmcb.intercept_exceptions & 2, "a guest could hold the processor");
}

void check_entry(Tcb& thread) { // its guest runs next
    svm::Vmcb const& vmcb = thread.vcpu->vmcb();
    if (vmcb.nested_enable) {
        PageTable const& root = live_root(thread.cap(Tcb::ept_root));
        require(vmcb.nested_enable == 1 && vmcb.nested_cr3 == machine::physical(&root).value, "a guest runs on another root");
    } else {
        check_composed(thread, vmcb);
    }
    u64 const self = machine::physical(thread.vcpu).value;
    require(vmcb.io_permissions == self + 0x1000 && vmcb.msr_permissions == machine::guest_support().msr_permissions.value,
            "a guest runs with other permission maps");
    require(vmcb.asid > 0 && vmcb.asid < machine::guest_support().asids, "a guest runs under no tag of its own", vmcb.asid);
    using namespace svm;
    u64 const first = intercept1::Interrupt::mask | intercept1::Nmi::mask | intercept1::Smi::mask | intercept1::Init::mask |
                      intercept1::Cpuid::mask | intercept1::Io::mask | intercept1::Msr::mask | intercept1::Shutdown::mask |
                      intercept1::Invlpga::mask | intercept1::Invd::mask;
    u64 const second = intercept2::SvmInstructions::mask | intercept2::Wbinvd::mask | intercept2::Xsetbv::mask;
    require((vmcb.intercepts[0] & first) == first && (vmcb.intercepts[1] & second) == second, "a guest runs without intercepts");
    require((vmcb.efer & EferSvme::mask) && !(vmcb.efer & ~(EferSvme::mask | machine::guest_support().efer_bits)), "a guest's EFER");
    require(vmcb.interrupt_control & interrupt_control::Masking::mask, "a guest may hold back the host's interrupts");
}

// The thread that comes to run is in its own address space. One that gave itself another by SetSpace stays in the old one, while
// that lives, until it is switched to again.
void check_loaded_root(Tcb& current) {
    auto const vspace = current.cap(Tcb::vspace).as<Pml4Cap>();
    AsidTable const& asids = world().kernel.asids;
    bool const valid = vspace && asids.root(vspace->asid, MappedIn::address_space) == vspace->table;
    PhysAddr const expected = valid ? machine::physical(vspace->table) : kernel_root;
    bool const lags = machine_state.ran_before == &current && machine_state.loaded_root != expected;
    machine_state.ran_before = &current;
    if (lags && machine_state.loaded_root == kernel_root) return; // it had none
    if (lags) {
        u32 const found = inventory.object_at(machine_state.loaded_root.value);
        bool const lives = found != Object::none && inventory.objects[found].type == CapType::pml4;
        require(lives && asids.root(machine_state.loaded_asid, MappedIn::address_space) ==
                             Pml4Cap::unpack(inventory.objects[found].cap).table, "the processor is in an address space that is gone");
        return;
    }
    require(machine_state.loaded_root == expected, "the processor is in another address space than the thread", expected.value);
    require(machine_state.loaded_asid == (valid ? vspace->asid : Asid{}), "the address space is loaded under another ASID");
}

// A 32-bit thread runs in what its roots say now, and with its segments; nobody else does.
void check_space_32(Tcb& current) {
    Context const& context = current.context;
    require(machine_state.in_32_bit && machine_state.loaded_root == root_32, "a 32-bit thread runs in 64-bit surroundings");
    require(machine_state.wide == current.is_wide(), "a 32-bit thread runs with the segments of the other mode");
    bool const fits = context.next_ip <= ~u32{0} && context.registers.rsp <= ~u32{0};
    require(fits || current.is_wide(), "IRETQ refuses the thread", context.next_ip);
    auto const live = [](Cap const& cap) {
        auto const root = cap.as<EptPml4Cap>();
        return root && world().kernel.asids.root(root->asid, MappedIn::nested) == root->table ? root->table : nullptr;
    };
    auto const entry = [&](Cap const& cap, u64 gibibyte) -> u64 {
        PageEntry const first{live(cap)->entries[0]};
        if (!first.present()) return 0;
        return reinterpret_cast<PageTable const*>(machine::window(first.frame()))->entries[gibibyte];
    };
    Cap const& shared = current.cap(Tcb::shared_root);
    bool const complete = live(current.cap(Tcb::ept_root)) && (shared.is_null() || live(shared));
    for (u64 i = 0; i < 4; ++i) {
        bool const of_shared = !shared.is_null() && (i << level_shift::pdpt) >= current.first_shared;
        u64 const expected = !complete ? 0 : !of_shared ? entry(current.cap(Tcb::ept_root), i) : current.shared_root_visible ? entry(shared, i) : 0;
        require(machine_state.space_32[i] == expected, "a 32-bit thread's address space is not what its roots say, GiB", i);
    }
    auto const vspace = current.cap(Tcb::vspace).as<Pml4Cap>();
    bool const valid = vspace && world().kernel.asids.root(vspace->asid, MappedIn::address_space) == vspace->table;
    u64 const upper = current.is_wide() && valid ? vspace->table->entries[1] : 0;
    require(machine_state.upper_32 == upper, "what a 32-bit thread has above its 4 GiB is not what its VSpace says", upper);
}

} // namespace

void check_devices() {
    check_interrupts();
    check_ports();
    check_guests();
}

void check_processor() {
    Cpu const& cpu = world().cpu;
    Tcb& current = world().current();
    bool const guest = current.state == ThreadState::running_vm;
    if (current.state == ThreadState::running_32) {
        machine_state.ran_before = &current;
        check_space_32(current);
    } else {
        require(!machine_state.in_32_bit, "a thread runs with the segments of a 32-bit one");
        check_loaded_root(current);
    }
    require(!cpu.fpu_owner || inventory.is_live(cpu.fpu_owner), "the FPU belongs to a thread that does not exist any more");
    require(!cpu.fpu_owner || !cpu.fpu_owner->fpu_disabled, "the FPU belongs to a thread that may not use it");
    if (!guest) {
        require(machine_state.fpu_enabled == !current.fpu_disabled, "the FPU is on or off against the thread's flag");
        if (machine_state.fpu_enabled) {
            require(cpu.fpu_owner == &current, "the FPU holds another thread's state");
            Tcb const* user; // who put its mark there: see system_call
            __builtin_memcpy(&user, machine_state.fpu + 160, sizeof user);
            require(!user || user == &current, "the FPU holds what another thread left there");
        }
    }
    require(machine_state.tick_runs == cpu.tick_runs, "the tick runs, or not, without the kernel's knowledge");
    bool const shares = world().kernel.scheduler.has_peer(current);
    require(cpu.tick_runs || &current == &cpu.idle || !shares, "no tick ends a time slice that others wait for");
    if (guest) check_entry(current);
}

} // namespace fuzz
