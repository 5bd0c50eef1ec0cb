// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

// unpack(pack(x)) == x, seen through a second pack().
template <class Kind> void expect_same(Kind const& kind) {
    Cap const cap = kind;
    ASSERT_EQ(cap.type(), Kind::type);
    EXPECT_FALSE(cap.is_null());
    ASSERT_TRUE(cap.as<Kind>());
    EXPECT_EQ(cap.as<Kind>()->pack(), kind.pack());
}

template <class T> T* at(u64 address) { return reinterpret_cast<T*>(address); }

constexpr u64 host = 0x00007ffef5700440;
constexpr u64 kernel_window = 0xffffff8012345680;

} // namespace

TEST(Cap, IsUnpackedAsItWasPacked) {
    UntypedCap const untyped{{0x123450}, 47, true, 0x7ffffffffff0};
    expect_same(untyped);
    EXPECT_EQ(UntypedCap::unpack(untyped.pack()).free_offset, 0x7ffffffffff0u);
    EXPECT_EQ(UntypedCap::unpack(untyped.pack()).size_bits, 47u);
    EXPECT_EQ(UntypedCap::unpack(untyped.pack()).base, PhysAddr{0x123450});
    EXPECT_TRUE(UntypedCap::unpack(untyped.pack()).device);

    for (u64 const address : {host, kernel_window}) {
        EndpointCap const endpoint{at<Endpoint>(address), ~u64{0}, CapRights::from_abi(13)};
        expect_same(endpoint);
        EXPECT_EQ(EndpointCap::unpack(endpoint.pack()).object, endpoint.object);
        EXPECT_EQ(EndpointCap::unpack(endpoint.pack()).badge, ~u64{0});
        EXPECT_EQ(EndpointCap::unpack(endpoint.pack()).rights.to_abi(), 13u);
        expect_same(NotificationCap{at<Notification>(address), 7, CapRights::from_abi(3)});
        ReplyCap const reply{at<Tcb>(address), true, false};
        expect_same(reply);
        EXPECT_TRUE(ReplyCap::unpack(reply.pack()).can_grant);
        EXPECT_FALSE(ReplyCap::unpack(reply.pack()).master);
        CNodeCap const cnode{at<Slot>(address), 42, 22, 0x3fffff};
        expect_same(cnode);
        EXPECT_EQ(CNodeCap::unpack(cnode.pack()).slots, cnode.slots);
        EXPECT_EQ(CNodeCap::unpack(cnode.pack()).guard, 0x3fffffu);
        EXPECT_EQ(CNodeCap::unpack(cnode.pack()).guard_size, 22u);
        EXPECT_EQ(CNodeCap::unpack(cnode.pack()).radix, 42u);
        expect_same(TcbCap{at<Tcb>(address)});
        EXPECT_EQ(TcbCap::unpack(TcbCap{at<Tcb>(address)}.pack()).object, at<Tcb>(address));
        expect_same(VcpuCap{at<Vcpu>(address)});
        ZombieCap const zombie{at<Slot>(address), true, 0, 6};
        expect_same(zombie);
        EXPECT_EQ(ZombieCap::unpack(zombie.pack()).slots, zombie.slots);
        EXPECT_EQ(ZombieCap::unpack(zombie.pack()).count, 6u);
        auto* const table = at<PageTable>(address & ~u64{0xfff});
        PdptCap const pdpt{table, true, Asid{4095}, u64{255} << 39};
        expect_same(pdpt);
        EXPECT_EQ(PdptCap::unpack(pdpt.pack()).table, table);
        EXPECT_EQ(PdptCap::unpack(pdpt.pack()).address, u64{255} << 39);
        EXPECT_EQ(PdptCap::unpack(pdpt.pack()).asid, Asid{4095});
        expect_same(PageTableCap{table, false, {}, 0});
        expect_same(PageDirectoryCap{table, true, Asid{1}, 0x40000000});
        expect_same(Pml4Cap{table, true, Asid{2}, 0});
        expect_same(EptPml4Cap{table, true, Asid{3}, 0});
        AsidPoolCap const pool{at<AsidPool>(address & ~u64{0xfff}), 7};
        expect_same(pool);
        EXPECT_EQ(AsidPoolCap::unpack(pool.pack()).index, 7u);
    }

    for (PageSize const size : {PageSize::small, PageSize::large, PageSize::huge}) {
        for (FrameRights const rights : {FrameRights::kernel_only, FrameRights::read_only, FrameRights::read_write}) {
            FrameCap const frame{{0x7fffc0000000}, size, rights, true, MappedIn::address_space, Asid{4095}, 0x7ffffffff000};
            expect_same(frame);
            FrameCap const same = FrameCap::unpack(frame.pack());
            EXPECT_EQ(same.base, frame.base);
            EXPECT_EQ(same.size, size);
            EXPECT_EQ(same.rights, rights);
            EXPECT_EQ(same.address, 0x7ffffffff000u);
            EXPECT_EQ(same.asid, Asid{4095});
            EXPECT_EQ(same.mapped_in, MappedIn::address_space);
        }
    }
    expect_same(IrqHandlerCap{107});
    EXPECT_EQ(IrqHandlerCap::unpack(IrqHandlerCap{107}.pack()).vector, 107u);
    expect_same(IoPortCap{0x3f8, 0xffff});
    EXPECT_EQ(IoPortCap::unpack(IoPortCap{0x3f8, 0xffff}.pack()).last, 0xffffu);
    expect_same(IrqControlCap{});
    expect_same(DomainCap{});
    expect_same(AsidControlCap{});
    expect_same(IoPortControlCap{});
}

TEST(Cap, OfAnotherKindIsNone) {
    Cap const cap = TcbCap{at<Tcb>(host & ~u64{0x7ff})};
    EXPECT_FALSE(cap.as<EndpointCap>());
    EXPECT_TRUE(Cap{}.is_null());
    EXPECT_FALSE(Cap{}.as<UntypedCap>());
}

TEST(CapRights, AreOnlyTakenAway) {
    auto const all = CapRights::all();
    EXPECT_EQ((all & CapRights::from_abi(5)).to_abi(), 5u);
    EXPECT_EQ(CapRights::from_abi(0xfff0).to_abi(), 0u);
    EXPECT_TRUE(CapRights::from_abi(4).call() && CapRights::from_abi(8).call() && !CapRights::from_abi(3).call());
}

TEST(CapRights, OfFramesHaveThreeLevels) {
    using enum FrameRights;
    auto const masked = [](FrameRights present, u64 mask) { return mask_frame_rights(present, CapRights::from_abi(mask)); };
    EXPECT_EQ(masked(read_write, 3), read_write);
    EXPECT_EQ(masked(read_write, 2), read_only);
    EXPECT_EQ(masked(read_write, 1), kernel_only); // write alone does not exist
    EXPECT_EQ(masked(read_write, 0), kernel_only);
    EXPECT_EQ(masked(read_only, 3), read_only);
    EXPECT_EQ(masked(read_only, 1), kernel_only);
    EXPECT_EQ(masked(kernel_only, 3), kernel_only);
}
