// SPDX-License-Identifier: Apache-2.0
// What a manifest says and where; test/bad/ has what it must not say.
#include "tool/manifest.hpp"

#include <gtest/gtest.h>

using namespace manifest;

TEST(Manifest, EveryKeyOfAComponentIsRead) {
    auto const manifest = Manifest::parse(R"([system]
name = "test"
memory = "512M"

[[component]]
name = "driver"
program = "./driver"
memory = "4M"
priority = 7
arguments = ["-v", "two words"]
restart = "on-failure"
service = true
ports = ["0x3f8-0x3ff", "0x64", "100-200"]
irqs = [{pin = 4}, {pin = 17, level = true, active_low = true}]
devices = [{address = 0xfed00000, size = "8K"}]
files = {data = "data.bin"}
console = {keyboard = true}
timer = true
provides = "console"
)",
                                          "some/test.toml");
    ASSERT_TRUE(manifest) << manifest.error().text();
    EXPECT_EQ(manifest->memory->value, u64{512} << 20);
    ASSERT_EQ(manifest->components.size(), 1U);
    auto const& driver = manifest->components[0];
    EXPECT_EQ(driver.name.value, "driver");
    EXPECT_EQ(driver.name.place.file, "some/test.toml");
    EXPECT_EQ(driver.name.place.line, 6U);
    EXPECT_EQ(driver.memory.value, u64{4} << 20);
    EXPECT_EQ(driver.priority, 7U);
    ASSERT_EQ(driver.arguments.size(), 2U);
    EXPECT_EQ(driver.arguments[1].value, "two words");
    EXPECT_EQ(driver.restart, protocol::Restart::on_failure);
    EXPECT_EQ(driver.role, protocol::Role::service);
    ASSERT_EQ(driver.ports.size(), 3U);
    EXPECT_EQ(driver.ports[0].value.last, 0x3ff);
    EXPECT_EQ(driver.ports[1].value.first, 0x64);
    EXPECT_EQ(driver.ports[1].value.last, 0x64);
    EXPECT_EQ(driver.ports[2].value.last, 200);
    ASSERT_EQ(driver.irqs.size(), 2U);
    EXPECT_FALSE(driver.irqs[0].value.level);
    EXPECT_TRUE(driver.irqs[1].value.level && driver.irqs[1].value.active_low);
    EXPECT_EQ(driver.devices[0].value.size, 8192U);
    EXPECT_EQ(driver.files[0].value.path, "data.bin");
    EXPECT_TRUE(driver.console->value.keyboard);
    EXPECT_TRUE(driver.timer);
    EXPECT_EQ(driver.provides->value, Service::console);
}

TEST(Manifest, WhatIsNotSaidHasADefault) {
    auto const manifest = Manifest::parse("[system]\nname='t'\n[[component]]\nname='a'\nprogram='./a'\nmemory='4K'\nconsole=false\n"
                                          "[[vm]]\nname='v'\nkernel='debian-cloud'\nmemory='64M'\n",
                                          "t.toml");
    ASSERT_TRUE(manifest) << manifest.error().text();
    auto const& component = manifest->components.at(0);
    EXPECT_EQ(component.restart, protocol::Restart::never);
    EXPECT_EQ(component.role, protocol::Role::work);
    EXPECT_FALSE(component.console || component.timer || component.provides);
    auto const& vm = manifest->vms.at(0);
    EXPECT_EQ(vm.engine.value, Engine::nested);
    EXPECT_EQ(vm.command_line.value, "");
    EXPECT_FALSE(vm.initramfs);
}

TEST(Manifest, AServiceStaysUnlessItSaysOtherwise) {
    auto const role = [](std::string_view line) {
        return Manifest::parse(std::string("[system]\nname='t'\n[[component]]\nname='a'\nprogram='./a'\nmemory='4K'\n") + std::string(line), "t")
            ->components.at(0).role;
    };
    EXPECT_EQ(role("provides = 'timer'"), protocol::Role::service);
    EXPECT_EQ(role("provides = 'timer'\nservice = false"), protocol::Role::work);
    EXPECT_EQ(role(""), protocol::Role::work);
}
