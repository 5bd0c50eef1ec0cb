// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/console/keyboard.hpp"
#include "service/console/multiplexer.hpp"

#include <cstring>
#include <string>

namespace {

constexpr u64 patience = 100;

struct World {
    protocol::ConsolePage root{}, a{}, b{};
    Multiplexer console{patience};
    u64 now = 1000;

    World() {
        console.add("root", root, true);
        console.add("a", a, false);
        console.add("b", b, false);
        console.give_keyboard(1);
    }
    static void print(protocol::ConsolePage& page, std::string_view text) {
        EXPECT_EQ(page.output.write(text), text.size());
    }
    std::string seen() { // everything that can be printed now
        std::string all;
        for (std::string part = " "; !part.empty(); all += part) {
            console.pump(now);
            part.clear();
            while (auto const c = console.next()) part += *c;
        }
        return all;
    }
};

} // namespace

TEST(Multiplexer, PassesTheKeyboardClientThroughAndNamesTheOthers) {
    World world;
    world.print(world.a, "raw \x1b[1mbold\x1b[0m\n");
    world.print(world.b, "one\ntwo\n");
    world.print(world.root, "linux: stopped\n");
    EXPECT_EQ(world.seen(), "linux: stopped\r\nraw \x1b[1mbold\x1b[0m\r\nb| one\r\nb| two\r\n");
}

TEST(Multiplexer, AddsNoSecondCarriageReturn) {
    World world;
    world.print(world.a, "x\r\n");
    world.print(world.b, "y\r\n");
    EXPECT_EQ(world.seen(), "x\r\nb| y\r\n");
}

TEST(Multiplexer, NeverPrintsInTheMiddleOfALineThatGoesOn) {
    World world;
    world.print(world.a, "half");
    EXPECT_EQ(world.seen(), "half");
    world.print(world.b, "line\n");
    EXPECT_EQ(world.seen(), "");
    EXPECT_EQ(world.console.deadline(), world.now + patience);
    world.print(world.a, " whole\n");
    EXPECT_EQ(world.seen(), " whole\r\nb| line\r\n");
    EXPECT_FALSE(world.console.deadline());
}

TEST(Multiplexer, BreaksALineWhoseEndDoesNotCome) {
    World world;
    world.print(world.a, "# ");
    EXPECT_EQ(world.seen(), "# ");
    world.print(world.b, "one\ntwo\n");
    EXPECT_EQ(world.seen(), "");
    world.now += patience;
    EXPECT_EQ(world.seen(), "\r\nb| one\r\nb| two\r\n");
    world.print(world.a, "ls\n");
    EXPECT_EQ(world.seen(), "ls\r\n");
}

TEST(Multiplexer, PrintsAPartOfALineWhenNothingMoreComes) {
    World world;
    world.print(world.b, "login: ");
    EXPECT_EQ(world.seen(), "");
    ASSERT_TRUE(world.console.deadline());
    world.now = *world.console.deadline();
    EXPECT_EQ(world.seen(), "b| login: ");
    world.print(world.b, "user\n");
    EXPECT_EQ(world.seen(), "user\r\n");
}

TEST(Multiplexer, CutsLinesThatNeverEndAndDropsTerminalSequencesOfOthers) {
    World world;
    world.print(world.b, std::string(300, 'x') + "\n\x1b[2J\x1b[Hclear\a\n");
    EXPECT_EQ(world.seen(), "b| " + std::string(256, 'x') + "\r\nb| " + std::string(44, 'x') +
                                "\r\nb| clear\r\n");
}

TEST(Multiplexer, AFloodDoesNotStarveTheOthers) {
    World world;
    std::string const flood(2048, 'f');
    std::string all;
    world.print(world.a, flood);
    world.print(world.b, "help\n");
    for (int i = 0; i < 10 && all.find("help") == std::string::npos; ++i) {
        world.now += patience;
        world.console.pump(world.now);
        while (auto const c = world.console.next()) all += *c;
        world.a.output.write(flood);
    }
    EXPECT_NE(all.find("\r\nb| help\r\n"), std::string::npos);
}

TEST(Multiplexer, AWreckedQueueHurtsOnlyItsOwner) {
    World world;
    std::memset(reinterpret_cast<char*>(&world.b.output), 0xff, 4);
    world.print(world.a, "fine\n");
    EXPECT_EQ(world.seen(), "fine\r\n");
}

TEST(Multiplexer, RingsAClientThatWaitsForRoom) {
    World world;
    world.print(world.a, std::string(2048, 'a'));
    world.a.output_waiting = 1;
    world.seen();
    EXPECT_EQ(world.console.take_bells(), 1u << 1);
    EXPECT_EQ(world.console.take_bells(), 0u);
    EXPECT_EQ(world.a.output_waiting, 0u);
}

TEST(Multiplexer, SaysHowMuchInputWasLost) {
    World world;
    for (int i = 0; i < 1030; ++i) world.console.input('k');
    EXPECT_EQ(world.a.lost_input, 6u);
    EXPECT_EQ(world.seen(), "console: a does not read: what is typed for it now is lost\r\n");
    EXPECT_EQ(world.seen(), "");
    char bytes[16];
    world.a.input.read(bytes);
    EXPECT_EQ(world.seen(), "console: a reads again: 6 bytes were lost\r\n");
    EXPECT_EQ(world.console.take_bells(), 1u << 1);
}

TEST(Multiplexer, MovesTheKeyboardAroundAndNeverToRoot) {
    World world;
    world.console.next_keyboard();
    EXPECT_EQ(world.console.keyboard(), 2u);
    world.console.next_keyboard();
    EXPECT_EQ(world.console.keyboard(), 1u);
    world.console.give_keyboard(0);
    world.console.give_keyboard(77);
    world.console.select_keyboard(3);
    world.console.select_keyboard(0);
    EXPECT_EQ(world.console.keyboard(), 1u);
    world.console.list_clients();
    EXPECT_EQ(world.seen(), "console: 1 a (keyboard)\r\nconsole: 2 b\r\n");
}

TEST(Multiplexer, WhatWasCollectedIsPrintedWhenItsClientGetsTheKeyboard) {
    World world;
    world.print(world.b, "login: ");
    EXPECT_EQ(world.seen(), "");
    world.console.give_keyboard(2);
    EXPECT_EQ(world.seen(), "b| login: ");
    world.print(world.b, "x");
    EXPECT_EQ(world.seen(), "x");
}

TEST(Multiplexer, WithoutATimerNobodyWaits) {
    protocol::ConsolePage page{};
    Multiplexer console{0};
    console.add("a", page, false);
    page.output.write(std::string_view("part"));
    console.pump(5);
    std::string all;
    while (auto const c = console.next()) all += *c;
    EXPECT_EQ(all, "a| part");
}

TEST(Keyboard, TakesCommandsAfterControlT) {
    Keyboard keyboard;
    EXPECT_EQ(std::get<key::Input>(keyboard.on_byte('x')).c, 'x');
    EXPECT_TRUE(std::holds_alternative<key::Nothing>(keyboard.on_byte(Keyboard::escape)));
    EXPECT_EQ(std::get<key::Input>(keyboard.on_byte(Keyboard::escape)).c, Keyboard::escape);
    keyboard.on_byte(Keyboard::escape);
    EXPECT_TRUE(std::holds_alternative<key::Next>(keyboard.on_byte('\t')));
    keyboard.on_byte(Keyboard::escape);
    EXPECT_EQ(std::get<key::Select>(keyboard.on_byte('2')).number, 2u);
    keyboard.on_byte(Keyboard::escape);
    EXPECT_TRUE(std::holds_alternative<key::List>(keyboard.on_byte('?')));
    EXPECT_EQ(std::get<key::Input>(keyboard.on_byte('?')).c, '?');
}
