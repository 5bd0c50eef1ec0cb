// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/output.hpp"

#include <string>

namespace {
struct Fake {
    std::string* printed;
    int* rings;
    void put(char c) { *printed += c; }
    void ring() { ++*rings; }
};
struct World {
    std::string printed;
    int rings = 0;
    Output<Fake> output{{&printed, &rings}};
    protocol::ConsolePage page{};
    std::string queued() {
        char bytes[4096];
        return {bytes, page.output.read(bytes)};
    }
};
} // namespace

TEST(Output, GoesToTheDebugConsoleUntilTheServiceRuns) {
    World world;
    world.output.line("one");
    world.output.use(world.page);
    world.output.line("two");
    EXPECT_EQ(world.printed, "one\r\n");
    EXPECT_EQ(world.queued(), "two\n");
    EXPECT_EQ(world.rings, 1);
}

TEST(Output, CountsLinesThatDoNotFitAndSaysSoLater) {
    World world;
    world.output.use(world.page);
    std::string const line(1000, 'x');
    for (int i = 0; i < 5; ++i) world.output.line(line);
    EXPECT_EQ(world.queued().size(), 2002u);
    EXPECT_EQ(world.page.output_waiting, 1u);
    world.output.line("after");
    EXPECT_EQ(world.queued(), "root: 3 lines were lost, the console was too slow\nafter\n");
}

TEST(Output, PrintsWhatADeadServiceHasNotTaken) {
    World world;
    world.output.use(world.page);
    world.output.line("last words");
    world.output.leave();
    world.output.line("more");
    EXPECT_EQ(world.printed, "last words\nmore\r\n");
}
