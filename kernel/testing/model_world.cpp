// SPDX-License-Identifier: Apache-2.0
#include "kernel/testing/model_world.hpp"

#include <algorithm>
#include <cstring>
#include <sstream>

#include "kernel/capability/derivation.hpp"

using namespace abi::initial_slot;

namespace {

u64 address_of(void const* object) { return machine::physical(object).value; }

std::string text(CapabilityModel::Cap const& cap) {
    std::ostringstream out;
    out << "type " << static_cast<unsigned>(cap.type) << std::hex << " at 0x" << cap.start << " bytes 0x" << cap.bytes << " handed out 0x"
        << cap.handed_out << " rights 0x" << cap.rights << " badge 0x" << cap.badge << " guard 0x" << cap.guard << "/" << cap.guard_size
        << " mapped " << cap.mapped << " at 0x" << cap.address;
    return out.str();
}

std::string text(CapabilityModel::Place place) {
    std::ostringstream out;
    out << "slot " << place.second << " of the node at 0x" << std::hex << place.first;
    return out.str();
}

template <class Table> CapabilityModel::Cap seen_table(CapType type, Table const& table) {
    return {.type = type, .start = address_of(table.table), .bytes = 4096, .mapped = table.mapped,
            .address = table.mapped ? table.address : 0};
}

} // namespace

std::ostream& operator<<(std::ostream& out, ModelWorld::Operation const& operation) {
    out << "capability " << operation.cap << ", label " << static_cast<u64>(operation.label) << ", words";
    for (u64 const word : operation.words) out << " 0x" << std::hex << word << std::dec;
    out << ", capabilities";
    for (CPtr const cap : operation.caps) out << " " << cap;
    return out;
}

ModelWorld::ModelWorld(TestKernel::Options const& options)
    : world_(options), model_(address_of(&world_.slot(0)), options.root_radix, address_of(&world_.at<PageTable>(vspace))),
      partner_(world_.thread()) {
    world_.checking = false;
    for (CPtr i = 0; i < first_dynamic; ++i) // the thread's and its frame's stay unknown: nothing is done to them
        if (!world_.empty(i)) know(i);
    endpoint_ = know(world_.endpoint());
    endpoint_without_grant_ = last_kept_ = world_.next_slot();
    invoke({cnode, Label::cnode_mint, {endpoint_without_grant_, 64, endpoint_, 64, abi::right::read | abi::right::write, 5}, {cnode}});
    know(partner_.cptr() - 1);
    know(partner_.cptr());
    Place const master = place_in(partner_.tcb(), Tcb::reply_master);
    model_.put(master, seen(partner_.tcb().cap(Tcb::reply_master)));
    model_.caller_slot = place_in(world_.root().tcb(), Tcb::caller);
}

CPtr ModelWorld::know(CPtr slot) {
    model_.put(slot, seen(world_.cap(slot)));
    last_kept_ = std::max(last_kept_, slot);
    return slot;
}

Slot& ModelWorld::slot_at(Place place) const {
    std::byte* const start = machine::window({place.first});
    for (Tcb* const thread : {&partner_.tcb(), &const_cast<ModelWorld*>(this)->world_.root().tcb()})
        if (reinterpret_cast<std::byte*>(thread) == start) return thread->slots[place.second];
    return reinterpret_cast<Slot*>(start)[place.second];
}

CapabilityModel::Cap ModelWorld::seen(Cap const& cap) const {
    CapabilityModel::Cap result{.type = cap.type()};
    auto const object = [&](void const* start, unsigned size_bits) {
        result.start = address_of(start);
        result.bytes = u64{1} << size_bits;
    };
    switch (cap.type()) {
    case CapType::untyped: {
        auto const untyped = cap.get<UntypedCap>();
        return {.type = CapType::untyped, .start = untyped.base.value, .bytes = untyped.size(), .device = untyped.device,
                .handed_out = untyped.free_offset};
    }
    case CapType::endpoint: {
        auto const endpoint = cap.get<EndpointCap>();
        object(endpoint.object, 4);
        result.rights = endpoint.rights.to_abi();
        result.badge = endpoint.badge;
        break;
    }
    case CapType::notification: {
        auto const notification = cap.get<NotificationCap>();
        object(notification.object, 5);
        result.rights = notification.rights.to_abi();
        result.badge = notification.badge;
        break;
    }
    case CapType::cnode: {
        auto const node = cap.get<CNodeCap>();
        object(node.slots, node.radix + 5);
        result.radix = node.radix;
        result.guard_size = node.guard_size;
        result.guard = node.guard;
        break;
    }
    case CapType::frame: {
        auto const frame = cap.get<FrameCap>();
        return {.type = CapType::frame, .start = frame.base.value, .bytes = frame.bytes(), .device = frame.device,
                .rights = static_cast<u64>(frame.rights), .mapped = frame.mapped_in != MappedIn::nothing, .address = frame.address};
    }
    case CapType::tcb: object(cap.get<TcbCap>().object, 11); break;
    case CapType::asid_pool: object(cap.get<AsidPoolCap>().pool, 12); break;
    case CapType::page_table: return seen_table(cap.type(), cap.get<PageTableCap>());
    case CapType::page_directory: return seen_table(cap.type(), cap.get<PageDirectoryCap>());
    case CapType::pdpt: return seen_table(cap.type(), cap.get<PdptCap>());
    case CapType::pml4: return seen_table(cap.type(), cap.get<Pml4Cap>());
    case CapType::reply:
        result.start = address_of(cap.get<ReplyCap>().caller);
        result.flag = cap.get<ReplyCap>().can_grant;
        break;
    default: break;
    }
    return result;
}

bool ModelWorld::fit(Operation const& operation) const {
    auto const target = model_.named(operation.cap);
    if (!target) return false; // a fault
    for (CPtr const cap : operation.caps)
        if (!model_.named(cap)) return false;
    auto const* const node = model_.at(*target);
    CapType const type = node ? node->cap.type : CapType::null;
    if (type == CapType::endpoint || type == CapType::notification || type == CapType::reply) return false; // no kernel object
    if (type != CapType::cnode) return type != CapType::tcb;
    // What the world is made of is copied, but neither moved nor deleted.
    auto const kept = [&](CPtr root, u64 index, u64 depth) {
        auto const place = model_.slot_for(root, index, depth);
        return place && model_.at(*place) && place->first == model_.at(cnode)->cap.start && place->second <= last_kept_;
    };
    auto const& words = operation.words;
    switch (operation.label) {
    case Label::cnode_revoke:
    case Label::cnode_delete: return words.size() < 2 || !kept(operation.cap, words[0], words[1]);
    case Label::cnode_move:
    case Label::cnode_mutate: return words.size() < 4 || operation.caps.empty() || !kept(operation.caps[0], words[2], words[3]);
    case Label::cnode_rotate:
        return words.size() < 8 || operation.caps.size() < 2 ||
               !(kept(operation.cap, words[0], words[1]) || kept(operation.caps[0], words[3], words[4]) ||
                 kept(operation.caps[1], words[6], words[7]));
    default: return true;
    }
}

std::string ModelWorld::invoke(Operation const& operation) {
    Answer const expected = model_.invoke(operation.cap, operation.label, operation.words, operation.caps);
    last_answer_ = world_.invoke(operation.cap, operation.label, operation.words, operation.caps);
    if (last_answer_ != expected) {
        std::ostringstream out;
        out << "the kernel answers " << last_answer_ << ", the model " << expected;
        return out.str();
    }
    std::string const wrong = check_new_frames(operation, last_answer_);
    return wrong.empty() ? difference() : wrong;
}

// Retype gives out clear memory; its user writes to it.
std::string ModelWorld::check_new_frames(Operation const& operation, Answer const& answer) {
    if (operation.label != Label::untyped_retype || answer != success) return "";
    for (auto const& [place, index] : model_.slots()) {
        auto const& cap = model_.node(index).cap;
        if (cap.type != CapType::frame || cap.device || cap.start < TestKernel::outside) continue;
        std::byte* const start = machine::window({cap.start});
        if (start[0] == std::byte{0xaa}) continue; // an older one
        if (std::any_of(start, start + cap.bytes, [](std::byte byte) { return byte != std::byte{}; })) return "a new frame is not clear";
        std::memset(start, 0xaa, cap.bytes);
    }
    return "";
}

std::string ModelWorld::send(CPtr endpoint, std::vector<CPtr> const& caps, CPtr receive_slot) {
    partner_.set_receive_slot(receive_slot);
    partner_.receive(endpoint_);
    auto const place = receive_slot ? model_.slot_for(cnode, receive_slot, 64) : std::nullopt;
    auto const expected = model_.deliver(endpoint, caps, place);
    world_.root().send(endpoint, {0, {}, caps});
    Received const received = partner_.received();
    if (received.extra_caps != expected.handled || received.unwrapped != expected.unwrapped) {
        std::ostringstream out;
        out << "capabilities " << received.extra_caps << "/" << received.unwrapped << ", the model says " << expected.handled << "/"
            << expected.unwrapped;
        return out.str();
    }
    return difference();
}

std::string ModelWorld::be_called(bool can_grant) {
    partner_.start_call(endpoint_);
    world_.root().nb_receive(can_grant ? endpoint_ : endpoint_without_grant_);
    model_.give_reply(place_in(partner_.tcb(), Tcb::reply_master), model_.caller_slot, address_of(&partner_.tcb()), can_grant);
    return difference();
}

std::string ModelWorld::answer(CPtr reply) {
    world_.root().send(reply);
    model_.erase(*model_.named(reply));
    return difference();
}

std::string ModelWorld::resume_partner() {
    static_cast<void>(world_.invoke(partner_.cptr(), Label::tcb_resume));
    auto const master = model_.at(place_in(partner_.tcb(), Tcb::reply_master));
    if (!master->children.empty()) model_.erase(model_.node(master->children.front()).place);
    return difference();
}

std::string ModelWorld::difference() {
    for (std::string const& wrong : {compare_slots(), compare_ancestry(), compare_pages(), model_.two_owners()})
        if (!wrong.empty()) return wrong;
    return "";
}

std::string ModelWorld::compare_slots() {
    auto const compare = [&](Place place) -> std::string {
        auto const* const node = model_.at(place);
        auto const expected = node ? node->cap : CapabilityModel::Cap{};
        auto const found = seen(slot_at(place).cap());
        if (found == expected) return "";
        return text(place) + ": " + text(found) + ", the model has " + text(expected);
    };
    for (auto const& [start, radix] : model_.cnodes()) {
        for (u64 i = 0; i < u64{1} << radix; ++i)
            if (std::string const wrong = compare({start, i}); !wrong.empty()) return wrong;
    }
    return compare(model_.caller_slot);
}

// A thread's own copy of what it was given: nobody's parent.
bool ModelWorld::of_a_thread(Slot const& slot) {
    auto const within = [&](Tcb& thread) { return &slot >= thread.slots && &slot < thread.slots + Tcb::slot_count; };
    return within(partner_.tcb()) || within(world_.root().tcb());
}

std::string ModelWorld::compare_ancestry() {
    std::map<Slot const*, int> nodes;
    for (auto const& [place, index] : model_.slots()) nodes[&slot_at(place)] = index;
    std::map<int, std::vector<int>> children; // as the kernel's lists have them
    for (auto const& [head, node_of_head] : nodes) {
        if (head->previous()) continue;
        std::vector<Slot const*> ancestors;
        for (Slot const* at = head; at; at = at->next()) {
            while (!ancestors.empty() && !DerivationList::is_parent_of(*ancestors.back(), *at)) ancestors.pop_back();
            auto const known = nodes.find(at);
            if (known == nodes.end() && !of_a_thread(*at)) return "a capability is somewhere that no CNode of the model's is";
            if (known != nodes.end() && !ancestors.empty()) children[nodes.at(ancestors.back())].push_back(known->second);
            ancestors.push_back(at);
        }
    }
    for (auto const& [place, index] : model_.slots())
        if (children[index] != model_.node(index).children) return text(place) + " has other children than in the model";
    return "";
}

std::string ModelWorld::compare_pages() {
    std::map<std::pair<unsigned, u64>, CapabilityModel::Page> pages;
    auto const walk = [&](auto const& self, PageTable const& table, unsigned shift, u64 start) -> void {
        unsigned const entries = shift == level_shift::pml4 ? page_table_entries / 2 : page_table_entries;
        for (unsigned i = 0; i < entries; ++i) {
            PageEntry const entry{table.entries[i]};
            if (!entry.present()) continue;
            u64 const address = start + (u64{i} << shift);
            if (shift != level_shift::page_table && !entry.large()) {
                self(self, *reinterpret_cast<PageTable const*>(machine::window(entry.frame())), shift - 9, address);
                continue;
            }
            u64 const rights = !PageEntry::User::get(entry.word) ? 1 : PageEntry::Write::get(entry.word) ? 3 : 2;
            u64 const base = entry.word & PageEntry::Frame::mask & ~((u64{1} << shift) - 1);
            pages[{shift, address}] = {base, rights};
        }
    };
    walk(walk, world_.at<PageTable>(vspace), level_shift::pml4, 0);
    if (pages != model_.pages()) return "other pages are mapped than in the model";
    return "";
}
