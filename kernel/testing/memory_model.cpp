// SPDX-License-Identifier: Apache-2.0
// Retype, and what is mapped where: ABI 6, 7.6, 7.7.
#include <algorithm>
#include <sstream>

#include "kernel/testing/capability_model.hpp"

using abi::CapType;
using abi::Label;
using abi::ObjectType;

namespace {

constexpr u64 user_top = 0x00007fffffffffff;
constexpr u64 types = 12; // of objects, in the reference profile

unsigned object_bits(u64 type, u64 size_bits) {
    switch (static_cast<ObjectType>(type)) {
    case ObjectType::untyped: return static_cast<unsigned>(size_bits);
    case ObjectType::tcb: return 11;
    case ObjectType::endpoint: return 4;
    case ObjectType::notification: return 5;
    case ObjectType::cnode: return static_cast<unsigned>(size_bits) + 5;
    case ObjectType::huge_page: return 30;
    case ObjectType::large_page: return 21;
    default: return 12;
    }
}

bool is_page(u64 type) { return type >= static_cast<u64>(ObjectType::huge_page) && type <= static_cast<u64>(ObjectType::large_page); }

CapabilityModel::Cap new_object(u64 type, u64 start, u64 size_bits, bool device) {
    CapabilityModel::Cap cap{.start = start, .bytes = u64{1} << object_bits(type, size_bits)};
    switch (static_cast<ObjectType>(type)) {
    case ObjectType::untyped: cap.type = CapType::untyped; break;
    case ObjectType::tcb: cap.type = CapType::tcb; break;
    case ObjectType::endpoint:
        cap.type = CapType::endpoint;
        cap.rights = 15;
        break;
    case ObjectType::notification:
        cap.type = CapType::notification;
        cap.rights = 3;
        break;
    case ObjectType::cnode:
        cap.type = CapType::cnode;
        cap.radix = static_cast<unsigned>(size_bits);
        break;
    case ObjectType::pdpt: cap.type = CapType::pdpt; break;
    case ObjectType::pml4: cap.type = CapType::pml4; break;
    case ObjectType::page_table: cap.type = CapType::page_table; break;
    case ObjectType::page_directory: cap.type = CapType::page_directory; break;
    default:
        cap.type = CapType::frame;
        cap.rights = 3;
        break;
    }
    if (cap.type == CapType::untyped || cap.type == CapType::frame) cap.device = device;
    return cap;
}

unsigned shift_of(CapType table) { return table == CapType::pdpt ? 39 : table == CapType::page_directory ? 30 : 21; }

unsigned bits_of(u64 bytes) {
    unsigned bits = 0;
    while (u64{1} << bits < bytes) ++bits;
    return bits;
}

} // namespace

// ABI 6.3, line by line.
Answer CapabilityModel::retype(Place untyped, Words const& words, std::vector<Place> const& caps) {
    if (words.size() < 6 || caps.empty()) return truncated;
    u64 const type = words[0], size_bits = words[1], index = words[2], depth = words[3], offset = words[4], count = words[5];
    if (type >= types) return invalid_argument(0);
    if (size_bits >= 64 || object_bits(type, size_bits) > 47) return range_error(0, 47);
    if (type == static_cast<u64>(ObjectType::cnode) && size_bits == 0) return invalid_argument(1);
    if (type == static_cast<u64>(ObjectType::untyped) && size_bits < 4) return invalid_argument(1);
    Cap node = cap_at(caps[0]);
    if (depth != 0) {
        auto const place = slot_lookup(node, index, depth, Which::destination);
        if (!place) return place.error();
        node = cap_at(*place);
    }
    if (node.type != CapType::cnode) return missing(Which::destination, depth);
    u64 const slots = u64{1} << node.radix;
    if (offset > slots - 1) return range_error(0, slots - 1);
    if (count < 1 || count > 256) return range_error(1, 256);
    if (count > slots - offset) return range_error(1, slots - offset);
    for (u64 i = 0; i < count; ++i)
        if (at({node.start, offset + i})) return delete_first;
    int const parent = at_.at(untyped);
    Cap const from = cap_at(untyped);
    u64 const used = has_children(untyped) ? from.handed_out : 0;
    u64 const bytes = u64{1} << object_bits(type, size_bits);
    if ((from.bytes - used) / bytes < count) return not_enough_memory(from.bytes - used);
    if (from.device && type != 0 && !is_page(type)) return invalid_argument(1);

    u64 start = (from.start + used + bytes - 1) / bytes * bytes;
    for (u64 i = 0; i < count; ++i, start += bytes) {
        Cap const cap = new_object(type, start, size_bits, from.device);
        add_behind(cap, parent, parent, {node.start, offset + i}, true);
        if (cap.type == CapType::cnode) cnodes_[start] = cap.radix;
        if (cap.type == CapType::pdpt || cap.type == CapType::page_directory || cap.type == CapType::page_table) tables_[start] = {};
    }
    nodes_[static_cast<std::size_t>(parent)].cap.handed_out = start - from.start;
    return success;
}

// The table whose entry for `address` translates 2^shift bytes.
std::expected<u64, Answer> CapabilityModel::table_for(u64 address, unsigned shift) const {
    u64 table = pml4_;
    for (unsigned level = 39; level != shift; level -= 9) {
        auto const& entries = tables_.at(table);
        auto const entry = entries.find(address >> level & 511);
        if (entry == entries.end() || entry->second.page) return fail(missing(Which::destination, level));
        table = entry->second.base;
    }
    return table;
}

CapabilityModel::Entry* CapabilityModel::entry_for(u64 address, unsigned shift) {
    auto const table = table_for(address, shift);
    if (!table) return nullptr;
    auto const entry = tables_[*table].find(address >> shift & 511);
    return entry == tables_[*table].end() ? nullptr : &entry->second;
}

Answer CapabilityModel::operate_table(Place place, Label label, Operands const& with) {
    Cap const cap = cap_at(place);
    Label const map = cap.type == CapType::pdpt             ? Label::x86_pdpt_map
                      : cap.type == CapType::page_directory ? Label::x86_page_directory_map
                                                            : Label::x86_page_table_map;
    if (label == map) return map_table(place, with);
    if (static_cast<u64>(label) != static_cast<u64>(map) + 1) return illegal_operation;
    if (!is_last(at_.at(place))) return revoke_first;
    if (!cap.mapped) return success;
    unmap_table(cap);
    tables_[cap.start].clear();
    Cap& unmapped = nodes_[static_cast<std::size_t>(at_.at(place))].cap;
    unmapped.mapped = false;
    unmapped.address = 0;
    return success;
}

Answer CapabilityModel::map_table(Place place, Operands const& with) {
    if (with.words.size() < 2 || with.caps.empty()) return truncated;
    Cap& cap = nodes_[static_cast<std::size_t>(at_.at(place))].cap;
    if (cap.mapped) return invalid_capability(0);
    Cap const root = cap_at(with.caps[0]);
    if (root.type != CapType::pml4 || !root.mapped) return invalid_capability(1);
    unsigned const shift = shift_of(cap.type);
    u64 const address = with.words[0] >> shift << shift;
    if (address > user_top) return invalid_argument(0);
    auto const table = table_for(address, shift);
    if (!table) return table.error();
    if (entry_for(address, shift)) return delete_first;
    tables_[*table][address >> shift & 511] = {false, cap.start, 0};
    cap.mapped = true;
    cap.address = address;
    return success;
}

void CapabilityModel::unmap_table(Cap const& cap) {
    if (!cap.mapped) return;
    unsigned const shift = shift_of(cap.type);
    Entry const* const entry = entry_for(cap.address, shift);
    if (entry && !entry->page && entry->base == cap.start) tables_[*table_for(cap.address, shift)].erase(cap.address >> shift & 511);
}

Answer CapabilityModel::operate_frame(Place place, Label label, Operands const& with) {
    Cap const cap = cap_at(place);
    if (label == Label::x86_page_map) return map_frame(place, with);
    if (label == Label::frame_carve) return carve(place, with);
    if (label == Label::x86_page_get_address) return returned({cap.start});
    if (label != Label::x86_page_unmap) return illegal_operation;
    unmap_frame(cap);
    Cap& unmapped = nodes_[static_cast<std::size_t>(at_.at(place))].cap;
    unmapped.mapped = false;
    unmapped.address = 0;
    return success;
}

// abi/shadow_root.hpp.
Answer CapabilityModel::carve(Place place, Operands const& with) {
    if (with.words.size() < 3 || with.caps.empty()) return truncated;
    Cap page = cap_at(place);
    u64 const offset = with.words[0];
    if (offset % 4096 != 0) return alignment_error;
    if (offset >= page.bytes) return range_error(0, page.bytes - 4096);
    auto const to = slot_lookup(cap_at(with.caps[0]), with.words[1], with.words[2], Which::destination);
    if (!to) return to.error();
    if (at(*to)) return delete_first;
    page.start += offset;
    page.bytes = 4096;
    page.mapped = false;
    page.address = 0;
    insert(page, place, *to);
    return success;
}

Answer CapabilityModel::map_frame(Place place, Operands const& with) {
    if (with.words.size() < 3 || with.caps.empty()) return truncated;
    Cap& cap = nodes_[static_cast<std::size_t>(at_.at(place))].cap;
    u64 const address = with.words[0];
    Cap const root = cap_at(with.caps[0]);
    if (root.type != CapType::pml4 || !root.mapped) return invalid_capability(1);
    if (cap.mapped && cap.address != address) return invalid_argument(0);
    if (!cap.mapped && (address > user_top || address + cap.bytes > user_top)) return invalid_argument(0);
    if (address % cap.bytes != 0) return alignment_error;
    unsigned const shift = bits_of(cap.bytes);
    auto const table = table_for(address, shift);
    if (!table) return table.error();
    if (Entry const* const entry = entry_for(address, shift); entry && !entry->page) return delete_first;
    bool const read = with.words[1] & abi::right::read, write = with.words[1] & abi::right::write;
    tables_[*table][address >> shift & 511] = {true, cap.start, std::min<u64>(cap.rights, !read ? 1 : !write ? 2 : 3)};
    cap.mapped = true;
    cap.address = address;
    return success;
}

void CapabilityModel::unmap_frame(Cap const& cap) {
    if (!cap.mapped) return;
    unsigned const shift = bits_of(cap.bytes);
    Entry const* const entry = entry_for(cap.address, shift);
    if (entry && entry->page && entry->base == cap.start) tables_[*table_for(cap.address, shift)].erase(cap.address >> shift & 511);
}

std::map<std::pair<unsigned, u64>, CapabilityModel::Page> CapabilityModel::pages() const {
    std::map<std::pair<unsigned, u64>, Page> result;
    auto const walk = [&](auto const& self, u64 table, unsigned shift, u64 start) -> void {
        for (auto const& [index, entry] : tables_.at(table)) {
            u64 const address = start + (index << shift);
            if (entry.page) result[{shift, address}] = {entry.base, entry.rights};
            else self(self, entry.base, shift - 9, address);
        }
    };
    walk(walk, pml4_, 39, 0);
    return result;
}

// Does the frame lie in a larger one?
bool CapabilityModel::is_carved(Cap const& cap) const {
    return cap.type == CapType::frame && std::any_of(nodes_.begin(), nodes_.end(), [&](Node const& other) {
               Cap const& frame = other.cap;
               return other.alive && frame.type == CapType::frame && frame.bytes > cap.bytes && frame.start <= cap.start &&
                      cap.start + cap.bytes <= frame.start + frame.bytes;
           });
}

std::string CapabilityModel::two_owners() const {
    std::map<u64, Cap> owners; // by start
    std::ostringstream out;
    for (Node const& node : nodes_) {
        if (!node.alive || node.cap.type == CapType::untyped || node.cap.bytes == 0 || is_carved(node.cap)) continue;
        auto const [place, first] = owners.insert({node.cap.start, node.cap});
        if (!first && !place->second.same_object(node.cap)) out << "two objects at 0x" << std::hex << node.cap.start;
    }
    u64 end = 0;
    for (auto const& [start, cap] : owners) {
        if (start < end) out << "objects overlap at 0x" << std::hex << start;
        end = start + cap.bytes;
    }
    return out.str();
}
