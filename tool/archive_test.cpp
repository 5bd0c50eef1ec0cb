// SPDX-License-Identifier: Apache-2.0
// From a manifest to the bytes that root reads, with programs that the test writes itself.
#include "tool/archive.hpp"

#include <cstring>
#include <elf.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using namespace protocol;

Bytes program() {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 1;
    Elf64_Phdr const load{.p_type = PT_LOAD, .p_flags = PF_R, .p_offset = 0, .p_vaddr = 0x400000, .p_paddr = 0,
                          .p_filesz = 200, .p_memsz = 200, .p_align = 4096};
    Bytes bytes(200);
    std::memcpy(bytes.data(), &header, sizeof header);
    std::memcpy(bytes.data() + sizeof header, &load, sizeof load);
    return bytes;
}

// A tree with a library OS, a console service and a file of 5000 bytes.
class Archive : public testing::Test {
protected:
    Archive() : folder_(testing::TempDir() + "archive_test_" + std::to_string(getpid())) {
        fs::create_directories(folder_ / "linux");
        fs::create_directories(folder_ / "service");
        EXPECT_TRUE(write_file(folder_ / "linux/libos", program()));
        auto service = program();
        service.push_back(7); // so that it is another file; stripped again later
        EXPECT_TRUE(write_file(folder_ / "service/console", service));
        EXPECT_TRUE(write_file(folder_ / "data", std::string(5000, 'd')));
    }
    ~Archive() override { fs::remove_all(folder_); }

    Bytes archive(std::string const& components) {
        auto const manifest = manifest::Manifest::parse("[system]\nname = 'test'\n" + components, folder_ / "test.toml");
        EXPECT_TRUE(manifest) << manifest.error().text();
        auto const plan = ValidManifest::check(*manifest, {}, {.source = folder_, .build = folder_, .guest = folder_});
        EXPECT_TRUE(plan) << plan.error().text();
        return make_archive(*plan);
    }

    template <class T> static T at(Bytes const& bytes, u64 offset) {
        T value;
        std::memcpy(&value, bytes.data() + offset, sizeof value);
        return value;
    }

    fs::path folder_;
};

} // namespace

TEST_F(Archive, HoldsComponentsGrantsAndFilesAsTheProtocolSays) {
    auto const bytes = archive(R"(
[[component]]
name = "console"
program = "service/console"
memory = "1M"
provides = "console"
ports = ["0x3f8-0x3ff"]
irqs = [{pin = 4, level = true}]

[[component]]
name = "work"
program = "service/console"
memory = "2M"
arguments = ["one", "two"]
files = {data = "data"}
console = true
)");
    auto const header = at<ArchiveHeader>(bytes, 0);
    EXPECT_EQ(header.magic, archive_magic);
    EXPECT_EQ(header.version, archive_version);
    EXPECT_STREQ(header.system_name, "test");
    EXPECT_EQ(header.size, bytes.size());
    ASSERT_EQ(header.component_count, 2U);
    ASSERT_EQ(header.grant_count, 5U);
    ASSERT_EQ(header.file_count, 3U); // library OS, program of both, data

    auto const console = at<ComponentEntry>(bytes, header.components);
    EXPECT_EQ(console.role, Role::service);
    EXPECT_EQ(console.grant_count, 3U);
    auto const irq = at<Grant>(bytes, header.grants + sizeof(Grant));
    EXPECT_EQ(irq.kind, GrantKind::irq);
    EXPECT_STREQ(irq.name, "irq0");
    EXPECT_EQ(irq.first, 4U);
    EXPECT_EQ(irq.second, 1U);

    auto const work = at<ComponentEntry>(bytes, header.components + sizeof(ComponentEntry));
    EXPECT_STREQ(work.name, "work");
    EXPECT_EQ(work.program, console.program);
    EXPECT_EQ(work.memory, u64{2} << 20);
    EXPECT_EQ(work.first_grant, 3U);
    ASSERT_EQ(work.argument_count, 3U);
    EXPECT_EQ(std::memcmp(bytes.data() + work.arguments, "work\0one\0two", 13), 0);
    auto const file_grant = at<Grant>(bytes, header.grants + 3 * sizeof(Grant));
    EXPECT_EQ(file_grant.kind, GrantKind::file);
    auto const keyboard = at<Grant>(bytes, header.grants + 4 * sizeof(Grant));
    EXPECT_EQ(keyboard.kind, GrantKind::console);
    EXPECT_EQ(keyboard.second, 1U); // the only client has the keyboard

    auto const data = at<ArchiveFile>(bytes, header.files + file_grant.first * sizeof(ArchiveFile));
    EXPECT_EQ(data.size, 5000U);
    EXPECT_EQ(data.offset % 4096, 0U);
    EXPECT_EQ(bytes[data.offset + 4999], 'd');
    EXPECT_EQ(bytes[data.offset + 5000], 0);
    EXPECT_STREQ(at<ArchiveFile>(bytes, header.files).name, "libos");
    EXPECT_EQ(at<ArchiveFile>(bytes, header.files + work.program * sizeof(ArchiveFile)).size, 200U); // stripped
}

TEST_F(Archive, IsASegmentOfTheBootModule) {
    auto const manifest = manifest::Manifest::parse("[system]\nname = 't'\n[[component]]\nname = 'a'\nprogram = 'service/console'\nmemory = '1M'\n",
                                                    folder_ / "test.toml");
    auto const plan = ValidManifest::check(*manifest, {}, {.source = folder_, .build = folder_, .guest = folder_});
    auto const module = make_boot_module(program(), *plan, {"root", 0, ""});
    ASSERT_TRUE(module) << module.error().text();
    auto const elf = at<Elf64_Ehdr>(*module, 0);
    auto const last = at<Elf64_Phdr>(*module, elf.e_phoff + (elf.e_phnum - 1U) * sizeof(Elf64_Phdr));
    EXPECT_EQ(last.p_vaddr, archive_address);
    EXPECT_EQ(at<ArchiveHeader>(*module, last.p_offset).magic, archive_magic);
}
