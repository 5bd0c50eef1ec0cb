// SPDX-License-Identifier: Apache-2.0
// What must hold between any two events, whatever users did: of the derivation lists, of the memory behind capabilities, of
// threads and the queues they wait in, and of page tables.
#include <algorithm>
#include <sstream>

#include "kernel/capability/derivation.hpp"
#include "kernel/capability/extent.hpp"
#include "kernel/device/vcpu.hpp"
#include "kernel/memory/address_space.hpp"
#include "kernel/testing/test_kernel.hpp"

struct SchedulerInspector {
    Scheduler const& scheduler;
    ThreadQueue const& queue(unsigned domain, unsigned priority) const { return scheduler.ready_[domain][priority]; }
    bool bit(unsigned domain, unsigned priority) const {
        return (scheduler.occupied_[domain].priorities[priority / 64] >> (priority % 64)) & 1;
    }
    bool decided() const { return !scheduler.candidate_ && !scheduler.choose_new_; }
};

namespace {

struct Wrong {
    std::string what;
};

template <class... Parts> void require(bool holds, Parts const&... parts) {
    if (holds) [[likely]] return;
    std::ostringstream out;
    (out << ... << parts);
    throw Wrong{out.str()};
}

template <class T> void add_once(std::vector<T>& to, T what) {
    if (std::find(to.begin(), to.end(), what) == to.end()) to.push_back(what);
}
template <class T> bool contains(std::vector<T> const& in, T what) { return std::find(in.begin(), in.end(), what) != in.end(); }

class Checker {
public:
    explicit Checker(TestKernel& world) : world_(world), kernel_(world.kernel) {}

    void check() {
        collect();
        check_lists();
        check_memory();
        check_threads();
        check_ready_queues();
        check_waiting_queues();
        check_address_spaces();
        check_tables_of_kernel();
    }

    // New objects are made there without looking; and a write to an object that is gone shows there sooner or later.
    void check_unused_memory() {
        collect();
        for (Slot const* const slot : slots_) {
            auto const untyped = slot->cap().as<UntypedCap>();
            if (!untyped || untyped->device || untyped->free_bytes() == 0) continue;
            std::byte const* const start = machine::window(untyped->base + untyped->free_offset);
            std::byte const* const end = start + untyped->free_bytes();
            std::byte const* const dirty = std::find_if(start, end, [](std::byte byte) { return byte != std::byte{}; });
            require(dirty == end, "unused memory is not clear at ", untyped->base.value, " + ",
                    untyped->free_offset + static_cast<u64>(dirty - start));
        }
    }

private:
    // Every slot there is: in CNodes and TCBs that a capability names, in the kernel's interrupt table, and in the lists.
    void collect() {
        add_slots(&world_.slot(0), world_.root_size());
        for (unsigned i = 0; i < IrqTable::vectors; ++i) add_slot(kernel_.irqs.notification(i));
        for (std::size_t i = 0; i < slots_.size(); ++i) look_into(*slots_[i]);
    }
    void add_slots(Slot* slots, u64 count) {
        if (contains(nodes_, slots)) return;
        nodes_.push_back(slots);
        for (u64 i = 0; i < count; ++i) add_slot(slots[i]);
    }
    void add_slot(Slot& slot) {
        if (!slot.empty()) return add_found(slot);
        require(!slot.previous() && !slot.next() && !slot.original() && !slot.first_badged(), "an empty slot has links");
    }
    void add_found(Slot& slot) {
        auto const place = std::lower_bound(sorted_.begin(), sorted_.end(), &slot);
        if (place != sorted_.end() && *place == &slot) return;
        sorted_.insert(place, &slot);
        slots_.push_back(&slot);
    }
    void look_into(Slot& slot) {
        Cap const& cap = slot.cap();
        for (Slot* const neighbour : {slot.previous(), slot.next()}) {
            if (!neighbour) continue;
            require(!neighbour->empty(), "a link leads to an empty slot");
            add_found(*neighbour);
        }
        switch (cap.type()) {
        case CapType::cnode: add_slots(cap.get<CNodeCap>().slots, cap.get<CNodeCap>().size()); break;
        case CapType::zombie: {
            auto const zombie = cap.get<ZombieCap>();
            add_slots(zombie.slots, zombie.count);
            if (zombie.of_tcb) add_once(tcbs_, reinterpret_cast<Tcb*>(reinterpret_cast<u64>(zombie.slots) >> Tcb::size_bits
                                                                                                           << Tcb::size_bits));
            break;
        }
        case CapType::tcb:
            add_once(tcbs_, cap.get<TcbCap>().object);
            add_slots(cap.get<TcbCap>().object->slots, Tcb::slot_count);
            break;
        case CapType::endpoint: add_once(endpoints_, cap.get<EndpointCap>().object); break;
        case CapType::notification: add_once(notifications_, cap.get<NotificationCap>().object); break;
        case CapType::frame: frames_.push_back(cap.get<FrameCap>()); break;
        case CapType::vcpu: add_once(vcpus_, cap.get<VcpuCap>().object); break;
        default: break;
        }
    }

    void check_lists() {
        std::size_t seen = 0;
        for (Slot* const slot : slots_) {
            require(!slot->next() || slot->next()->previous() == slot, "the next slot does not lead back");
            require(!slot->previous() || slot->previous()->next() == slot, "the previous slot does not lead here");
            require(!slot->original() || slot->first_badged(), "an original that is not the first of its badge");
            check_badge(*slot);
            if (slot->previous()) continue;
            for (Slot* at = slot; at; at = at->next()) require(++seen <= slots_.size(), "a list of slots has a cycle");
        }
        require(seen == slots_.size(), "a ring of slots without a head");
    }

    // Capabilities with one badge stand together, and the first says so: revoking stops there.
    static void check_badge(Slot const& slot) {
        bool const badged = slot.cap().is<EndpointCap>() || slot.cap().is<NotificationCap>();
        if (!badged || slot.cap().raw().low == 0 || slot.first_badged()) return;
        Slot const* const before = slot.previous();
        require(before && same_object(before->cap(), slot.cap()) && before->cap().raw().low == slot.cap().raw().low,
                "the first capability with a badge is not marked");
    }

    // Objects from untyped memory lie inside what the nearest untyped above them handed out, and do not overlap, but for pages that
    // were carved out of a frame.
    void check_memory() {
        std::vector<std::pair<Extent, Slot const*>> extents;
        for (Slot const* const head : slots_) {
            if (head->previous()) continue;
            std::vector<Slot const*> ancestors;
            for (Slot const* at = head; at; at = at->next()) {
                while (!ancestors.empty() && !DerivationList::is_parent_of(*ancestors.back(), *at)) ancestors.pop_back();
                auto const extent = extent_of(at->cap());
                if (extent && at->previous() && extent->start >= TestKernel::outside) check_inside(*extent, ancestors);
                if (extent && !at->cap().is<UntypedCap>()) extents.push_back({*extent, at});
                if (auto const untyped = at->cap().as<UntypedCap>()) { // what it can hand out is its own: without children, all
                    u64 const from = DerivationList::first_child(*at) ? untyped->free_offset : 0;
                    if (from < untyped->size()) extents.push_back({{extent->start + from, extent->end}, at});
                }
                ancestors.push_back(at);
            }
        }
        std::sort(extents.begin(), extents.end(), [](auto const& one, auto const& two) {
            return std::pair(one.first.start, two.first.end) < std::pair(two.first.start, one.first.end);
        });
        auto const* outer = extents.empty() ? nullptr : &extents.front();
        for (auto const& next : extents) {
            auto const& [extent, slot] = next;
            auto const& [before, other] = *outer;
            bool const same = extent.start == before.start && extent.end == before.end && same_object(slot->cap(), other->cap());
            bool const carved = slot->cap().is<FrameCap>() && other->cap().is<FrameCap>() && before.contains(extent);
            require(&next == outer || same || carved || before.end <= extent.start, "memory has two owners at ", extent.start);
            if (!carved) outer = &next;
        }
    }
    static void check_inside(Extent const& extent, std::vector<Slot const*> const& ancestors) {
        for (auto at = ancestors.rbegin(); at != ancestors.rend(); ++at) {
            auto const untyped = (*at)->cap().as<UntypedCap>();
            if (!untyped) continue;
            bool const below = untyped->base.value <= extent.start && extent.end <= untyped->base.value + untyped->free_offset;
            return require(below, "an object lies above what its untyped handed out, at ", extent.start);
        }
        throw Wrong{"an object without an untyped above it"};
    }

    void check_threads() {
        Cpu const& cpu = world_.cpu;
        require(cpu.current == &cpu.idle || contains(tcbs_, cpu.current), "the running thread does not exist any more");
        require(!cpu.fpu_owner || contains(tcbs_, cpu.fpu_owner), "the FPU belongs to a thread that does not exist any more");
        for (Tcb* const tcb : tcbs_) {
            require(tcb->state != ThreadState::idle, "a user's thread is idle");
            bool const waits = tcb->runnable() && tcb != cpu.current;
            require(tcb->in_ready_queue == waits, waits ? "a runnable thread is in no ready queue" : "a thread is in a ready queue");
            check_blocking(*tcb);
            bool const answers = tcb->state == ThreadState::blocked_on_send || tcb->state == ThreadState::blocked_on_reply;
            require(!tcb->fault || answers, "a thread that waits for no handler has a fault");
            require(!tcb->bound_notification || tcb->bound_notification->bound() == tcb, "a notification is bound one way");
            require(!tcb->bound_notification || contains(notifications_, tcb->bound_notification), "bound to a dead notification");
            require(!tcb->vcpu || (contains(vcpus_, tcb->vcpu) && tcb->vcpu->thread() == tcb), "a Vcpu is bound one way");
            require(tcb->vcpu || tcb->state != ThreadState::running_vm, "a thread without a Vcpu is in VMEnter");
            check_slots_of(*tcb);
        }
        for (Vcpu const* const vcpu : vcpus_)
            require(!vcpu->thread() || (contains(tcbs_, vcpu->thread()) && vcpu->thread()->vcpu == vcpu), "a dead thread's Vcpu");
    }
    void check_blocking(Tcb& tcb) const {
        switch (tcb.state) {
        case ThreadState::blocked_on_send:
        case ThreadState::blocked_on_receive:
            return require(contains(endpoints_, static_cast<Endpoint*>(tcb.blocking_object)), "blocked on a dead endpoint");
        case ThreadState::blocked_on_notification:
            return require(contains(notifications_, static_cast<Notification*>(tcb.blocking_object)), "blocked on a dead notification");
        default: break;
        }
        require(!tcb.blocking_object, "a thread that is not blocked knows what it is blocked on");
        require(tcb.in_ready_queue || (!tcb.queue_next && !tcb.queue_previous), "a thread in no queue has links");
    }
    void check_slots_of(Tcb& tcb) {
        auto const holds = [&](Tcb::SlotIndex index, auto is) { return tcb.slot(index).empty() || is(tcb.cap(index)); };
        auto const zombie = [](Cap const& cap) { return cap.is<ZombieCap>(); };
        require(holds(Tcb::cspace, [&](Cap const& cap) { return cap.is<CNodeCap>() || zombie(cap); }), "CSpace holds no CNode");
        require(holds(Tcb::vspace, [&](Cap const& cap) { return cap.is<Pml4Cap>() || zombie(cap); }), "VSpace holds no PML4");
        require(holds(Tcb::ipc_buffer, [&](Cap const& cap) { return cap.is<FrameCap>() || zombie(cap); }), "buffer is no frame");
        for (auto const root : {Tcb::ept_root, Tcb::shared_root})
            require(holds(root, [&](Cap const& cap) { return cap.is<EptPml4Cap>() || zombie(cap); }), "a guest's root is no EPT PML4");
    }

    static void check_links(ThreadQueue const& queue) {
        Tcb* before = nullptr;
        unsigned count = 0;
        for (Tcb* at = queue.head(); at; before = at, at = at->queue_next) {
            require(at->queue_previous == before, "a queue of threads is not linked both ways");
            require(++count < 10000, "a queue of threads has a cycle");
        }
    }
    void check_ready_queues() const {
        SchedulerInspector const scheduler{kernel_.scheduler};
        require(scheduler.decided(), "the scheduler left a decision open");
        for (unsigned domain = 0; domain < abi::domains; ++domain) {
            for (unsigned priority = 0; priority < abi::priorities; ++priority) {
                ThreadQueue const& queue = scheduler.queue(domain, priority);
                require(scheduler.bit(domain, priority) == !queue.empty(), "the bitmap is wrong for priority ", priority);
                if (queue.empty()) continue;
                check_links(queue);
                for (Tcb* at = queue.head(); at; at = at->queue_next) {
                    require(contains(tcbs_, at), "a thread that does not exist is ready");
                    require(at->in_ready_queue && at->priority == priority && at->domain == domain, "ready in the wrong queue");
                }
            }
        }
    }

    // `queued`: threads in the queue. Each is in the state that the queue stands for, and blocked on it.
    void check_waiters(Tcb* head, void* object, ThreadState state) {
        for (Tcb* at = head; at; at = at->queue_next) {
            require(contains(tcbs_, at), "a thread that does not exist waits");
            require(at->state == state && at->blocking_object == object, "a thread waits in a queue without being blocked on it");
            ++waiting_;
            require(waiting_ <= tcbs_.size(), "a thread waits in two queues");
        }
    }
    void check_waiting_queues() {
        for (Endpoint* const endpoint : endpoints_) {
            bool const sending = endpoint->state() == Endpoint::State::sending;
            require((endpoint->state() == Endpoint::State::idle) == !endpoint->head(), "an endpoint's state is not its queue's");
            check_waiters(endpoint->head(), endpoint, sending ? ThreadState::blocked_on_send : ThreadState::blocked_on_receive);
        }
        for (Notification* const notification : notifications_) {
            bool const waiting = notification->state() == Notification::State::waiting;
            require(waiting == (notification->head() != nullptr), "a notification's state is not its queue's");
            check_waiters(notification->head(), notification, ThreadState::blocked_on_notification);
            Tcb* const bound = notification->bound();
            require(!bound || (contains(tcbs_, bound) && bound->bound_notification == notification), "bound to a dead thread");
        }
        std::size_t blocked = 0;
        for (Tcb const* const tcb : tcbs_) blocked += tcb->blocking_object != nullptr;
        require(blocked == waiting_, "a blocked thread is in no queue");
        for (Slot const* const slot : slots_) {
            auto const reply = slot->cap().as<ReplyCap>();
            if (!reply) continue;
            require(contains(tcbs_, reply->caller), "a reply capability to a dead thread");
            Slot const* const master = &reply->caller->slot(Tcb::reply_master);
            if (reply->master) {
                require(master == slot, "a reply master has moved");
                continue;
            }
            require(reply->caller->state == ThreadState::blocked_on_reply, "a reply capability to a thread that waits for none");
            require(slot->previous() == master && !slot->next(), "a second reply capability for one call");
        }
    }

    void check_address_spaces() {
        for (unsigned i = 0; i < abi::asid_pools; ++i) {
            AsidPool const* const pool = kernel_.asids.pool(i);
            if (!pool) continue;
            require(has([&](Cap const& cap) { return cap.is<AsidPoolCap>() && cap.get<AsidPoolCap>().pool == pool; }),
                    "an ASID pool without a capability is in use");
            for (unsigned j = 0; j < abi::asids_per_pool; ++j) {
                if (!pool->roots[j]) continue;
                Asid const asid{static_cast<u16>(i * abi::asids_per_pool + j)};
                PageTable* const root = pool->roots[j];
                bool const nested = has([&](Cap const& cap) { return is_table<EptPml4Cap>(cap, root, asid, 0); });
                if (nested) {
                    walk(*root, asid, level_shift::pml4, 0, MappedIn::nested);
                    continue;
                }
                require(has([&](Cap const& cap) { return is_table<Pml4Cap>(cap, root, asid, 0); }), "an ASID without a PML4");
                require(root->entries[511] == HostMachine::kernel_entry, "a PML4 without the kernel part");
                walk(*root, asid, level_shift::pml4, 0, MappedIn::address_space);
            }
        }
    }
    template <class Kind> static bool is_table(Cap const& cap, PageTable const* table, Asid asid, u64 address) {
        auto const own = cap.as<Kind>();
        return own && own->mapped && own->table == table && own->asid == asid && own->address == address;
    }
    template <class Test> bool has(Test test) const {
        return std::any_of(slots_.begin(), slots_.end(), [&](Slot const* slot) { return test(slot->cap()); });
    }
    void walk(PageTable const& table, Asid asid, unsigned shift, u64 start, MappedIn kind) const {
        bool const nested = kind == MappedIn::nested;
        unsigned const entries = shift == level_shift::pml4 && !nested ? page_table_entries / 2 : page_table_entries;
        for (unsigned i = 0; i < entries; ++i) {
            PageEntry const entry{table.entries[i]};
            if (!entry.word) continue;
            u64 const address = start + (u64{i} << shift);
            if (shift == level_shift::page_table || entry.large()) {
                check_leaf(entry, asid, address, shift, kind);
                continue;
            }
            auto* const next = reinterpret_cast<PageTable*>(machine::window(entry.frame()));
            require(has([&](Cap const& cap) {
                        switch (shift) {
                        case level_shift::pml4:
                            return nested ? is_table<EptPdptCap>(cap, next, asid, address) : is_table<PdptCap>(cap, next, asid, address);
                        case level_shift::pdpt:
                            return nested ? is_table<EptPdCap>(cap, next, asid, address)
                                          : is_table<PageDirectoryCap>(cap, next, asid, address);
                        default:
                            return nested ? is_table<EptPtCap>(cap, next, asid, address) : is_table<PageTableCap>(cap, next, asid, address);
                        }
                    }),
                    "an entry leads to a table that no capability holds there, for address ", address);
            walk(*next, asid, shift - 9, address, kind);
        }
    }
    void check_leaf(PageEntry entry, Asid asid, u64 address, unsigned shift, MappedIn kind) const {
        bool const held = std::any_of(frames_.begin(), frames_.end(), [&](FrameCap const& frame) {
            bool const here = frame.mapped_in == kind && frame.asid == asid && frame.address == address;
            bool const frame_of_entry = (entry.word & PageEntry::Frame::mask & ~(frame.bytes() - 1)) == frame.base.value;
            bool const may_write = frame.rights == FrameRights::read_write || !PageEntry::Write::get(entry.word);
            return here && frame.size_bits() == shift && frame_of_entry && may_write;
        });
        require(held, "a page is mapped that no capability holds there, at address ", address);
    }

    void check_tables_of_kernel() const {
        bool handled[IrqTable::vectors]{};
        for (Slot const* const slot : slots_) {
            if (auto const handler = slot->cap().as<IrqHandlerCap>()) handled[handler->vector] = true;
            auto const ports = slot->cap().as<IoPortCap>();
            require(!ports || kernel_.io_ports.any_in_use(ports->first, ports->last), "ports of a capability count as free");
        }
        for (unsigned i = 0; i < IrqTable::vectors; ++i) {
            Cap const& kept = kernel_.irqs.notification(i).cap();
            require(kept.is_null() || kept.is<NotificationCap>(), "the interrupt table holds no notification");
            require(kernel_.irqs.in_use(i) == handled[i], "interrupt ", i,
                    handled[i] ? " has a handler but is free" : " is in use without a handler");
        }
    }

    TestKernel& world_;
    Kernel& kernel_;
    std::vector<Slot*> slots_;  // that hold something
    std::vector<Slot*> sorted_; // the same by address
    std::vector<Slot*> nodes_;  // CNodes and TCBs seen, by their first slot
    std::vector<Tcb*> tcbs_;
    std::vector<Endpoint*> endpoints_;
    std::vector<Notification*> notifications_;
    std::vector<FrameCap> frames_;
    std::vector<Vcpu*> vcpus_;
    std::size_t waiting_{};
};

} // namespace

namespace {

template <class Check> std::string text_of_wrong(Check check) {
    try {
        check();
    } catch (Wrong const& wrong) {
        return wrong.what;
    }
    return "";
}

} // namespace

std::string TestKernel::inconsistency() {
    return text_of_wrong([&] { Checker(*this).check(); });
}

std::string TestKernel::unclear_memory() {
    return text_of_wrong([&] { Checker(*this).check_unused_memory(); });
}
