// SPDX-License-Identifier: Apache-2.0
// What capabilities and memory do, written down from the ABI document (sections 4.8 to 4.10, 5, 6, 7.2, 7.6, 7.7, 8.4, 8.6, 10)
// without any of the kernel's ideas: every capability is a node that knows its parent and its children, an object is a range of
// bytes, an address space a table of tables. Slow, and a plain value: a copy is another world.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "abi/profile.hpp"
#include "kernel/testing/answer.hpp"

class CapabilityModel {
public:
    using Words = std::vector<u64>;
    using CPtr = u64;
    // A slot: the CNode (or thread) it is in, by the address of its memory, and its number there.
    using Place = std::pair<u64, u64>;

    struct Cap { // members that a kind does not have stay 0
        abi::CapType type{};
        u64 start{}, bytes{}; // physical memory of the object; number of an interrupt or other thing without memory
        bool device{};
        u64 handed_out{};     // untyped: bytes from the start
        u64 rights{};         // endpoint, notification: ABI 5.1; frame: 3 read and write, 2 read, 1 none
        u64 badge{};
        unsigned radix{}, guard_size{};
        u64 guard{};
        bool mapped{};
        u64 address{};  // where, when mapped
        bool flag{};    // reply: may grant
        bool operator==(Cap const&) const = default;
        bool same_object(Cap const& other) const {
            return type != abi::CapType::untyped && type == other.type && start == other.start && bytes == other.bytes;
        }
    };
    struct Node {
        Cap cap;
        Place place;
        bool original{};
        int parent{nobody};
        std::vector<int> children{}; // the newest first
        bool alive{true};
    };
    static constexpr int nobody = -1;

    // The world: the CNode that the caller's capability space is, and the root of its address space.
    CapabilityModel(u64 root_cnode, unsigned root_radix, u64 pml4);
    // A capability that was derived from nothing.
    void put(Place place, Cap const& cap);
    void put(CPtr slot, Cap const& cap) { put(Place{root_, slot}, cap); }

    Place caller_slot{0, 0}; // where the caller has its reply capability

    // A Call on what `cap` names, which must be a kernel object.
    Answer invoke(CPtr cap, abi::Label label, Words const& words, std::vector<CPtr> const& caps);
    // What a message through `endpoint` delivers: capabilities handled, and which of them as badges.
    struct Delivered {
        u64 handled, unwrapped;
        bool operator==(Delivered const&) const = default;
    };
    Delivered deliver(CPtr endpoint, std::vector<CPtr> const& caps, std::optional<Place> receive_slot);
    // `caller` waits for an answer, which a capability in `to` can give, if that is empty: its parent is in `master`.
    void give_reply(Place master, Place to, u64 thread, bool can_grant);
    void erase(Place place); // Delete

    Node const* at(Place place) const;
    Node const* at(CPtr slot) const { return at(Place{root_, slot}); }
    Node const& node(int index) const { return nodes_[static_cast<std::size_t>(index)]; }
    // The slot that a thread means by a CPtr, if there is one.
    std::optional<Place> named(CPtr cptr) const;
    std::optional<Place> slot_for(CPtr root, u64 index, u64 depth) const; // of a CNode operation
    std::map<Place, int> const& slots() const { return at_; }
    // Empty CNodes too: address and radix of every CNode there is.
    std::map<u64, unsigned> const& cnodes() const { return cnodes_; }

    struct Page {
        u64 base, rights;
        bool operator==(Page const&) const = default;
    };
    // What user level can reach: page size in bits and address, and what is there.
    std::map<std::pair<unsigned, u64>, Page> pages() const;
    // Empty, or which bytes have two owners.
    std::string two_owners() const;

private:
    struct Entry { // of a table: leads to the next table, or is a page
        bool page;
        u64 base, rights;
    };
    struct Found {
        Place place;
        unsigned bits_left;
    };
    struct Operands { // what a CNode operation takes besides its slot
        Words const& words;
        std::vector<Place> const& caps;
    };
    std::expected<Found, std::vector<u64>> lookup(Cap const& root, u64 address, unsigned bits) const;
    std::expected<Place, Answer> slot_lookup(Cap const& root, u64 index, u64 depth, Which which) const;
    Cap cap_at(Place place) const;
    bool has_children(Place place) const { return at(place) && !at(place)->children.empty(); }
    bool is_last(int node) const;
    bool is_carved(Cap const& cap) const;

    Answer retype(Place untyped, Words const& words, std::vector<Place> const& caps);
    Answer operate(Cap const& cnode, abi::Label label, Operands const& with);
    Answer copy(Place to, bool mint, Operands const& with);
    Answer move_or_mutate(Place to, bool mutate, Operands const& with);
    Answer rotate(Place to, Operands const& with);
    Answer operate_frame(Place place, abi::Label label, Operands const& with);
    Answer map_frame(Place place, Operands const& with);
    Answer carve(Place place, Operands const& with);
    Answer operate_table(Place place, abi::Label label, Operands const& with);
    Answer map_table(Place place, Operands const& with);

    std::expected<Cap, Answer> derive(Place from, Cap cap) const;
    static std::optional<Cap> with_data(Cap cap, u64 data, bool preserve);
    void insert(Cap const& cap, Place from, Place to);
    void add_behind(Cap const& cap, int parent, int behind, Place to, bool original);
    void relocate(Place from, Place to);
    void remove(Place place);
    void revoke(Place place);
    void finish_object(Cap const& cap);

    std::expected<u64, Answer> table_for(u64 address, unsigned shift) const;
    Entry* entry_for(u64 address, unsigned shift);
    void unmap_frame(Cap const& cap);
    void unmap_table(Cap const& cap);

    u64 root_, pml4_;
    std::vector<Node> nodes_;
    std::vector<int> unused_; // of nodes_
    std::map<Place, int> at_;
    std::map<u64, unsigned> cnodes_;
    std::map<u64, std::map<u64, Entry>> tables_; // by address; entries by number
};
