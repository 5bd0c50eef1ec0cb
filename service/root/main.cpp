// SPDX-License-Identifier: Apache-2.0
// Root: the first program. Reads the boot archive, makes every component and watches over them
// until all work has stopped.
#include "service/root/overview.hpp"
#include "service/root/supervisor.hpp"
#include "service/root/wall_clock.hpp"
#include "user/bare/print.hpp"
#include "user/bare/start.hpp"
#include "user/io_port.hpp"

namespace {

using namespace protocol;

// Where there is nothing left to do: one line, and the machine is left or halted.
[[noreturn]] void give_up(char const* why, Resources* resources = nullptr);

void leave_machine(Resources& resources, u64 value) {
    auto const slot = resources.slots().take();
    if (!slot) return;
    auto const port = user::IoPortControl{abi::initial_slot::io_port_control}.issue(
        static_cast<u16>(exit_port), static_cast<u16>(exit_port), Resources::cnode, *slot);
    // A machine without this port ignores the write and goes on below.
    if (port) [[maybe_unused]]
        auto const written = port->out8(static_cast<u16>(exit_port), static_cast<u8>(value));
}

[[noreturn]] void give_up(char const* why, Resources* resources) {
    user::print("root: ");
    user::print(why);
    user::print("\r\nsystem: stopped\r\n");
    if (resources) leave_machine(*resources, exit_failed);
    user::debug_halt();
}

u64 tsc_khz(abi::BootInfo const& boot_info) {
    auto const* chunks = reinterpret_cast<std::byte const*>(&boot_info) + 4096;
    abi::BootChunkHeader header{};
    for (u64 offset = 0; offset + sizeof header <= boot_info.extra_length;
         offset += header.length) {
        std::memcpy(&header, chunks + offset, sizeof header);
        if (header.length < sizeof header) break;
        if (header.id != std::to_underlying(abi::BootChunk::tsc_frequency)) continue;
        u32 mhz = 0;
        std::memcpy(&mhz, chunks + offset + sizeof header, sizeof mhz);
        return u64{mhz} * 1000;
    }
    return 0;
}

struct CmosPorts { // PortBus
    user::IoPort ports;
    u8 read8(u16 port) { return ports.in8(port).value_or(0xff); }
    void write8(u16 port, u8 value) {
        [[maybe_unused]] auto const written = ports.out8(port, value);
    }
};

u64 wall_clock(Resources& resources) {
    auto const slot = resources.slots().take();
    if (!slot) return 0;
    auto const ports = user::IoPortControl{abi::initial_slot::io_port_control}.issue(
        cmos::index_port, cmos::data_port, Resources::cnode, *slot);
    if (!ports) return 0;
    CmosPorts bus{*ports};
    auto const now = read_wall_clock(bus);
    [[maybe_unused]] auto const removed =
        Resources::cnode.remove(*slot); // others may be granted these ports
    resources.slots().give_back(*slot);
    return now ? now->seconds_since_1970() : 0;
}

MachineFacts find_facts(abi::BootInfo const& boot_info, Resources& resources) {
    MachineFacts facts{};
    facts.tsc_khz = tsc_khz(boot_info);
    facts.wall_clock_base = wall_clock(resources);
    facts.wall_clock_tsc = user::time_stamp();
    return facts;
}

} // namespace

void root_main(abi::BootInfo const& boot_info) {
    static Resources resources(boot_info);
    if (!resources.protect_image()) give_up("cannot protect its own image", &resources);
    auto const* archive_start = reinterpret_cast<std::byte const*>(archive_address);
    u64 const mapped_end = boot_info.ipc_buffer; // the image ends there
    auto const archive = Archive::open(
        {archive_start, mapped_end > archive_address ? mapped_end - archive_address : 0});
    if (!archive) give_up(archive.error(), &resources);
    if (archive->components().size() > max_components)
        give_up("the boot archive has too many components", &resources);
    auto const* os_file = archive->find_file("libos");
    if (!os_file) give_up("the boot archive has no file \"libos\"", &resources);
    auto const library_os = ElfImage::read(archive->contents(*os_file));
    if (!library_os) give_up("the library OS is no program that root can load", &resources);
    if (!resources.make_capability_space()) give_up("cannot make its capability space", &resources);

    MachineFacts const facts = find_facts(boot_info, resources);
    if (facts.tsc_khz == 0)
        give_up("the kernel did not tell the frequency of the time-stamp counter", &resources);
    SeedSource seeds(user::time_stamp() ^ facts.wall_clock_base << 32);
    static Components components;
    for (auto const& entry : archive->components()) components.add(resources, entry);
    static Services services;
    auto endpoint = resources.objects().make<user::Endpoint>();
    if (!endpoint || !services.prepare(resources, *archive, components))
        give_up("the machine has not enough memory for root itself", &resources);

    static World world{resources, *archive, facts, seeds, components, services, endpoint->object()};
    static Supervisor supervisor(world, *library_os, archive->contents(*os_file));
    u64 const free_at_start = resources.memory().free_bytes();
    user::Text<160> line;
    line.add("root: system \"").add(field_text(archive->header().system_name)).add("\", ");
    add_bytes(line, free_at_start).add(" free");
    supervisor.say(view(line));
    Overview(*archive).print([](std::string_view row) { supervisor.say(row); });

    supervisor.start_all();
    bool const clean = supervisor.run();
    supervisor.finish(free_at_start);
    leave_machine(resources, clean ? exit_clean : exit_failed);
    user::debug_halt();
}
