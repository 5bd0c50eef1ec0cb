// SPDX-License-Identifier: Apache-2.0
// The first thread and what it is told: ABI sections 2 and 3.
#include "kernel/boot/root_task.hpp"

#include "base/gtest.hpp"

#include <cstring>
#include <vector>

#include "abi/boot_info.hpp"
#include "kernel/capability/lookup.hpp"
#include "kernel/machine/host/host_machine.hpp"
#include "kernel/memory/address_space.hpp"
#include "kernel/testing/hand_made_elf.hpp"

namespace {

using namespace abi::initial_slot;

struct RootTaskTest : testing::Test {
    HostMachine machine;
    Kernel kernel;
    Cpu cpu;
    Environment environment;
    HandMadeElf elf;
    static constexpr u64 module_start = 0x400000;
    static constexpr u64 ram_end = 0x4000000;

    void SetUp() override {
        environment.ram.push({{0x100000}, {ram_end}});
        environment.kernel_image = {{0x100000}, {0x180000}};
        environment.boot_only = {{0x100000}, {0x110000}};
        environment.kernel_devices.push({{0xfee00000}, {0xfee01000}});
        environment.loader_map.push({20, 0x100000, ram_end - 0x100000, 1});
        std::memcpy(environment.rsdp, "RSD PTR ", 8);
        environment.has_rsdp = true;
        environment.tsc_mhz = 2400;
        elf.segments = {{1, 0x400000, 0x3000, {1, 2, 3}}};
        elf.entry = 0x400010;
    }
    std::expected<Tcb*, BootError> boot() {
        auto const file = elf.file();
        std::memcpy(::machine::window({module_start}), file.data(), file.size());
        std::memset(::machine::window({0x800000}), 0xee, 0x1000); // what the firmware left
        environment.root_module = {{module_start}, {module_start + file.size()}};
        return boot_root_task(kernel, environment);
    }
    static Cap const& cap(Tcb& thread, u64 slot) { return lookup_slot(thread.cap(Tcb::cspace), slot, 64)->slot->cap(); }
    static std::byte* at(Tcb& thread, u64 address) {
        auto const entry = find_entry(*thread.cap(Tcb::vspace).get<Pml4Cap>().table, address, 12);
        return ::machine::window(PageEntry{**entry}.frame() + address % 4096);
    }
};

} // namespace

TEST_F(RootTaskTest, TheThreadIsReadyToRun) {
    Tcb& thread = **boot();
    EXPECT_EQ(thread.registers().rip, 0x400010u);
    EXPECT_EQ(thread.registers().rdi, 0x404000u);
    EXPECT_EQ(thread.registers().rflags, 0x202u);
    EXPECT_EQ(thread.registers().rsp, 0u);
    EXPECT_TRUE(thread.priority == 255 && thread.max_priority == 255 && thread.fault_handler == 0);
    EXPECT_EQ(thread.ipc_buffer_address, 0x403000u);
    EXPECT_STREQ(thread.name, "rootserver");
    EXPECT_EQ(&kernel.start(cpu, thread), &thread);
    EXPECT_EQ(machine.loads.back().asid, Asid{1});
    EXPECT_EQ(reinterpret_cast<std::byte*>(thread.buffer(true)), at(thread, 0x403000));
}

TEST_F(RootTaskTest, TheImageIsMappedAndClearBehindTheFile) {
    Tcb& thread = **boot();
    EXPECT_EQ(*at(thread, 0x400002), std::byte{3});
    for (u64 i = 3; i < 0x3000; ++i) ASSERT_EQ(*at(thread, 0x400000 + i), std::byte{}) << i;
    auto const entry = find_entry(*thread.cap(Tcb::vspace).get<Pml4Cap>().table, 0x401000, 12);
    EXPECT_EQ(**entry & 0x8000000000000fff, 0x67u); // user, read, write, execute
}

TEST_F(RootTaskTest, FixedSlotsHoldWhatTheTableSays) { // ABI 3.2
    Tcb& thread = **boot();
    CapType const expected[] = {CapType::null,       CapType::tcb,  CapType::cnode, CapType::pml4, CapType::irq_control, CapType::asid_control,
                                CapType::asid_pool,  CapType::io_port_control, CapType::null, CapType::frame, CapType::frame, CapType::domain,
                                CapType::null,       CapType::null, CapType::null,  CapType::null};
    for (u64 i = 0; i < 16; ++i) EXPECT_EQ(cap(thread, i).type(), expected[i]) << i;
    auto const root = cap(thread, cnode).get<CNodeCap>();
    EXPECT_TRUE(root.radix == 13 && root.guard_size == 51 && root.guard == 0);
    EXPECT_EQ(cap(thread, vspace).get<Pml4Cap>().asid, Asid{1});
    EXPECT_EQ(cap(thread, ipc_buffer_frame).get<FrameCap>().address, 0x403000u);
}

TEST_F(RootTaskTest, BootInfoTellsEverything) { // ABI 3.1, 3.3
    Tcb& thread = **boot();
    auto const& info = *reinterpret_cast<abi::BootInfo*>(at(thread, 0x404000));
    EXPECT_EQ(info.extra_length, 1292u);
    EXPECT_TRUE(info.node_id == 0 && info.node_count == 1 && info.io_pt_levels == ~u64{0} && info.initial_domain == 0);
    EXPECT_EQ(info.ipc_buffer, 0x403000u);
    EXPECT_EQ(info.initial_cnode_radix, 13u);
    EXPECT_EQ(info.image_paging.start, 16u);
    EXPECT_EQ(info.image_paging.end, 19u);
    EXPECT_EQ(info.extra_frames.start, 19u);
    EXPECT_EQ(info.extra_frames.end, 20u);
    EXPECT_EQ(info.image_frames.start, 20u);
    EXPECT_EQ(info.image_frames.end, 23u);
    EXPECT_EQ(info.untyped.start, 23u);
    EXPECT_EQ(info.empty.start, info.untyped.end);
    EXPECT_EQ(info.empty.end, 8192u);
    EXPECT_EQ(cap(thread, 16).type(), CapType::pdpt);
    EXPECT_EQ(cap(thread, 17).type(), CapType::page_directory);
    EXPECT_EQ(cap(thread, 18).type(), CapType::page_table);
    for (u64 i = 0; i < 3; ++i) EXPECT_EQ(cap(thread, 20 + i).get<FrameCap>().address, 0x400000 + i * 4096);
    EXPECT_TRUE(cap(thread, info.empty.start).is_null());
}

TEST_F(RootTaskTest, ExtraInformationComesInChunks) { // ABI 3.4
    Tcb& thread = **boot();
    auto const word = [&](u64 offset) {
        u32 value;
        std::memcpy(&value, at(thread, 0x405000 + offset), sizeof value);
        return value;
    };
    EXPECT_TRUE(word(0) == 3 && word(8) == 52);
    EXPECT_EQ(std::memcmp(at(thread, 0x405010), "RSD PTR ", 8), 0);
    EXPECT_TRUE(word(52) == 2 && word(60) == 1220);
    EXPECT_EQ(word(52 + 16), 24u); // bytes of entries
    EXPECT_EQ(word(52 + 20), 20u);
    EXPECT_TRUE(word(52 + 1220) == 5 && word(52 + 1220 + 8) == 20 && word(52 + 1220 + 16) == 2400);
}

TEST_F(RootTaskTest, UntypedMemoryIsWhatNobodyUses) {
    Tcb& thread = **boot();
    auto const& info = *reinterpret_cast<abi::BootInfo*>(at(thread, 0x404000));
    u64 ram = 0;
    bool seen_ram = false;
    for (u64 i = 0; i < info.untyped.end - info.untyped.start; ++i) {
        abi::UntypedDescriptor const& piece = info.untyped_list[i];
        auto const untyped = cap(thread, info.untyped.start + i).get<UntypedCap>();
        EXPECT_EQ(untyped.base.value, piece.physical);
        EXPECT_EQ(untyped.size_bits, piece.size_bits);
        EXPECT_EQ(untyped.device, piece.is_device != 0);
        EXPECT_EQ(untyped.free_bytes(), piece.is_device ? untyped.size() : 0); // RAM counts as used
        EXPECT_FALSE(seen_ram && piece.is_device);
        seen_ram |= !piece.is_device;
        if (!piece.is_device) ram += untyped.size();
        for (u64 const slot : {u64{ipc_buffer_frame}, info.image_frames.start, info.extra_frames.start})
            EXPECT_FALSE(cap(thread, slot).get<FrameCap>().base >= untyped.base &&
                         cap(thread, slot).get<FrameCap>().base < untyped.base + untyped.size());
    }
    EXPECT_GT(ram, ram_end - 0x100000 - 0x400000 - 0x100000);
    EXPECT_EQ(info.untyped_list[0].physical, 0u);
    EXPECT_EQ(info.untyped_list[0].size_bits, 20u);
}

TEST_F(RootTaskTest, RefusesABadImageAndTooLittleMemory) {
    elf.entry = 0;
    EXPECT_STREQ(boot().error().why, "its entry point lies outside the image");
    elf.entry = 0x400010;
    environment.ram.clear();
    environment.ram.push({{0x100000}, {0x401000}});
    EXPECT_STREQ(boot().error().what, "too little memory for the root task's image");
    environment.ram.clear();
    environment.ram.push({{0x100000}, {0x500000}});
    EXPECT_STREQ(boot().error().what, "too little memory for the root task's objects");
    environment.ram.clear();
    environment.ram.push({{0x100000}, {0x10000000}});
    elf.segments[0].memory_size = u64{8193} << 12;
    EXPECT_STREQ(boot().error().what, "the root task's image needs more pages or memory than there are");
}

TEST_F(RootTaskTest, ObjectsComeFromTheLastRegionAndTheImageFromTheFirstThatFits) {
    environment.ram.push({{0x8000000}, {0x9000000}});
    Tcb& thread = **boot();
    EXPECT_GT(::machine::physical(&thread).value, 0x8000000u);
    EXPECT_LT(cap(thread, 20).get<FrameCap>().base.value, ram_end);
}
