// SPDX-License-Identifier: Apache-2.0
#include "service/root/builder.hpp"

using namespace protocol;
using user::Result;

// What a component is made of beside its pages: CNode, TCB, PML4, paging structures, badged
// capabilities.
constexpr u64 slots_for_objects = 96;

Builder::Mapping const Builder::read_only{abi::right::read, abi::attribute::ExecuteNever::mask};
Builder::Mapping const Builder::read_write{abi::right::read | abi::right::write,
                                           abi::attribute::ExecuteNever::mask};
Builder::Mapping const Builder::code{abi::right::read, 0};
Builder::Mapping const Builder::device{abi::right::read | abi::right::write,
                                       abi::attribute::ExecuteNever::mask |
                                           abi::attribute::CacheDisable::mask};

namespace {

constexpr u64 page_size = 4096;
constexpr u64 pages(u64 bytes) { return (bytes + page_size - 1) / page_size; }

// Says which step an error belongs to.
Built<> during(char const* step, Result<> const& result) {
    if (result) return {};
    BuildError error{{}, result.error(), false};
    error.step.add(step);
    return fail(error);
}

template <std::size_t Size> void put_name(char (&to)[Size], std::string_view name) {
    for (std::size_t i = 0; i < Size; ++i) to[i] = i < name.size() && i < Size - 1 ? name[i] : '\0';
}

} // namespace

ComponentInfo& Builder::information_page() {
    static ComponentInfo info;
    return info;
}

Built<> Builder::build(ElfImage const& library_os, std::span<std::byte const> file) {
    if (!shop_.take_memory(component_.entry->memory, granted_bytes(GrantKind::guest)))
        return fail(BuildError{{}, {}, true});
    TRY(during("cannot make the CNode for what it is made of",
               shop_.open(slots_needed(library_os))));
    TRY(during("cannot make its CNode and address space", make_spaces()));
    TRY(during("cannot map its own pages", map_own_pages()));
    TRY(during("cannot load the library OS", load(library_os, file)));
    TRY(during("cannot map its program", map_program()));
    TRY(during("cannot give it its own capabilities", give_fixed_capabilities()));
    TRY(give_grants());
    TRY(during("cannot give it its clients", give_clients()));
    TRY(during("cannot give it its memory", give_memory()));
    TRY(during("cannot write its information page", write_info()));
    return during("cannot start it", start(library_os.entry));
}

u64 Builder::granted_bytes(GrantKind kind) const {
    u64 bytes = 0;
    for (auto const& grant : world_.archive.grants(*component_.entry)) {
        if (grant.kind != kind) continue;
        bytes += kind == GrantKind::file    ? world_.archive.files()[grant.first].size + page_size
                 : kind == GrantKind::guest ? grant.first
                                            : grant.second;
    }
    return bytes;
}

u64 Builder::slots_needed(ElfImage const& library_os) const {
    u64 count = slots_for_objects + info_pages + os_stack_size / page_size + 2 * max_clients +
                4 * max_grants;
    for (auto const& segment : library_os.segments) count += pages(segment.memory_size) + 1;
    u64 const mapped = pages(granted_bytes(GrantKind::file)) +
                       pages(granted_bytes(GrantKind::device_memory)) +
                       pages(world_.archive.files()[component_.entry->program].size);
    return count + mapped + mapped / 512;
}

u64 Builder::memory_needed() const {
    return component_.entry->memory + granted_bytes(GrantKind::guest);
}

Result<> Builder::make_spaces() {
    cnode_ = TRY(shop_.make<user::CNode>(component_.entry->cnode_radix));
    space_ = TRY(shop_.make<user::VSpace>());
    component_.tcb = TRY(shop_.make<user::Tcb>());
    return user::AsidPool{abi::initial_slot::asid_pool}.assign(space_);
}

Result<user::Frame> Builder::new_page(u64 address, Mapping mapping) {
    auto const frame = TRY(shop_.make<user::Frame>());
    TRY(shop_.map(space_, frame, address, mapping.rights, mapping.attributes));
    return frame;
}

Result<> Builder::map_own_pages() {
    thread_page_ = TRY(new_page(thread_page_address, read_write));
    for (u64 page = 0; page < os_stack_size; page += page_size)
        TRY(new_page(os_stack_top - os_stack_size + page, read_write));
    for (u64 i = 0; i < info_pages; ++i)
        info_frames_.push(TRY(new_page(info_address + i * page_size, read_only)));
    return {};
}

// Pages that nobody writes are the archive's own; all others are new pages, filled from it.
Result<> Builder::load(ElfImage const& image, std::span<std::byte const> file) {
    for (auto const& segment : image.segments) {
        Mapping const mapping = segment.executable ? code
                                : segment.writable ? read_write
                                                   : read_only;
        u64 const end = segment.address + segment.memory_size;
        bool const shared = !segment.writable && segment.memory_size == segment.file_size &&
                            (segment.address - segment.file_offset) % page_size == 0;
        for (u64 page = segment.address / page_size * page_size; page < end; page += page_size) {
            if (shared) {
                auto const* contents = file.data() + segment.file_offset - (segment.address - page);
                user::Frame const frame{
                    TRY(shop_.copy(world_.resources.image_frame(contents).cptr))};
                TRY(shop_.map(space_, frame, page, mapping.rights, mapping.attributes));
                continue;
            }
            auto const frame = TRY(shop_.make<user::Frame>());
            TRY(world_.resources.write_frame(frame, [&](std::byte* to) {
                for (u64 i = 0; i < page_size; ++i) {
                    u64 const offset = page + i - segment.address; // wraps before the segment
                    if (offset < segment.file_size) to[i] = file[segment.file_offset + offset];
                }
            }));
            TRY(shop_.map(space_, frame, page, mapping.rights, mapping.attributes));
        }
    }
    return {};
}

Result<u64> Builder::map_file(ArchiveFile const& file) {
    auto const contents = world_.archive.contents(file);
    u64 const address = next_file_address_;
    for (u64 offset = 0; offset < contents.size(); offset += page_size) {
        auto const image_frame = world_.resources.image_frame(contents.data() + offset);
        user::Frame const frame{TRY(shop_.copy(image_frame.cptr, abi::right::read))};
        TRY(shop_.map(space_, frame, address + offset, read_only.rights, read_only.attributes));
    }
    u64 const with_gap = pages(contents.size()) + 1; // an unmapped page between two files
    next_file_address_ += with_gap * page_size;
    return address;
}

Result<> Builder::map_program() {
    auto const& file = world_.archive.files()[component_.entry->program];
    info_ = {};
    info_.program_size = file.size;
    info_.program_address = TRY(map_file(file));
    return {};
}

Result<> Builder::give(u64 to, user::CPtr from, u64 rights, u64 badge) {
    auto const place = world_.resources.place(from);
    if (badge != 0) return cnode_.mint(to, place, rights, badge, component_.entry->cnode_radix);
    return cnode_.copy(to, place, rights, component_.entry->cnode_radix);
}

Result<> Builder::give_fixed_capabilities() {
    TRY(give(slot::tcb, component_.tcb.cptr, abi::right::all));
    TRY(give(slot::cnode, cnode_.cptr, abi::right::all,
             user::plain_guard(component_.entry->cnode_radix)));
    TRY(give(slot::vspace, space_.cptr, abi::right::all));
    TRY(give(slot::thread_page, thread_page_.cptr, abi::right::all));
    TRY(give(slot::root, world_.endpoint.cptr, abi::right::write | abi::right::grant_reply,
             event::message | component_.number));
    return give(slot::events, component_.events.cptr, abi::right::read | abi::right::write);
}

Result<> Builder::give_memory() {
    info_.memory_count = TRY(shop_.give_leftover(cnode_, slot::memory, info_.memory_size_bits));
    return {};
}

Result<> Builder::write_info() {
    auto const& entry = *component_.entry;
    info_.magic = archive_magic;
    put_name(info_.name, component_.name());
    info_.tsc_khz = world_.facts.tsc_khz;
    info_.wall_clock_base = world_.facts.wall_clock_base;
    info_.wall_clock_tsc = world_.facts.wall_clock_tsc;
    info_.first_free_slot = next_slot_;
    info_.end_slot = u64{1} << entry.cnode_radix;
    info_.argument_count = entry.argument_count;
    for (auto& word : info_.random_seed) word = world_.seeds.next();
    auto const arguments = world_.archive.arguments(entry);
    std::memcpy(info_.arguments, arguments.data(), arguments.size());

    for (u64 i = 0; i < info_pages; ++i) {
        u64 const start = i * page_size;
        TRY(info_frames_[i].unmap()); // for a moment: a frame is mapped once only
        TRY(world_.resources.write_frame(info_frames_[i], [&](std::byte* to) {
            if (start >= sizeof info_) return;
            u64 const bytes = sizeof info_ - start < page_size ? sizeof info_ - start : page_size;
            std::memcpy(to, reinterpret_cast<std::byte const*>(&info_) + start, bytes);
        }));
        TRY(shop_.map(space_, info_frames_[i], info_address + start, read_only.rights,
                      read_only.attributes));
    }
    return {};
}

Result<> Builder::start(u64 entry) {
    user::Tcb const self{abi::initial_slot::tcb};
    user::Tcb::Space const space{.fault_endpoint = slot::root,
                                 .cnode = cnode_,
                                 .cnode_guard = user::plain_guard(component_.entry->cnode_radix),
                                 .vspace = space_};
    TRY(component_.tcb.configure(space, VirtAddr{thread_page_address}, thread_page_));
    TRY(component_.tcb.set_scheduling(self, component_.entry->priority,
                                      component_.entry->priority));
    user::Text<name_size> name;
    user::debug_name_thread(component_.tcb.cptr, name.add(component_.name()).c_str());
    component_.events.poll(); // forget what was meant for the one before
    constexpr u64 interrupts_on = 0x202; // rflags
    abi::UserContext registers{};
    registers.rip = entry;
    registers.rsp = os_stack_top;
    registers.rdi = info_address;
    registers.gs_base = thread_page_address;
    registers.rflags = interrupts_on;
    return component_.tcb.write_registers(registers, true);
}
