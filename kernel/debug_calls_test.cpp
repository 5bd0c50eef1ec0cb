// SPDX-License-Identifier: Apache-2.0
// The special system calls of ABI 4.6.
#include "base/gtest.hpp"

#include <cstring>

#include "kernel/testing/test_kernel.hpp"

namespace {

struct DebugTest : testing::Test {
    TestKernel kernel;
    Thread& root = kernel.root();
    std::string& console = kernel.machine.console;
};

} // namespace

TEST_F(DebugTest, PutCharWritesToTheConsole) {
    for (char const c : {'h', 'i'}) root.syscall(abi::Syscall::debug_put_char, 0x100 + static_cast<u64>(c));
    EXPECT_EQ(console, "hi");
}

TEST_F(DebugTest, CapIdentifyTellsTheType) {
    root.syscall(abi::Syscall::debug_cap_identify, abi::initial_slot::domain);
    EXPECT_EQ(root.badge(), 20u);
    root.syscall(abi::Syscall::debug_cap_identify, kernel.next_slot());
    EXPECT_EQ(root.badge(), 0u);
    root.syscall(abi::Syscall::debug_cap_identify, u64{1} << 63);
    EXPECT_EQ(root.badge(), 0u);
}

TEST_F(DebugTest, NameThreadTakesTheNameFromTheBuffer) {
    Thread& thread = kernel.thread();
    std::strcpy(reinterpret_cast<char*>(root.buffer().message), "my thread");
    root.syscall(abi::Syscall::debug_name_thread, thread.cptr());
    EXPECT_STREQ(thread.tcb().name, "my thread");
    EXPECT_EQ(console, "");
    std::memset(root.buffer().message, 'x', 600);
    root.buffer().message[75] = 0;
    root.syscall(abi::Syscall::debug_name_thread, thread.cptr());
    EXPECT_EQ(std::strlen(thread.tcb().name), Tcb::name_size - 1); // cut
}

TEST_F(DebugTest, NameThreadReportsWhatIsWrong) {
    Thread& thread = kernel.thread();
    root.syscall(abi::Syscall::debug_name_thread, abi::initial_slot::domain);
    std::memset(root.buffer().message, 'x', sizeof root.buffer().message);
    root.syscall(abi::Syscall::debug_name_thread, thread.cptr());
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_ipc_buffer, {0}, {2}), success);
    thread.syscall(abi::Syscall::debug_name_thread, thread.cptr());
    std::string const line = "kernel: DebugNameThread: no TCB, or no name that ends within the IPC buffer\n";
    EXPECT_EQ(console, line + line + line);
    EXPECT_STREQ(thread.tcb().name, "thread");
}

TEST_F(DebugTest, DumpSchedulerListsWhoIsReady) {
    kernel.thread(7);
    root.syscall(abi::Syscall::debug_dump_scheduler, 0);
    EXPECT_EQ(console, "kernel: current thread and those ready to run:\n  root: running, priority 255, rip 0x400000\n"
                       "  thread: running, priority 7, rip 0x400000\n");
    root.syscall(abi::Syscall::debug_snapshot, 0);
    EXPECT_NE(console.find("thread: running", 200), std::string::npos);
}

TEST_F(DebugTest, HaltStopsTheMachine) {
    EXPECT_THROW(root.syscall(abi::Syscall::debug_halt, 0), HostMachine::Halted);
    EXPECT_EQ(console, "kernel: halted by user level\n");
}

TEST(ReleaseProfile, HasNoDebugCallsAndIsSilent) {
    TestKernel::Options options;
    options.kernel.debug_calls = DebugCalls::none;
    TestKernel kernel(options);
    Thread& thread = kernel.thread();
    EXPECT_FALSE(thread.syscall(abi::Syscall::debug_put_char, 'x'));
    EXPECT_EQ(thread.state(), ThreadState::inactive);
    EXPECT_EQ(kernel.machine.console, "");
}

TEST_F(DebugTest, SetTlsBaseTakesWhatTheProcessorTakes) {
    root.syscall(abi::Syscall::set_tls_base, 0x7fff12345000);
    EXPECT_EQ(kernel.machine.fs_base, 0x7fff12345000u);
    root.syscall(abi::Syscall::set_tls_base, 0x0000800000000000); // ignored
    EXPECT_EQ(kernel.machine.fs_base, 0x7fff12345000u);
    EXPECT_EQ(root.badge(), 0x0000800000000000u);
}
