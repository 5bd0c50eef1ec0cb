// SPDX-License-Identifier: Apache-2.0
// 32-bit threads: abi/thread32.hpp.
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

constexpr u64 start = 0x400000;
constexpr u64 compatibility = abi::thread_flag::compatibility;
constexpr u64 trap32_label = 0x1000;

struct Thread32 : testing::Test {
    TestKernel kernel;
    CPtr const endpoint = kernel.endpoint();
    Thread& thread = kernel.thread();
    Thread& handler = kernel.thread();
    Tcb& tcb = thread.tcb();
    CPtr const memory = kernel.untyped(20);

    void SetUp() override {
        tcb.fault_handler = endpoint;
        EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_flags, {0, compatibility}), returned({compatibility}));
        EXPECT_EQ(thread.state(), ThreadState::inactive);
        EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_resume), success);
    }
    void trap(u64 event, u64 error_code = 0, u64 address = 0) {
        kernel.run(tcb);
        ASSERT_EQ(thread.state(), ThreadState::running_32);
        kernel.handle(Trap32Event{event, error_code, address});
    }
    // Its handler waits already, so that the fast way is taken, when `waits`.
    Received trapped(bool waits, u64 event, u64 error_code = 0, u64 address = 0) {
        if (waits) handler.receive(endpoint);
        trap(event, error_code, address);
        if (!waits) handler.receive(endpoint);
        EXPECT_EQ(thread.state(), ThreadState::blocked_on_reply);
        return handler.received();
    }
    // A nested root with one page directory at `address`.
    CPtr root_with(u64 address, CPtr& directory) {
        CPtr const root = kernel.retype(memory, ObjectType::ept_pml4);
        EXPECT_EQ(kernel.invoke(abi::initial_slot::asid_pool, Label::x86_asid_pool_assign, {}, {root}), success);
        CPtr const pdpt = kernel.retype(memory, ObjectType::ept_pdpt);
        directory = kernel.retype(memory, ObjectType::ept_pd);
        EXPECT_EQ(kernel.invoke(pdpt, Label::ept_pdpt_map, {address, 0}, {root}), success);
        EXPECT_EQ(kernel.invoke(directory, Label::ept_pd_map, {address, 0}, {root}), success);
        return root;
    }
    u64 frame_of(CPtr table) { return machine::physical(kernel.get<EptPdCap>(table).table).value; }
    u64 gibibyte(unsigned i) { return PageEntry{kernel.machine.space_32[i]}.frame().value; }
    void run_again() {
        kernel.run(kernel.root().tcb());
        kernel.run(tcb);
    }
};

} // namespace

TEST_F(Thread32, ATrapIsFifteenWordsAndItsAnswerThirteen) {
    for (bool const waits : {false, true}) {
        abi::UserContext& registers = tcb.registers();
        registers = {.rip = start, .rsp = 0xffff'fff0, .rflags = 0x10246, .rax = 1, .rbx = 4, .rcx = 2, .rdx = 3, .rsi = 6, .rdi = 7,
                     .rbp = 5, .r8 = 80, .r9 = 0, .r10 = 0, .r11 = 0, .r12 = 0, .r13 = 0, .r14 = 0, .r15 = 150, .fs_base = 8, .gs_base = 9};
        tcb.context.next_ip = start;
        EXPECT_EQ(trapped(waits, 14, 6, 0xdead000),
                  (Received{0, trap32_label, {14, 6, 0xdead000, start, 0xffff'fff0, 0x10246, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, 0}));
        EXPECT_TRUE(handler.reply({0, {1, 0x1'0000'2000, ~u64{0}, ~u64{0}, 11, 12, 13, 14, 15, 16, 17, ~u64{0}, 19}, {}}));
        EXPECT_EQ(thread.state(), ThreadState::restart);
        EXPECT_EQ(registers.rip, 0x2000u);
        EXPECT_EQ(registers.rsp, 0xffff'ffffu);
        EXPECT_EQ(registers.rflags, rflags::user | rflags::initial);
        EXPECT_EQ(registers.rflags & (u64{3} << 12 | 1u << 17), 0u) << "IOPL, VM";
        EXPECT_EQ(registers.rax, 11u);
        EXPECT_EQ(registers.rcx, 12u);
        EXPECT_EQ(registers.rbx, 14u);
        EXPECT_EQ(registers.rdi, 17u);
        EXPECT_EQ(registers.fs_base, 0xffff'ffffu);
        EXPECT_EQ(registers.r15, 150u);
        kernel.run(tcb);
        EXPECT_EQ(thread.state(), ThreadState::running_32);
        EXPECT_TRUE(kernel.machine.in_32_bit);
        EXPECT_EQ(kernel.machine.fs_base, 0xffff'ffffu);
        EXPECT_EQ(tcb.context.code_selector, abi::selector32::code);
        EXPECT_NE(tcb.context.restore_all, 0u);
    }
}

TEST_F(Thread32, AShortAnswerLeavesTheRestAndALabelStops) {
    tcb.registers().rax = 5;
    trapped(false, 6);
    EXPECT_TRUE(handler.reply({0, {0, 0x3000}, {}}));
    EXPECT_EQ(tcb.registers().rip, 0x3000u);
    EXPECT_EQ(tcb.registers().rax, 5u);
    EXPECT_FALSE(tcb.shared_root_visible);
    trapped(true, 6);
    EXPECT_TRUE(handler.reply({7, {}, {}}));
    EXPECT_EQ(thread.state(), ThreadState::inactive);
    EXPECT_FALSE(tcb.shared_root_visible);
}

TEST_F(Thread32, AHandlerWithoutBufferGetsFourWords) {
    EXPECT_EQ(kernel.invoke(handler.cptr(), Label::tcb_set_ipc_buffer, {0}, {endpoint}), success);
    EXPECT_EQ(trapped(true, 0x180, 0, 0).words, (Words{0x180, 0, 0, start}));
}

TEST_F(Thread32, WithoutAHandlerItStopsAndTheConsoleSaysWhy) {
    tcb.fault_handler = 0;
    kernel.machine.console.clear();
    trap(14, 6, 0x1234);
    EXPECT_EQ(thread.state(), ThreadState::inactive);
    EXPECT_FALSE(kernel.machine.in_32_bit);
    EXPECT_NE(kernel.machine.console.find("stops: 32-bit exception 14, code 0x6, cr2 0x1234 at rip 0x400000\n"), std::string::npos);
    kernel.invoke(thread.cptr(), Label::tcb_resume);
    trap(0x180);
    EXPECT_NE(kernel.machine.console.find("32-bit software interrupt 128, code 0x0"), std::string::npos);
    kernel.invoke(thread.cptr(), Label::tcb_resume);
    trap(0x200);
    EXPECT_NE(kernel.machine.console.find("32-bit system call 0, code 0x0"), std::string::npos);
}

TEST_F(Thread32, UpcallsDoNotHappenInIt) {
    Words const upcall{0x1000, 0x2000, 0, 0x100, 0x10000400, 7};
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_upcall, upcall), illegal_operation);
    // Nor those of before; nor does a new buffer change anything.
    Thread& other = kernel.thread();
    EXPECT_EQ(kernel.invoke(other.cptr(), Label::tcb_set_upcall, upcall), success);
    EXPECT_EQ(kernel.invoke(other.cptr(), Label::tcb_set_flags, {0, compatibility}), returned({compatibility}));
    EXPECT_EQ(other.tcb().upcall.causes, 0u);
    EXPECT_EQ(kernel.invoke(other.cptr(), Label::tcb_set_ipc_buffer, {0}, {endpoint}), success);
    EXPECT_EQ(other.tcb().upcall.entry, ~u64{0});
    EXPECT_EQ(kernel.invoke(other.cptr(), Label::tcb_set_flags, {compatibility, 0}), returned({0}));
    EXPECT_EQ(other.tcb().upcall.entry, 0u);
    for (unsigned i = 0; i < 2 * abi::time_slice_ticks; ++i) kernel.tick();
    EXPECT_EQ(tcb.context.next_ip, start);
}

TEST_F(Thread32, TheFlagStopsTheThreadAndIsNotForOneself) {
    EXPECT_EQ(kernel.invoke(abi::initial_slot::tcb, Label::tcb_set_flags, {0, compatibility}), illegal_operation);
    EXPECT_EQ(kernel.invoke(abi::initial_slot::tcb, Label::tcb_set_flags, {compatibility, 0}), returned({0}));
    EXPECT_FALSE(kernel.root().tcb().is_32_bit());
    trapped(false, 6);
    tcb.registers().rflags = rflags::user | rflags::initial;
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_flags, {compatibility, 1}), returned({1}));
    EXPECT_EQ(thread.state(), ThreadState::inactive);
    EXPECT_FALSE(tcb.fault);
    EXPECT_FALSE(tcb.is_32_bit());
    EXPECT_EQ(tcb.registers().rflags & rflags::Trap::mask, 0u);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_resume), success);
    kernel.run(tcb);
    EXPECT_EQ(thread.state(), ThreadState::running);
    EXPECT_FALSE(kernel.machine.in_32_bit);
}

// A thread that waits in a system call cannot be woken as a 32-bit one in the middle of it.
TEST_F(Thread32, TheFlagEndsASystemCall) {
    Thread& other = kernel.thread();
    EXPECT_FALSE(other.receive(endpoint));
    EXPECT_EQ(kernel.invoke(other.cptr(), Label::tcb_set_flags, {0, compatibility}), returned({compatibility}));
    EXPECT_EQ(other.state(), ThreadState::inactive);
    EXPECT_TRUE(handler.nb_send(endpoint));
    EXPECT_EQ(other.state(), ThreadState::inactive);
}

TEST_F(Thread32, RegistersThatSomebodyWroteAreCutTo32Bits) {
    Words words(22, ~u64{0} / 3 * 2); // 0xaaaa...: not canonical
    words[0] = 1;
    words[1] = 20;
    words[2] = 0x0000'7fff'1234'5678;
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_write_registers, words), success);
    kernel.run(tcb);
    EXPECT_EQ(tcb.context.next_ip, 0x1234'5678u);
    EXPECT_EQ(tcb.registers().rsp, 0xaaaa'aaaau);
}

TEST_F(Thread32, ItsSpaceIsComposedOfBothRoots) {
    CPtr low, high;
    CPtr const own = root_with(0x40000000, low), shared = root_with(0xc0000000, high);
    kernel.run(tcb);
    EXPECT_EQ(kernel.machine.space_32, (std::array<u64, 4>{})) << "without a root nothing is mapped";
    EXPECT_EQ(kernel.machine.loads.back().root, HostMachine::root_32);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_ept_root, {}, {own}), success);
    run_again();
    EXPECT_EQ(gibibyte(1), frame_of(low));
    EXPECT_EQ(kernel.machine.space_32[3], 0u);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_shared_root, {0x80000000}, {shared}), success);
    run_again();
    EXPECT_EQ(gibibyte(1), frame_of(low));
    EXPECT_EQ(gibibyte(3), frame_of(high));
    // Nothing changed: not composed again, but loaded.
    unsigned const compositions = kernel.machine.compositions;
    std::size_t const loads = kernel.machine.loads.size();
    run_again();
    EXPECT_EQ(kernel.machine.compositions, compositions);
    EXPECT_EQ(kernel.machine.loads.size(), loads + 2);
    // A tick that leads back to it loads nothing.
    kernel.tick();
    EXPECT_EQ(kernel.machine.loads.size(), loads + 2);
    // Not visible, and again.
    trapped(true, 6);
    EXPECT_TRUE(handler.reply({0, {0}, {}}));
    kernel.run(tcb);
    EXPECT_EQ(kernel.machine.space_32[3], 0u);
    EXPECT_EQ(gibibyte(1), frame_of(low));
    trapped(true, 6);
    EXPECT_TRUE(handler.reply({0, {1}, {}}));
    kernel.run(tcb);
    EXPECT_EQ(gibibyte(3), frame_of(high));
    // A table that goes, and one that comes.
    EXPECT_EQ(kernel.invoke(high, Label::ept_pd_unmap), success);
    run_again();
    EXPECT_EQ(kernel.machine.space_32[3], 0u);
    EXPECT_EQ(kernel.invoke(high, Label::ept_pd_map, {0x80000000, 0}, {shared}), success);
    run_again();
    EXPECT_EQ(gibibyte(2), frame_of(high));
    // A root that goes takes everything with it.
    kernel.remove(shared);
    kernel.revoke(memory);
    kernel.run(tcb);
    EXPECT_EQ(kernel.machine.space_32, (std::array<u64, 4>{}));
}

TEST_F(Thread32, ASharedRootThatIsGivenAnewIsVisible) {
    CPtr low, high;
    CPtr const own = root_with(0x40000000, low), shared = root_with(0xc0000000, high);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_ept_root, {}, {own}), success);
    trapped(false, 6);
    EXPECT_TRUE(handler.reply({0, {0}, {}}));
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_shared_root, {0x80000000}, {shared}), success);
    kernel.run(tcb);
    EXPECT_EQ(gibibyte(3), frame_of(high));
}

// What they see does not depend on which of them ran before.
TEST_F(Thread32, TwoThreadsDifferInAnInvisibleSharedRootThatIsGone) {
    CPtr low, unused;
    CPtr const own = root_with(0x40000000, low), live = root_with(0xc0000000, unused), gone = root_with(0xc0000000, unused);
    Thread& other = kernel.thread();
    EXPECT_EQ(kernel.invoke(other.cptr(), Label::tcb_set_flags, {0, compatibility}), returned({compatibility}));
    EXPECT_EQ(kernel.invoke(other.cptr(), Label::tcb_resume), success);
    for (auto const& [each, shared] : {std::pair{&thread, live}, std::pair{&other, gone}}) {
        EXPECT_EQ(kernel.invoke(each->cptr(), Label::tcb_set_ept_root, {}, {own}), success);
        EXPECT_EQ(kernel.invoke(each->cptr(), Label::tcb_set_shared_root, {0x80000000}, {shared}), success);
        each->tcb().shared_root_visible = false;
    }
    kernel.checking = false;
    kernel.kernel.asids.release(kernel.get<EptPml4Cap>(gone).asid, kernel.get<EptPml4Cap>(gone).table);
    for (int round = 0; round < 2; ++round) {
        kernel.run(other.tcb());
        EXPECT_EQ(kernel.machine.space_32, (std::array<u64, 4>{}));
        kernel.run(tcb);
        EXPECT_EQ(gibibyte(1), frame_of(low));
    }
}

TEST_F(Thread32, OtherThreadsNeverRunInItsSpace) {
    Thread& other = kernel.thread();
    kernel.run(tcb);
    EXPECT_TRUE(kernel.machine.in_32_bit);
    kernel.run(other.tcb());
    EXPECT_FALSE(kernel.machine.in_32_bit);
    EXPECT_NE(kernel.machine.loads.back().root, HostMachine::root_32);
    kernel.run(tcb);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_suspend), success);
    EXPECT_FALSE(kernel.machine.in_32_bit);
    EXPECT_EQ(tcb.registers().rip, start);
}

namespace {

constexpr u64 wide_event = 1u << 10, high = 0x1234'5678'0000'0000;

struct Wide : Thread32 {
    static constexpr u64 visible_and_wide = 3;
    Words const all{visible_and_wide, 0x80'0000'1000, ~u64{0}, ~u64{0}, high | 1, high | 2, high | 3, high | 4, high | 5, high | 6, high | 7,
                    0x7fff'ffff'ffff, 0xffff'8000'0000'0000, 80, 90, 100, 110, 120, 130, 140, ~u64{0}};
    void make_wide() {
        trapped(false, 6);
        EXPECT_TRUE(handler.reply({0, all, {}}));
        kernel.run(tcb);
    }
    // A PDPT at the start of PML4 entry 1 of the root's VSpace, which the thread has too.
    CPtr upper_table() {
        CPtr const pdpt = kernel.object(ObjectType::pdpt);
        EXPECT_EQ(kernel.map_table(pdpt, u64{1} << 39), success);
        return pdpt;
    }
    u64 upper() { return PageEntry{kernel.machine.upper_32}.frame().value; }
    u64 physical_of(CPtr pdpt) { return machine::physical(kernel.get<PdptCap>(pdpt).table).value; }
};

} // namespace

TEST_F(Wide, AnAnswerMakesItSoWithAllRegisters) {
    make_wide();
    EXPECT_EQ(thread.state(), ThreadState::running_32);
    EXPECT_TRUE(kernel.machine.in_32_bit && kernel.machine.wide);
    EXPECT_EQ(tcb.context.code_selector, abi::selector32::wide_code);
    EXPECT_EQ(tcb.context.stack_selector, abi::selector32::data);
    EXPECT_NE(tcb.context.restore_all, 0u);
    EXPECT_EQ(tcb.context.next_ip, 0x80'0000'1000u);
    abi::UserContext const& registers = tcb.registers();
    EXPECT_EQ(registers.rsp, ~u64{0});
    EXPECT_EQ(registers.rflags, rflags::user | rflags::initial);
    EXPECT_EQ(registers.rax, high | 1);
    EXPECT_EQ(registers.rdi, high | 7);
    EXPECT_EQ(registers.r8, 80u);
    EXPECT_EQ(registers.r15, ~u64{0});
    EXPECT_EQ(kernel.machine.fs_base, 0x7fff'ffff'ffffu);
    EXPECT_EQ(kernel.machine.gs_base, 0xffff'8000'0000'0000u);
}

TEST_F(Wide, ItsTrapHasAllRegistersAndTheNextAnswerChooses) {
    make_wide();
    for (bool const waits : {false, true}) {
        tcb.registers().rip = tcb.context.next_ip = 0x80'0000'2000;
        Words words{wide_event | 14, 6, 0x7fff'dead'0000, 0x80'0000'2000, ~u64{0}, rflags::user | rflags::initial};
        words.insert(words.end(), all.begin() + 4, all.end());
        EXPECT_EQ(trapped(waits, 14, 6, 0x7fff'dead'0000), (Received{0, trap32_label, words, 0, 0}));
        EXPECT_TRUE(handler.reply()); // leaves the mode as well
        kernel.run(tcb);
        EXPECT_TRUE(tcb.is_wide() && kernel.machine.wide);
    }
    trapped(true, 6);
    EXPECT_TRUE(handler.reply({0, {1, 0x2000}, {}}));
    kernel.run(tcb);
    EXPECT_TRUE(tcb.is_32_bit() && !tcb.is_wide());
    EXPECT_TRUE(kernel.machine.in_32_bit && !kernel.machine.wide);
    EXPECT_EQ(tcb.registers().rsp, 0xffff'ffffu);
    EXPECT_EQ(kernel.machine.gs_base, 0u);
    EXPECT_EQ(trapped(true, 6).words.size(), 15u);
}

TEST_F(Wide, AddressesThatAreNotCanonicalBecomeZero) {
    constexpr u64 odd = u64{1} << 47;
    trapped(false, 6);
    Words words = all;
    words[1] = words[11] = words[12] = odd;
    words[2] = odd; // the processor takes any stack pointer
    EXPECT_TRUE(handler.reply({0, words, {}}));
    EXPECT_EQ(tcb.registers().rip, 0u);
    EXPECT_EQ(tcb.registers().rsp, odd);
    EXPECT_EQ(tcb.registers().fs_base, 0u);
    EXPECT_EQ(tcb.registers().gs_base, 0u);
}

TEST_F(Wide, EveryLengthOfAnAnswerSetsWhatItHas) {
    for (u64 length = 0; length <= 24; ++length) {
        make_wide();
        trapped(true, 6);
        Words words(length, 0x5555);
        if (length > 0) words[0] = visible_and_wide;
        EXPECT_TRUE(handler.reply({0, words, {}}));
        EXPECT_TRUE(tcb.is_wide());
        abi::UserContext const& registers = tcb.registers();
        EXPECT_EQ(registers.r8 == 0x5555, length > 13) << length;
        EXPECT_EQ(registers.r15 == 0x5555, length > 20) << length;
        EXPECT_EQ(registers.gs_base == 0x5555, length > 12) << length;
        kernel.run(tcb);
        trapped(true, 6);
        EXPECT_TRUE(handler.reply({0, {1}, {}}));
        EXPECT_FALSE(tcb.is_wide());
        kernel.run(tcb);
    }
}

TEST_F(Wide, WhoWritesItsRegistersChoosesTheMode) {
    make_wide();
    Words words(22, 0x5555);
    words[1] = 20;
    for (bool const wide : {false, true}) {
        words[0] = wide << 8 | 1;
        EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_write_registers, words), success);
        EXPECT_EQ(tcb.is_wide(), wide);
        kernel.run(tcb);
        EXPECT_EQ(kernel.machine.wide, wide);
    }
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_copy_registers, {1u << 2}, {abi::initial_slot::tcb}), success);
    EXPECT_FALSE(tcb.is_wide());
    // A thread of another kind knows no such mode.
    Thread& other = kernel.thread();
    EXPECT_EQ(kernel.invoke(other.cptr(), Label::tcb_write_registers, words), success);
    EXPECT_FALSE(other.tcb().is_32_bit());
    EXPECT_EQ(other.tcb().context.code_selector, selector::code);
}

TEST_F(Wide, WithoutTheFlagItIsAThreadLikeOthers) {
    make_wide();
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_flags, {compatibility, 0}), returned({0}));
    EXPECT_EQ(tcb.context.code_selector, selector::code);
    EXPECT_EQ(tcb.upcall.entry, 0u);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_flags, {0, compatibility}), returned({compatibility}));
    EXPECT_FALSE(tcb.is_wide());
}

TEST_F(Wide, SyscallIsATrapWhateverItAsks) {
    for (bool const waits : {false, true})
        for (auto const number : {abi::Syscall::call, abi::Syscall::reply_recv, abi::Syscall::nb_send, abi::Syscall::yield, abi::Syscall::vm_enter}) {
            make_wide();
            if (waits) handler.receive(endpoint);
            kernel.run(tcb);
            tcb.registers().rflags = 0x246;
            tcb.registers().rcx = tcb.registers().r11 = 1; // the entry does not save them
            EXPECT_FALSE(thread.syscall(number, endpoint, {0, {5, 6, 7}, {}}));
            EXPECT_FALSE(kernel.machine.in_32_bit);
            if (!waits) handler.receive(endpoint);
            Received const received = handler.received();
            EXPECT_EQ(received.label, trap32_label);
            ASSERT_EQ(received.words.size(), 23u);
            EXPECT_EQ(received.words[0], wide_event | 1u << 9);
            EXPECT_EQ(received.words[3], 0x80'0000'1002u);
            EXPECT_EQ(received.words[7], 0x80'0000'1002u) << "rcx";
            EXPECT_EQ(received.words[18], 0x246u) << "r11";
            EXPECT_EQ(tcb.state, ThreadState::blocked_on_reply);
            EXPECT_TRUE(handler.reply());
            kernel.run(tcb);
            EXPECT_EQ(tcb.context.next_ip, 0x80'0000'1002u);
            EXPECT_NE(tcb.context.restore_all, 0u);
            EXPECT_TRUE(kernel.machine.wide && kernel.machine.in_32_bit);
        }
}

TEST_F(Wide, WithoutAHandlerSyscallStopsIt) {
    make_wide();
    tcb.fault_handler = 0;
    kernel.machine.console.clear();
    EXPECT_FALSE(thread.syscall(abi::Syscall::call, endpoint));
    EXPECT_EQ(thread.state(), ThreadState::inactive);
    EXPECT_FALSE(kernel.machine.in_32_bit);
    EXPECT_NE(kernel.machine.console.find("stops: wide system call 0, code 0x0, cr2 0x0 at rip 0x8000001002\n"), std::string::npos);
}

TEST_F(Wide, ItsUpperPartIsThatOfItsVspaceNow) {
    make_wide();
    EXPECT_EQ(kernel.machine.upper_32, 0u);
    CPtr const pdpt = upper_table();
    run_again();
    EXPECT_EQ(upper(), physical_of(pdpt));
    EXPECT_EQ(kernel.machine.space_32, (std::array<u64, 4>{})) << "below 4 GiB its own roots count";
    // Not in 32-bit mode.
    trapped(true, 6);
    EXPECT_TRUE(handler.reply({0, {1}, {}}));
    kernel.run(tcb);
    EXPECT_EQ(kernel.machine.upper_32, 0u);
    make_wide();
    EXPECT_EQ(upper(), physical_of(pdpt));
    EXPECT_EQ(kernel.invoke(pdpt, Label::x86_pdpt_unmap), success);
    run_again();
    EXPECT_EQ(kernel.machine.upper_32, 0u);
}

TEST_F(Wide, WithoutItsVspaceNothingIsThere) {
    make_wide();
    upper_table();
    CPtr const other = kernel.retype(memory, ObjectType::pml4);
    EXPECT_EQ(kernel.invoke(abi::initial_slot::asid_pool, Label::x86_asid_pool_assign, {}, {other}), success);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_space, {endpoint, 0, 0}, {abi::initial_slot::cnode, other}), success);
    CPtr const pdpt = kernel.retype(memory, ObjectType::pdpt);
    EXPECT_EQ(kernel.invoke(pdpt, Label::x86_pdpt_map, {u64{1} << 39, 0}, {other}), success);
    run_again();
    EXPECT_EQ(upper(), physical_of(pdpt));
    // Its root goes away: with the last capability, the thread's.
    kernel.remove(other);
    kernel.revoke(memory);
    kernel.run(tcb);
    EXPECT_EQ(kernel.machine.upper_32, 0u);
}

TEST_F(Wide, AVspaceThatLostItsAsidPoolIsNotUsed) {
    make_wide();
    upper_table();
    run_again();
    EXPECT_NE(kernel.machine.upper_32, 0u);
    kernel.checking = false;
    kernel.kernel.asids.set_pool(AsidTable::pool_of(kernel.get<Pml4Cap>(abi::initial_slot::vspace).asid), nullptr);
    run_again();
    EXPECT_EQ(kernel.machine.upper_32, 0u);
}
