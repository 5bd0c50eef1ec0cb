// SPDX-License-Identifier: Apache-2.0
// Page tables, pages and ASIDs as users see them: ABI 7.6 to 7.8.
#include "base/gtest.hpp"

#include "kernel/memory/address_space.hpp"
#include "kernel/testing/test_kernel.hpp"

namespace {

using abi::initial_slot::asid_control;
using abi::initial_slot::asid_pool;
using abi::initial_slot::cnode;
using abi::initial_slot::vspace;

struct PagingTest : testing::Test {
    TestKernel kernel;
    CPtr const pdpt = kernel.object(ObjectType::pdpt);
    CPtr const directory = kernel.object(ObjectType::page_directory);
    CPtr const table = kernel.object(ObjectType::page_table);
    CPtr const frame = kernel.frame();
    CPtr const to = kernel.next_slot();
    PageTable& root = *kernel.get<Pml4Cap>(vspace).table;
    static constexpr u64 address = 0x7000403000;
    static constexpr u64 bad_address = u64{1} << 47;

    u64 entry(u64 of, unsigned shift) {
        auto const found = find_entry(root, of, shift);
        return found ? **found : ~u64{0};
    }
    void map_all() {
        for (CPtr const structure : {pdpt, directory, table}) EXPECT_EQ(kernel.map_table(structure, address), success);
    }
    // A PML4 whose ASID pool is gone.
    CPtr stale_root() {
        auto const pool = kernel.next_slot();
        EXPECT_EQ(kernel.invoke(asid_control, Label::x86_asid_control_make_pool, {pool, 64}, {kernel.untyped(12), cnode}), success);
        auto const pml4 = kernel.object(ObjectType::pml4);
        EXPECT_EQ(kernel.invoke(pool, Label::x86_asid_pool_assign, {}, {pml4}), success);
        kernel.remove(pool);
        return pml4;
    }
};

} // namespace

TEST_F(PagingTest, StructuresAreMappedWithChecksInOrder) {
    auto const map = [&](Words words, std::vector<CPtr> caps) { return kernel.invoke(table, Label::x86_page_table_map, words, caps); };
    auto const fresh = kernel.object(ObjectType::pml4);
    EXPECT_EQ(kernel.invoke(table, Label::x86_pdpt_map, {address, 0}, {vspace}), illegal_operation);
    EXPECT_EQ(map({bad_address}, {fresh}), truncated);
    EXPECT_EQ(map({bad_address, 0}, {}), truncated);
    EXPECT_EQ(map({bad_address, 0}, {fresh}), invalid_capability(1));
    EXPECT_EQ(map({bad_address, 0}, {frame}), invalid_capability(1));
    EXPECT_EQ(map({bad_address, 0}, {stale_root()}), invalid_argument(0));
    EXPECT_EQ(map({address, 0}, {stale_root()}), invalid_root(Which::destination));
    EXPECT_EQ(map({address, 0}, {vspace}), missing(Which::destination, 39));
    EXPECT_EQ(kernel.map_table(pdpt, address), success);
    EXPECT_EQ(map({address, 0}, {vspace}), missing(Which::destination, 30));
    EXPECT_EQ(kernel.map_table(directory, address), success);
    EXPECT_EQ(map({address, 0}, {vspace}), success);
    EXPECT_EQ(map({address, 0}, {fresh}), invalid_capability(0));
    for (ObjectType const type : {ObjectType::pdpt, ObjectType::page_directory, ObjectType::page_table})
        EXPECT_EQ(kernel.map_table(kernel.object(type), address), delete_first);
    EXPECT_EQ(kernel.get<PageTableCap>(table).address, address & ~u64{0x1fffff});
    EXPECT_EQ(entry(address, 21), machine::physical(kernel.get<PageTableCap>(table).table).value | 0x27);
}

TEST_F(PagingTest, AStaleRootWhoseAsidIsAnothersIsRefused) {
    auto const stale = stale_root();
    auto const pool = kernel.next_slot();
    EXPECT_EQ(kernel.invoke(asid_control, Label::x86_asid_control_make_pool, {pool, 64}, {kernel.untyped(12), cnode}), success);
    auto const other = kernel.object(ObjectType::pml4);
    EXPECT_EQ(kernel.invoke(pool, Label::x86_asid_pool_assign, {}, {other}), success);
    EXPECT_EQ(kernel.invoke(pdpt, Label::x86_pdpt_map, {address, 0}, {stale}), invalid_capability(1));
    EXPECT_EQ(kernel.invoke(frame, Label::x86_page_map, {address, 3, 0}, {stale}), invalid_capability(1));
}

TEST_F(PagingTest, AStructureIsUnmappedWhole) {
    map_all();
    EXPECT_EQ(kernel.map_frame(frame, address), success);
    auto const copy = kernel.copy(table);
    EXPECT_EQ(kernel.invoke(table, Label::x86_page_table_unmap), revoke_first);
    kernel.remove(copy);
    kernel.machine.invalidations.clear();
    EXPECT_EQ(kernel.invoke(table, Label::x86_page_table_unmap), success);
    EXPECT_EQ(kernel.machine.invalidations, (std::vector<HostMachine::Invalidation>{{Asid{1}, {}}}));
    EXPECT_EQ(entry(address, 21), 0u);
    EXPECT_EQ(kernel.get<PageTableCap>(table).table->entries[3], 0u);
    EXPECT_EQ(kernel.invoke(table, Label::x86_page_table_unmap), success);
    EXPECT_EQ(kernel.map_table(table, address), success);
    EXPECT_EQ(kernel.map_frame(frame, address + 0x1000), invalid_argument(0)); // the page still counts as mapped
}

TEST_F(PagingTest, DeletingTheLastCapabilityUnmapsAStructure) {
    map_all();
    EXPECT_EQ(kernel.map_frame(frame, address), success);
    auto const copy = kernel.copy(directory);
    kernel.remove(directory);
    EXPECT_NE(entry(address, 30), 0u);
    kernel.remove(copy);
    EXPECT_EQ(entry(address, 30), 0u);
}

TEST_F(PagingTest, PagesAreMappedWithChecksInOrder) {
    auto const map = [&](Words words, std::vector<CPtr> caps) { return kernel.invoke(frame, Label::x86_page_map, words, caps); };
    EXPECT_EQ(kernel.invoke(frame, Label::x86_pdpt_map), illegal_operation);
    EXPECT_EQ(map({bad_address, 3}, {frame}), truncated);
    EXPECT_EQ(map({bad_address, 3, 0}, {}), truncated);
    EXPECT_EQ(map({bad_address, 3, 0}, {frame}), invalid_capability(1));
    EXPECT_EQ(map({bad_address + 1, 3, 0}, {vspace}), invalid_argument(0));
    EXPECT_EQ(map({bad_address - 0x1000, 3, 0}, {vspace}), invalid_argument(0)); // the last page cannot be mapped
    EXPECT_EQ(map({~u64{0xfff}, 3, 0}, {vspace}), invalid_argument(0));
    EXPECT_EQ(map({address + 1, 3, 0}, {stale_root()}), invalid_root(Which::destination));
    EXPECT_EQ(map({address + 1, 3, 0}, {vspace}), alignment_error);
    EXPECT_EQ(map({address, 3, 0}, {vspace}), missing(Which::destination, 39));
    EXPECT_EQ(kernel.map_table(pdpt, address), success);
    EXPECT_EQ(map({address, 3, 0}, {vspace}), missing(Which::destination, 30));
    EXPECT_EQ(kernel.map_table(directory, address), success);
    EXPECT_EQ(map({address, 3, 0}, {vspace}), missing(Which::destination, 21));
    EXPECT_EQ(kernel.map_table(table, address), success);
    EXPECT_EQ(map({address, 3, 0}, {vspace}), success);
    auto const other = kernel.object(ObjectType::pml4);
    EXPECT_EQ(kernel.invoke(asid_pool, Label::x86_asid_pool_assign, {}, {other}), success);
    EXPECT_EQ(map({bad_address, 3, 0}, {other}), invalid_capability(1));
    EXPECT_EQ(map({address + 0x1000, 3, 0}, {vspace}), invalid_argument(0));
}

TEST_F(PagingTest, EntriesSayWhatWasAskedFor) { // ABI 5.1, 5.5
    map_all();
    u64 const base = kernel.get<FrameCap>(frame).base.value;
    EXPECT_EQ(kernel.map_frame(frame, address, 3), success);
    EXPECT_EQ(entry(address, 12), base | 0x67);
    kernel.machine.invalidations.clear();
    EXPECT_EQ(kernel.map_frame(frame, address, 2, 7), success);
    EXPECT_EQ(entry(address, 12), base | 0x65 | 0x98);
    EXPECT_EQ(kernel.machine.invalidations, (std::vector<HostMachine::Invalidation>{{Asid{1}, VirtAddr{address}}}));
    EXPECT_EQ(kernel.map_frame(frame, address, 1), success);
    EXPECT_EQ(entry(address, 12), base | 0x61); // there, but not for the user
    EXPECT_EQ(kernel.map_frame(frame, address, 3, 1 << 16), success);
    EXPECT_EQ(entry(address, 12), base | 0x67 | u64{1} << 63);
    kernel.machine.execute_never = false;
    EXPECT_EQ(kernel.map_frame(frame, address, 3, 1 << 16), success);
    EXPECT_EQ(entry(address, 12), base | 0x67);
    EXPECT_EQ(kernel.get<FrameCap>(frame).rights, FrameRights::read_write);
    auto const reader = kernel.copy(frame, abi::right::read);
    EXPECT_EQ(kernel.map_frame(reader, address + 0x1000, 3), success);
    EXPECT_EQ(entry(address + 0x1000, 12), base | 0x65);
}

TEST_F(PagingTest, LargePagesTakeTheirLevel) {
    auto const untyped = kernel.untyped(22);
    auto const large = kernel.retype(untyped, ObjectType::large_page);
    EXPECT_EQ(kernel.map_table(pdpt, address), success);
    EXPECT_EQ(kernel.map_table(directory, address), success);
    u64 const start = address & ~u64{0x1fffff};
    EXPECT_EQ(kernel.map_frame(large, start, 3, 4), success);
    EXPECT_EQ(entry(start, 21), kernel.get<FrameCap>(large).base.value | 0xe7 | 0x1000);
    EXPECT_EQ(kernel.map_table(table, address), delete_first);
    EXPECT_EQ(kernel.map_frame(frame, address), missing(Which::destination, 21)); // in the way
    EXPECT_EQ(kernel.invoke(large, Label::x86_page_unmap), success);
    EXPECT_EQ(entry(start, 21), 0u);
    EXPECT_EQ(kernel.map_table(table, address), success);
    EXPECT_EQ(kernel.map_frame(large, start), delete_first);
    EXPECT_EQ(kernel.map_frame(large, start + 0x1000), alignment_error);
    FrameCap const huge_frame{{u64{1} << 30}, PageSize::huge, FrameRights::read_write, false, MappedIn::nothing, {}, 0};
    auto const huge = kernel.put(huge_frame);
    EXPECT_EQ(kernel.map_frame(huge, address & ~u64{0x3fffffff}), delete_first);
    EXPECT_EQ(kernel.map_frame(huge, 0x8040000000, 3), missing(Which::destination, 39));
    EXPECT_EQ(kernel.map_frame(huge, (address & ~u64{0x3fffffff}) + 0x40000000, 3, 4), success);
    EXPECT_EQ(entry(address + 0x40000000, 30), (u64{1} << 30) | 0xe7); // no PAT bit of its own
    kernel.remove(huge);
    EXPECT_EQ(entry(address + 0x40000000, 30), 0u);
}

TEST_F(PagingTest, UnmappingClearsOnlyTheOwnEntry) {
    map_all();
    EXPECT_EQ(kernel.invoke(frame, Label::x86_page_unmap), success); // not mapped
    EXPECT_EQ(kernel.map_frame(frame, address), success);
    auto const other = kernel.frame();
    EXPECT_EQ(kernel.map_frame(other, address), success); // silently replaces
    EXPECT_EQ(kernel.invoke(frame, Label::x86_page_unmap), success);
    EXPECT_EQ(entry(address, 12), kernel.get<FrameCap>(other).base.value | 0x67);
    EXPECT_EQ(kernel.get<FrameCap>(frame).mapped_in, MappedIn::nothing);
    kernel.remove(other);
    EXPECT_EQ(entry(address, 12), 0u);
}

TEST_F(PagingTest, GetAddressTellsThePhysicalAddress) {
    EXPECT_EQ(kernel.invoke(frame, Label::x86_page_get_address), returned({kernel.get<FrameCap>(frame).base.value}));
}

TEST_F(PagingTest, ARootHasNoInvocations) { EXPECT_EQ(kernel.invoke(vspace, Label::x86_pdpt_map, {0, 0}, {vspace}), illegal_operation); }

TEST_F(PagingTest, MakePoolChecksInOrder) {
    auto const make = [&](Words words, std::vector<CPtr> caps) {
        return kernel.invoke(asid_control, Label::x86_asid_control_make_pool, words, caps);
    };
    auto const untyped = kernel.untyped(12);
    auto const endpoint = kernel.retype(untyped, ObjectType::endpoint);
    EXPECT_EQ(kernel.invoke(asid_control, Label::x86_asid_pool_assign), illegal_operation);
    EXPECT_EQ(make({to}, {frame, frame}), truncated);
    EXPECT_EQ(make({frame, 65}, {frame}), truncated);
    EXPECT_EQ(make({frame, 65}, {frame, frame}), invalid_capability(1));
    EXPECT_EQ(make({frame, 65}, {kernel.untyped(13), frame}), invalid_capability(1));
    EXPECT_EQ(make({frame, 65}, {kernel.untyped(12, true), frame}), invalid_capability(1));
    EXPECT_EQ(make({frame, 65}, {untyped, frame}), revoke_first);
    kernel.remove(endpoint);
    EXPECT_EQ(make({frame, 65}, {untyped, frame}), invalid_root(Which::destination));
    EXPECT_EQ(make({frame, 65}, {untyped, cnode}), range_error(1, 64));
    EXPECT_EQ(make({frame, 64}, {untyped, cnode}), delete_first);
    EXPECT_EQ(make({to, 64}, {untyped, cnode}), success);
    EXPECT_EQ(kernel.get<AsidPoolCap>(to).index, 1u);
    EXPECT_EQ(kernel.get<UntypedCap>(untyped).free_offset, 4096u);
    for (unsigned i = 2; i < 8; ++i) EXPECT_EQ(make({kernel.next_slot(), 64}, {kernel.untyped(12), cnode}), success);
    EXPECT_EQ(make({to, 64}, {untyped, cnode}), delete_first); // all eight are in use
    kernel.revoke(untyped);
    EXPECT_TRUE(kernel.empty(to));
    EXPECT_EQ(make({to, 64}, {untyped, cnode}), success);
    EXPECT_EQ(kernel.get<AsidPoolCap>(to).index, 1u);
}

TEST_F(PagingTest, AssignChecksInOrder) {
    auto const assign = [&](CPtr pool, std::vector<CPtr> caps) { return kernel.invoke(pool, Label::x86_asid_pool_assign, {}, caps); };
    auto const pml4 = kernel.object(ObjectType::pml4);
    EXPECT_EQ(kernel.invoke(asid_pool, Label::x86_page_map), illegal_operation);
    EXPECT_EQ(assign(asid_pool, {}), truncated);
    EXPECT_EQ(assign(asid_pool, {frame}), invalid_capability(1));
    EXPECT_EQ(assign(asid_pool, {vspace}), invalid_capability(1));
    EXPECT_EQ(assign(asid_pool, {pml4}), success);
    EXPECT_EQ(kernel.get<Pml4Cap>(pml4).asid, Asid{2});
    EXPECT_EQ(assign(asid_pool, {pml4}), invalid_capability(1));
    EXPECT_EQ(assign(asid_pool, {stale_root()}), invalid_capability(1));
    auto const second = kernel.object(ObjectType::pml4);
    auto const gone = kernel.put(AsidPoolCap{kernel.get<AsidPoolCap>(asid_pool).pool, 3});
    EXPECT_EQ(assign(gone, {second}), invalid_root(Which::destination));
    kernel.checking = false; // another pool took the number, without a capability that a test could delete
    auto* const other_pool = reinterpret_cast<AsidPool*>(kernel.get<Pml4Cap>(second).table);
    kernel.slot(gone).update(AsidPoolCap{other_pool, 0});
    EXPECT_EQ(assign(gone, {second}), invalid_capability(0));
}

TEST_F(PagingTest, APoolGivesEachAsidOnce) {
    kernel.checking = false;
    auto const pml4 = kernel.object(ObjectType::pml4);
    PageTable* const table_of_root = kernel.get<Pml4Cap>(pml4).table;
    for (unsigned i = 2; i < 512; ++i) kernel.kernel.asids.assign(Asid{static_cast<u16>(i)}, table_of_root);
    EXPECT_EQ(kernel.invoke(asid_pool, Label::x86_asid_pool_assign, {}, {pml4}), delete_first);
}

TEST_F(PagingTest, AThreadWithoutAddressSpaceRunsInTheKernels) {
    Thread& thread = kernel.thread();
    auto const pml4 = kernel.object(ObjectType::pml4);
    EXPECT_EQ(kernel.invoke(asid_pool, Label::x86_asid_pool_assign, {}, {pml4}), success);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_space, {0, 0, 0}, {cnode, pml4}), success);
    kernel.run(thread.tcb());
    HostMachine::AddressSpace const own{machine::physical(kernel.get<Pml4Cap>(pml4).table), Asid{2}};
    EXPECT_EQ(kernel.machine.loads.back(), own);
    thread.invoke(cnode, Label::cnode_delete, {pml4, 64});
    EXPECT_EQ(kernel.machine.loads.back(), own); // the thread holds a copy
    kernel.machine.invalidations.clear();
    EXPECT_EQ(thread.invoke(cnode, Label::cnode_revoke, {asid_pool, 64}), success);
    EXPECT_EQ(thread.invoke(cnode, Label::cnode_delete, {asid_pool, 64}), success);
    EXPECT_EQ(kernel.machine.loads.back(), (HostMachine::AddressSpace{HostMachine::kernel_root, Asid{}}));
    EXPECT_EQ(kernel.machine.invalidations, (std::vector<HostMachine::Invalidation>{{Asid{1}, {}}, {Asid{2}, {}}}));
}

TEST_F(PagingTest, DeletingARootFreesItsAsid) {
    auto const pml4 = kernel.object(ObjectType::pml4);
    EXPECT_EQ(kernel.invoke(asid_pool, Label::x86_asid_pool_assign, {}, {pml4}), success);
    kernel.remove(pml4);
    EXPECT_EQ(kernel.kernel.asids.root(Asid{2}), nullptr);
    EXPECT_EQ(kernel.machine.invalidations.back(), (HostMachine::Invalidation{Asid{2}, {}}));
}
