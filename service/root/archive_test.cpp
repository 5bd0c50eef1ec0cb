// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/archive.hpp"

#include <cstring>
#include <vector>

using namespace protocol;

namespace {

// An archive of one component with one grant, two files and two arguments, laid out as the picture
// in protocol/system.hpp.
struct Sample {
    struct Image {
        ArchiveHeader header{};
        ComponentEntry component{};
        Grant grant{};
        ArchiveFile files[2]{};
        char strings[16] = "hello\0-v";
    };
    std::vector<std::byte> bytes = std::vector<std::byte>(3 * 4096);
    Image image;

    Sample() {
        image.header = {.magic = archive_magic,
                        .version = archive_version,
                        .component_count = 1,
                        .grant_count = 1,
                        .file_count = 2,
                        .components = offsetof(Image, component),
                        .grants = offsetof(Image, grant),
                        .files = offsetof(Image, files),
                        .size = bytes.size(),
                        .system_name = "sample"};
        image.component = {.name = "hello",
                           .program = 1,
                           .first_grant = 0,
                           .grant_count = 1,
                           .role = Role::work,
                           .restart = Restart::never,
                           .priority = 100,
                           .memory = 1 << 20,
                           .arguments = offsetof(Image, strings),
                           .argument_count = 2,
                           .cnode_radix = 10};
        image.grant = {
            .kind = GrantKind::file, .padding = 0, .name = "data", .first = 0, .second = 0};
        image.files[0] = {.name = "libos", .offset = 4096, .size = 10};
        image.files[1] = {.name = "hello", .offset = 8192, .size = 4096};
    }
    auto open() {
        std::memcpy(bytes.data(), &image, sizeof image);
        return Archive::open(bytes);
    }
};

} // namespace

TEST(Archive, ShowsComponentsGrantsFilesAndArguments) {
    Sample sample;
    auto const archive = sample.open();
    ASSERT_TRUE(archive.has_value()) << archive.error();
    auto const& component = archive->components()[0];
    EXPECT_STREQ(component.name, "hello");
    EXPECT_STREQ(archive->grants(component)[0].name, "data");
    EXPECT_EQ(archive->contents(archive->files()[component.program]).size(), 4096u);
    EXPECT_EQ(archive->find_file("libos"), &archive->files()[0]);
    EXPECT_EQ(archive->find_file("absent"), nullptr);
    auto const arguments = archive->arguments(component);
    EXPECT_EQ(std::string_view(arguments.data(), arguments.size()),
              std::string_view("hello\0-v\0", 9));
}

TEST(Archive, RefusesAnotherMagicVersionOrSize) {
    Sample sample;
    sample.image.header.magic = 0;
    EXPECT_STREQ(sample.open().error(), "the boot archive is missing");
    sample = {};
    sample.image.header.version = 7;
    EXPECT_STREQ(sample.open().error(),
                 "the boot archive has another version: build the image again");
    sample = {};
    sample.image.header.size += 1;
    EXPECT_STREQ(sample.open().error(), "the boot archive is truncated");
    EXPECT_FALSE(Archive::open(std::span(sample.bytes).first(20)).has_value());
}

TEST(Archive, RefusesWhatLiesOutside) {
    auto const refuses = [](auto change) {
        Sample sample;
        change(sample.image);
        return !sample.open().has_value();
    };
    EXPECT_TRUE(refuses([](auto& image) { image.header.components = 3 * 4096 - 8; }));
    EXPECT_TRUE(refuses([](auto& image) { image.header.component_count = 0xffffffff; }));
    EXPECT_TRUE(refuses([](auto& image) { image.header.grants = ~u64{7}; }));
    EXPECT_TRUE(refuses([](auto& image) { image.header.files = 3 * 4096; }));
    EXPECT_TRUE(refuses([](auto& image) { image.files[0].size = 2 * 4096 + 1; }));
    EXPECT_TRUE(refuses([](auto& image) { image.files[0].offset = 4095; }));
    EXPECT_TRUE(refuses([](auto& image) { image.component.program = 2; }));
    EXPECT_TRUE(refuses([](auto& image) { image.component.first_grant = 1; }));
    EXPECT_TRUE(refuses([](auto& image) { image.component.priority = 254; }));
    EXPECT_TRUE(refuses([](auto& image) { image.component.cnode_radix = 30; }));
    EXPECT_TRUE(refuses([](auto& image) { image.component.memory = 100; }));
    EXPECT_TRUE(refuses([](auto& image) { image.component.arguments = 3 * 4096; }));
    EXPECT_TRUE(refuses([](auto& image) { image.component.argument_count = 20000; }));
    EXPECT_TRUE(refuses([](auto& image) { image.grant.first = 2; }));
    EXPECT_FALSE(refuses([](auto&) {}));
}

TEST(Archive, RefusesNumbersThatRootCouldNotUse) {
    auto const refuses = [](GrantKind kind, u64 first, u64 second) {
        Sample sample;
        sample.image.grant.kind = kind;
        sample.image.grant.first = first;
        sample.image.grant.second = second;
        return !sample.open().has_value();
    };
    EXPECT_FALSE(refuses(GrantKind::io_ports, 0x3f8, 0xffff));
    EXPECT_TRUE(refuses(GrantKind::io_ports, 0x3f8, 0x3f7));
    EXPECT_TRUE(refuses(GrantKind::io_ports, 0, 0x10000));
    EXPECT_FALSE(refuses(GrantKind::device_memory, 0xfed00000, 0x1000));
    EXPECT_TRUE(refuses(GrantKind::device_memory, 0xfed00000, 0));
    EXPECT_TRUE(refuses(GrantKind::device_memory, 0xfed00001, 0x1000));
    EXPECT_TRUE(refuses(GrantKind::device_memory, ~u64{4095}, 0x2000));
    EXPECT_FALSE(refuses(GrantKind::guest, 2 << 20, 0));
    EXPECT_TRUE(refuses(GrantKind::guest, 1 << 20, 0));
    EXPECT_TRUE(refuses(GrantKind::guest, 0, 0));
    EXPECT_TRUE(refuses(GrantKind{99}, 0, 0));
}

TEST(Archive, RefusesNamesThatFillTheirField) {
    Sample sample;
    std::memset(sample.image.component.name, 'x', sizeof sample.image.component.name);
    EXPECT_STREQ(sample.open().error(), "a component has no name");
    sample = {};
    sample.image.grant.name[0] = 0;
    EXPECT_STREQ(sample.open().error(), "a grant has no name");
}
