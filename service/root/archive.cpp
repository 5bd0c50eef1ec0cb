// SPDX-License-Identifier: Apache-2.0
#include "service/root/archive.hpp"

#include "protocol/component.hpp"
#include "service/root/text.hpp"

using namespace protocol;

namespace {

constexpr u64 max_irqs = 8;             // event::first_irq << n
constexpr u64 max_console_clients = 31; // and root
constexpr u64 guest_unit = 2 << 20;     // bytes

template <std::size_t Size> bool is_name(char const (&field)[Size]) {
    auto const length = field_text(field).size();
    return length > 0 && length < Size;
}

// Grants whose numbers root uses as they are.
char const* check_numbers(Grant const& grant) {
    switch (grant.kind) {
    case GrantKind::io_ports:
        if (grant.first > grant.second || grant.second > 0xffff)
            return "a range of I/O ports is not in 0..0xffff";
        return nullptr;
    case GrantKind::device_memory:
        if ((grant.first | grant.second) % 4096 != 0 || grant.second == 0 ||
            grant.first + grant.second < grant.first)
            return "device memory granted is not made of pages";
        return nullptr;
    case GrantKind::guest:
        if (grant.first % guest_unit != 0 || grant.first == 0)
            return "a guest's memory is not a multiple of 2 MiB";
        return nullptr;
    case GrantKind::irq:
    case GrantKind::file:
    case GrantKind::console:
    case GrantKind::timer:
    case GrantKind::serve_console:
    case GrantKind::serve_timer: return nullptr;
    }
    return "a grant is of no known kind";
}

} // namespace

std::expected<Archive, char const*> Archive::open(std::span<std::byte const> bytes) {
    if (bytes.size() < sizeof(ArchiveHeader)) return fail("the boot archive is missing");
    Archive archive(bytes);
    auto const& header = archive.header();
    if (header.magic != archive_magic) return fail("the boot archive is missing");
    if (header.version != archive_version)
        return fail("the boot archive has another version: build the image again");
    if (header.size > bytes.size()) return fail("the boot archive is truncated");
    archive.bytes_ = bytes.first(header.size);
    if (char const* error = archive.check()) return fail(error);
    return archive;
}

bool Archive::holds(u64 offset, u64 count, u64 size) const {
    return offset <= bytes_.size() && count <= (bytes_.size() - offset) / size;
}

char const* Archive::check() const {
    if (!holds(header().components, header().component_count, sizeof(ComponentEntry)) ||
        header().components % 8 != 0)
        return "the boot archive's table of components lies outside of it";
    if (!holds(header().grants, header().grant_count, sizeof(Grant)) || header().grants % 8 != 0)
        return "the boot archive's table of grants lies outside of it";
    if (!holds(header().files, header().file_count, sizeof(ArchiveFile)) || header().files % 8 != 0)
        return "the boot archive's table of files lies outside of it";
    for (auto const& file : files())
        if (file.offset % 4096 != 0 || !holds(file.offset, file.size, 1))
            return "a file of the boot archive lies outside of it or is not aligned";
    for (auto const& component : components())
        if (char const* error = check_component(component)) return error;
    u64 console_clients = 0, timer_clients = 0;
    for (auto const& component : components()) {
        console_clients += count(component, GrantKind::console);
        timer_clients += count(component, GrantKind::timer);
    }
    if (console_clients > max_console_clients || timer_clients > max_clients)
        return "the console or the timer has more clients than it can serve";
    return nullptr;
}

u64 Archive::count(ComponentEntry const& component, GrantKind kind) const {
    u64 number = 0;
    for (auto const& grant : grants(component)) number += grant.kind == kind;
    return number;
}

char const* Archive::check_component(ComponentEntry const& component) const {
    if (!is_name(component.name)) return "a component has no name";
    if (component.program >= header().file_count)
        return "a component's program is not in the boot archive";
    if (component.first_grant > header().grant_count ||
        component.grant_count > header().grant_count - component.first_grant)
        return "a component's grants lie outside of the boot archive's table";
    if (component.grant_count > max_grants)
        return "a component has more grants than its information page holds";
    if (component.priority < 1 || component.priority > 253)
        return "a component's priority is not in 1..253";
    if (component.cnode_radix < 8 || component.cnode_radix > 16)
        return "a component's CNode radix is not in 8..16";
    if (component.memory % 4096 != 0) return "a component's memory is not a multiple of 4 KiB";
    for (auto const& grant : grants(component)) {
        if (char const* error = check_numbers(grant)) return error;
        if (!is_name(grant.name)) return "a grant has no name";
        if (grant.kind == GrantKind::file && grant.first >= header().file_count)
            return "a file granted is not in the boot archive";
    }
    if (count(component, GrantKind::irq) > max_irqs)
        return "a component has more than 8 interrupts";
    if (count(component, GrantKind::guest) > 1) return "a component has more than one guest";

    u64 end = component.arguments;
    for (u32 i = 0; i < component.argument_count; ++i) {
        while (holds(end, 1, 1) && *at<char>(end) != 0) ++end;
        if (!holds(end, 1, 1)) return "a component's arguments lie outside of the boot archive";
        ++end;
    }
    if (end - component.arguments > max_arguments_size)
        return "a component's arguments do not fit into its information page";
    return nullptr;
}

std::span<ComponentEntry const> Archive::components() const {
    return {at<ComponentEntry>(header().components), header().component_count};
}
std::span<Grant const> Archive::grants(ComponentEntry const& component) const {
    return {at<Grant>(header().grants) + component.first_grant, component.grant_count};
}
std::span<ArchiveFile const> Archive::files() const {
    return {at<ArchiveFile>(header().files), header().file_count};
}
std::span<std::byte const> Archive::contents(ArchiveFile const& file) const {
    return bytes_.subspan(file.offset, file.size);
}
ArchiveFile const* Archive::find_file(std::string_view name) const {
    for (auto const& file : files())
        if (field_text(file.name) == name) return &file;
    return nullptr;
}
std::span<char const> Archive::arguments(ComponentEntry const& component) const {
    u64 end = component.arguments;
    for (u32 i = 0; i < component.argument_count; ++i, ++end)
        while (*at<char>(end) != 0) ++end;
    return {at<char>(component.arguments), end - component.arguments};
}
