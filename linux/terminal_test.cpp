// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include <memory>
#include <string>

#include "linux/terminal.hpp"

namespace libos {
namespace {

class TerminalTest : public testing::Test {
protected:
    void type(std::string const& keys) {
        ASSERT_EQ(page->input.write(keys), keys.size());
        terminal.take_input(*page);
    }
    std::string echo() {
        std::string text(2048, 0);
        text.resize(page->output.read(text));
        return text;
    }
    std::string read(u64 size = 1000) {
        auto const bytes = terminal.read(size);
        return {bytes.begin(), bytes.end()};
    }

    std::unique_ptr<protocol::ConsolePage> page = std::make_unique<protocol::ConsolePage>();
    Terminal terminal;
};

TEST_F(TerminalTest, GivesALineWhenItIsComplete) {
    type("hel");
    EXPECT_FALSE(terminal.ready());
    type("lo\rnext");
    EXPECT_TRUE(terminal.ready());
    EXPECT_EQ(read(), "hello\n");
    EXPECT_FALSE(terminal.ready());
    EXPECT_EQ(echo(), "hello\n");
    type("\r");
    EXPECT_EQ(read(), "next\n");
}

TEST_F(TerminalTest, CorrectsTheLine) {
    type("worse\b\b\x7f\x7f\x7f\x7f\x7f");
    EXPECT_EQ(echo().substr(0, 8), "worse\b \b");
    type("better no\x15"
         "good\n");
    EXPECT_EQ(read(), "good\n");
}

TEST_F(TerminalTest, CanBeReadInPieces) {
    type("abcdef\n");
    EXPECT_EQ(read(4), "abcd");
    EXPECT_TRUE(terminal.ready());
    EXPECT_EQ(read(4), "ef\n");
    EXPECT_FALSE(terminal.ready());
}

TEST_F(TerminalTest, EndOfInputIsAnEmptyRead) {
    type("\x04");
    EXPECT_TRUE(terminal.ready());
    EXPECT_EQ(read(), "");
    type("more\x04");
    EXPECT_EQ(read(), "more"); // as on Linux: the line so far
}

TEST_F(TerminalTest, ALineThatIsTooLongIsCutAndEnds) {
    for (int i = 0; i < 10; ++i) type(std::string(100, 'x'));
    type("\n");
    EXPECT_EQ(read(), std::string(511, 'x') + "\n");
}

} // namespace
} // namespace libos
