// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/overview.hpp"

#include <cstring>
#include <string>
#include <vector>

using namespace protocol;

TEST(Overview, ShowsEveryComponentWithAllItsGrants) {
    struct Image {
        ArchiveHeader header{};
        ComponentEntry components[2]{};
        Grant grants[5]{};
        ArchiveFile files[1]{};
    } image;
    image.header = {.magic = archive_magic,
                    .version = archive_version,
                    .component_count = 2,
                    .grant_count = 5,
                    .file_count = 1,
                    .components = offsetof(Image, components),
                    .grants = offsetof(Image, grants),
                    .files = offsetof(Image, files),
                    .size = 8192,
                    .system_name = "sample"};
    image.components[0] = {.name = "console",
                           .program = 0,
                           .first_grant = 0,
                           .grant_count = 3,
                           .role = Role::service,
                           .restart = Restart::on_failure,
                           .priority = 200,
                           .memory = 4 << 20,
                           .arguments = 0,
                           .argument_count = 0,
                           .cnode_radix = 10};
    image.components[1] = {.name = "linux",
                           .program = 0,
                           .first_grant = 3,
                           .grant_count = 2,
                           .role = Role::work,
                           .restart = Restart::never,
                           .priority = 100,
                           .memory = 16 << 20,
                           .arguments = 0,
                           .argument_count = 0,
                           .cnode_radix = 10};
    image.grants[0] = {
        .kind = GrantKind::io_ports, .padding = 0, .name = "uart", .first = 0x3f8, .second = 0x3ff};
    image.grants[1] = {
        .kind = GrantKind::irq, .padding = 0, .name = "irq", .first = 4, .second = 0};
    image.grants[2] = {
        .kind = GrantKind::serve_console, .padding = 0, .name = "serve", .first = 0, .second = 0};
    image.grants[3] = {
        .kind = GrantKind::guest, .padding = 0, .name = "guest", .first = 256 << 20, .second = 0};
    image.grants[4] = {
        .kind = GrantKind::file, .padding = 0, .name = "kernel", .first = 0, .second = 0};
    image.files[0] = {.name = "vmlinuz", .offset = 4096, .size = 1234};
    std::vector<std::byte> bytes(8192);
    std::memcpy(bytes.data(), &image, sizeof image);
    auto const archive = Archive::open(bytes);
    ASSERT_TRUE(archive.has_value()) << archive.error();

    std::string shown;
    Overview(*archive).print([&](std::string_view line) { shown += std::string(line) + "\n"; });
    EXPECT_EQ(shown,
              "component  role     memory  priority  restart     grants\n"
              "console    service  4 MiB   200       on failure  uart: ports 0x3f8-0x3ff\n"
              "                                                  irq: interrupt 4\n"
              "                                                  serve: serves the console\n"
              "linux      work     16 MiB  100       never       guest: guest with 256 MiB\n"
              "                                                  kernel: file vmlinuz, 1234 B\n");
}
