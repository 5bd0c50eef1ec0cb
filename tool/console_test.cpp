// SPDX-License-Identifier: Apache-2.0
// The console against shell programs instead of QEMU: ends, time limits, and that nothing is left behind.
#include "tool/console.hpp"

#include <csignal>
#include <gtest/gtest.h>
#include <unistd.h>

namespace {

ScriptStep expect(std::string text) { return {ScriptStep::Kind::expect, std::move(text)}; }
ScriptStep send(std::string text) { return {ScriptStep::Kind::send, std::move(text)}; }

std::string talk(std::string const& program, std::vector<ScriptStep> steps, double timeout = 20) {
    ScriptedConsole console({"sh", "-c", program}, std::move(steps), timeout);
    return console.talk([](std::string const&, double) {});
}

} // namespace

TEST(Console, SucceedsAsSoonAsTheLastTextWasSeen) {
    auto const start = std::chrono::steady_clock::now();
    EXPECT_EQ(talk("echo ready; exec sleep 1000", {expect("ready")}), "");
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(Console, WhatIsTypedReachesTheMachine) {
    // A pipe has no terminal that would make lines of what is typed: head counts bytes.
    EXPECT_EQ(talk("echo ready; line=$(head -c 5); echo got=$line", {expect("ready"), send("hello"), expect("got=hello")}), "");
}

TEST(Console, TheTimeLimitNamesTheTextThatWasMissing) {
    EXPECT_EQ(talk("exec sleep 1000", {expect("ready")}, 0.2), "\"ready\" was not seen within 0.2 s");
}

TEST(Console, ASystemThatStopsFirstIsAFailure) {
    EXPECT_EQ(talk("echo so far; exit 33", {expect("ready")}), "the system has stopped before \"ready\" was seen");
    EXPECT_EQ(talk("exit 35", {expect("ready")}), "the system has stopped, and not all went well before \"ready\" was seen");
    EXPECT_EQ(talk("exit 0", {expect("ready")}), "the machine was reset or switched off before \"ready\" was seen");
    EXPECT_EQ(talk("exit 1", {expect("ready")}), "QEMU failed with exit status 1 before \"ready\" was seen");
    EXPECT_EQ(talk("kill -9 $$", {expect("ready")}), "QEMU was ended by signal 9 before \"ready\" was seen");
}

TEST(Console, AMissingQemuIsSaid) {
    ScriptedConsole console({"/no/such/qemu"}, {expect("ready")}, 20);
    EXPECT_EQ(console.talk([](std::string const&, double) {}),
              "QEMU (qemu-system-x86_64) is not installed; run ./tessera setup before \"ready\" was seen");
}

TEST(Process, OneThatIgnoresRequestsToEndIsKilled) {
    Process process({"sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"}, Process::Streams::piped);
    char byte{};
    ASSERT_EQ(read(process.output(), &byte, 1), 1);
    EXPECT_EQ(process.stop().signal, SIGKILL);
}
