// SPDX-License-Identifier: Apache-2.0
#include "tool/script.hpp"

#include <gtest/gtest.h>

namespace {

ScriptStep expect(std::string text) { return {ScriptStep::Kind::expect, std::move(text)}; }
ScriptStep send(std::string text) { return {ScriptStep::Kind::send, std::move(text)}; }

} // namespace

TEST(Script, TypesALineOnceTheTextBeforeItWasSeen) {
    Script script({expect("ready"), send("poweroff"), expect("stopped")});
    EXPECT_EQ(script.hear("booting, rea"), "");
    EXPECT_EQ(script.hear("dy\r\n"), "poweroff\r");
    EXPECT_EQ(script.hear("linux: stop"), "");
    EXPECT_FALSE(script.done());
    EXPECT_EQ(script.waiting_for(), "stopped");
    EXPECT_EQ(script.hear("ped"), "");
    EXPECT_TRUE(script.done());
}

TEST(Script, TextsAreSeenInOrderAndEachOnlyOnce) {
    Script script({expect("b"), expect("a"), expect("a")});
    script.hear("a b a");
    EXPECT_FALSE(script.done());
    script.hear(" a");
    EXPECT_TRUE(script.done());
}

TEST(Script, WhatIsSentFirstIsTypedAtTheStart) {
    Script script({send("x"), expect("y")});
    EXPECT_EQ(script.hear(""), "x\r");
}

TEST(Script, CarriageReturnsDoNotSeparateAText) {
    Script script({expect("one\ntwo")});
    script.hear("one\r\n");
    script.hear("two\r\n");
    EXPECT_TRUE(script.done());
}

TEST(Script, LastLinesIncludeAnUnfinishedOne) {
    Script script({expect("never")});
    script.hear("1\r\n2\r\n3\r\nlogin: ");
    EXPECT_EQ(script.last_lines(2), (std::vector<std::string>{"3", "login: "}));
    EXPECT_EQ(script.last_lines(20).size(), 4U);
}
