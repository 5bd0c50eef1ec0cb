// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

#include <new>

#include "kernel/capability/derivation.hpp"
#include "kernel/objects.hpp"

using namespace abi::initial_slot;

TestKernel::TestKernel(Options const& options) : kernel(options.kernel), root_radix_(options.root_radix) {
    root_cnode_ = reinterpret_cast<Slot*>(take(root_radix_ + Slot::size_bits));
    auto const set = [&](CPtr to, Cap const& cap) { DerivationList::insert_root(cap, slot(to)); };
    set(abi::initial_slot::cnode, CNodeCap{root_cnode_, root_radix_, root_guard(), 0});
    auto* const pml4 = reinterpret_cast<PageTable*>(take(abi::size_bits::page_table));
    machine::add_kernel_part(pml4->entries);
    auto* const pool = reinterpret_cast<AsidPool*>(take(abi::size_bits::asid_pool));
    kernel.asids.set_pool(0, pool);
    kernel.asids.assign(Asid{1}, pml4);
    set(vspace, Pml4Cap{pml4, true, Asid{1}, 0});
    set(asid_pool, AsidPoolCap{pool, 0});
    set(irq_control, IrqControlCap{});
    set(asid_control, AsidControlCap{});
    set(io_port_control, IoPortControlCap{});
    set(domain, DomainCap{});
    set(ipc_buffer_frame, FrameCap{machine::physical(take(12)), PageSize::small, FrameRights::read_write, false,
                                   MappedIn::nothing, {}, 0});
    Tcb& thread = make_thread(tcb, ipc_buffer_frame, abi::priorities - 1);
    thread.set_name("root");
    root_ = std::make_unique<Thread>(*this, tcb, thread);
    thread.state = ThreadState::running;
    EXPECT_EQ(&kernel.start(cpu, thread), &thread);
}

std::byte* TestKernel::take(unsigned size_bits) {
    u64 const start = PhysAddr{next_memory_}.align_up(size_bits).value;
    next_memory_ = start + (u64{1} << size_bits);
    EXPECT_LE(next_memory_, outside) << "the world's own memory is used up";
    return machine::window({start});
}

Tcb& TestKernel::make_thread(CPtr cptr, CPtr buffer_frame, u8 priority) {
    Tcb* const thread = new (take(Tcb::size_bits)) Tcb;
    DerivationList::insert_root(TcbCap{thread}, slot(cptr));
    auto const install = [&](CPtr from, Tcb::SlotIndex to) {
        DerivationList::insert(cap(from), slot(from), thread->slot(to));
    };
    install(abi::initial_slot::cnode, Tcb::cspace);
    install(vspace, Tcb::vspace);
    install(buffer_frame, Tcb::ipc_buffer);
    DerivationList::insert_root(ReplyCap{thread, true, true}, thread->slot(Tcb::reply_master));
    thread->ipc_buffer_address = 0x10000000;
    thread->priority = priority;
    thread->max_priority = abi::priorities - 1;
    thread->context.next_ip = 0x400000;
    thread->registers().rip = 0x400000;
    return *thread;
}

Thread& TestKernel::thread(u8 priority) {
    CPtr const buffer = frame();
    CPtr const cptr = next_slot();
    Tcb& thread = make_thread(cptr, buffer, priority);
    thread.set_name("thread");
    thread.state = ThreadState::running;
    kernel.scheduler.append(thread);
    return *threads_.emplace_back(std::make_unique<Thread>(*this, cptr, thread));
}

CPtr TestKernel::put(Cap const& cap) {
    CPtr const to = next_slot();
    DerivationList::insert_root(cap, slot(to));
    return to;
}

CPtr TestKernel::untyped(unsigned size_bits, bool device) {
    PhysAddr const base = PhysAddr{next_untyped_}.align_up(size_bits);
    next_untyped_ = base.value + (u64{1} << size_bits);
    return put(UntypedCap{base, size_bits, device, 0});
}

CPtr TestKernel::object(ObjectType type, u64 size_bits) {
    std::byte* const memory = take(objects::size_bits(type, size_bits));
    return put(objects::create(type, machine::physical(memory), size_bits, false, root().tcb()));
}

// The kernel switches as it always does; only the priorities are as they must be for that, for a moment.
void TestKernel::run(Tcb& thread) {
    Tcb& before = current();
    if (&before == &thread) return;
    ASSERT_TRUE(thread.runnable()) << "a thread that cannot run was to make a system call";
    u8 const own = thread.priority;
    u8 const other = before.priority;
    auto const set = [&](Tcb& changed, u8 priority) {
        bool const queued = changed.in_ready_queue;
        kernel.scheduler.dequeue(changed);
        changed.priority = priority;
        if (queued) kernel.scheduler.enqueue(changed);
    };
    if (before.priority == abi::priorities - 1) set(before, abi::priorities - 2);
    set(thread, abi::priorities - 1);
    EXPECT_EQ(&kernel.start(cpu, thread), &thread);
    thread.priority = own;
    set(before, other);
}

void TestKernel::handle(Event const& event) {
    static_cast<void>(kernel.handle(cpu, event));
    if (!checking) return;
    std::string const wrong = inconsistency();
    if (!wrong.empty()) FAIL() << wrong << "\n" << derivations();
}

void TestKernel::fault(Event const& event) {
    current().registers().rip = current().context.next_ip;
    current().context.restore_all = 1;
    handle(event);
}

CPtr TestKernel::retype(CPtr untyped, ObjectType type, u64 size_bits, u64 count) {
    CPtr const first = next_slot_;
    next_slot_ += count;
    EXPECT_EQ(try_retype(untyped, type, size_bits, first, count), success);
    return first;
}
CPtr TestKernel::copy(CPtr from, u64 rights) {
    CPtr const to = next_slot();
    EXPECT_EQ(try_copy(to, from, rights), success);
    return to;
}
CPtr TestKernel::mint(CPtr from, u64 data, u64 rights) {
    CPtr const to = next_slot();
    EXPECT_EQ(try_mint(to, from, data, rights), success);
    return to;
}
CPtr TestKernel::move(CPtr from) {
    CPtr const to = next_slot();
    EXPECT_EQ(try_move(to, from), success);
    return to;
}
void TestKernel::revoke(CPtr cap) { EXPECT_EQ(invoke(abi::initial_slot::cnode, Label::cnode_revoke, {cap, 64}), success); }
void TestKernel::remove(CPtr cap) { EXPECT_EQ(try_remove(cap), success); }

Answer TestKernel::try_retype(CPtr untyped, ObjectType type, u64 size_bits, CPtr first, u64 count) {
    return invoke(untyped, Label::untyped_retype, {static_cast<u64>(type), size_bits, 0, 0, first, count},
                  {abi::initial_slot::cnode});
}
Answer TestKernel::try_copy(CPtr to, CPtr from, u64 rights) {
    return invoke(abi::initial_slot::cnode, Label::cnode_copy, {to, 64, from, 64, rights}, {abi::initial_slot::cnode});
}
Answer TestKernel::try_mint(CPtr to, CPtr from, u64 data, u64 rights) {
    return invoke(abi::initial_slot::cnode, Label::cnode_mint, {to, 64, from, 64, rights, data}, {abi::initial_slot::cnode});
}
Answer TestKernel::try_move(CPtr to, CPtr from) {
    return invoke(abi::initial_slot::cnode, Label::cnode_move, {to, 64, from, 64}, {abi::initial_slot::cnode});
}
Answer TestKernel::try_mutate(CPtr to, CPtr from, u64 data) {
    return invoke(abi::initial_slot::cnode, Label::cnode_mutate, {to, 64, from, 64, data}, {abi::initial_slot::cnode});
}
Answer TestKernel::try_remove(CPtr cap) { return invoke(abi::initial_slot::cnode, Label::cnode_delete, {cap, 64}); }

Answer TestKernel::map_table(CPtr table, u64 address) {
    CapType const type = cap(table).type();
    Label const label = type == CapType::pdpt             ? Label::x86_pdpt_map
                        : type == CapType::page_directory ? Label::x86_page_directory_map
                                                          : Label::x86_page_table_map;
    return invoke(table, label, {address, 0}, {vspace});
}
Answer TestKernel::map_frame(CPtr frame, u64 address, u64 rights, u64 attributes) {
    return invoke(frame, Label::x86_page_map, {address, rights, attributes}, {vspace});
}
void TestKernel::map_tables(u64 address) {
    for (ObjectType const type : {ObjectType::pdpt, ObjectType::page_directory, ObjectType::page_table})
        EXPECT_EQ(map_table(object(type), address), success);
}
