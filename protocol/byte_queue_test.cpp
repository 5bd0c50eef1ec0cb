// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "protocol/byte_queue.hpp"

#include <cstring>
#include <string>
#include <string_view>

namespace {
std::string drain(auto& queue) {
    char bytes[64];
    return {bytes, queue.read(bytes)};
}
} // namespace

TEST(ByteQueue, KeepsTheOrderAroundItsEnd) {
    protocol::ByteQueue<8> queue;
    std::string all;
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(queue.write(std::string_view("abcde")), 5u);
        all += drain(queue);
    }
    EXPECT_EQ(all.size(), 500u);
    EXPECT_EQ(all.substr(495), "abcde");
}

TEST(ByteQueue, TakesWhatFits) {
    protocol::ByteQueue<8> queue;
    EXPECT_EQ(queue.write(std::string_view("0123456789")), 8u);
    EXPECT_EQ(queue.room(), 0u);
    EXPECT_EQ(drain(queue), "01234567");
    EXPECT_EQ(queue.room(), 8u);
}

TEST(ByteQueue, AWreckedCounterNeitherLeavesTheArrayNorKeepsTheReaderBusy) {
    protocol::ByteQueue<8> queue;
    u32 const wrecked = 0x80000000;
    std::memcpy(reinterpret_cast<char*>(&queue), &wrecked,
                sizeof wrecked); // the writer's counter comes first
    EXPECT_EQ(queue.used(), 8u);
    EXPECT_EQ(drain(queue), "");
    EXPECT_EQ(queue.used(), 0u);
    EXPECT_EQ(queue.write(std::string_view("ok")), 2u);
    EXPECT_EQ(drain(queue), "ok");
}
