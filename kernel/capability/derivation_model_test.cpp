// SPDX-License-Identifier: Apache-2.0
// Random mints, copies, moves, rotations, deletions and revocations, against a tree that stores what the kernel's lists only
// imply: who is whose parent. ABI 10.1.
#include "base/gtest.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "kernel/testing/test_kernel.hpp"

namespace {

// One capability as the ABI describes it. A plain copy belongs to the nearest original above it.
struct Node {
    std::string text;
    CPtr slot;
    Node* parent;
    bool original;
    bool untyped;
    u64 badge;
    std::vector<Node*> children{}; // newest first, as the kernel's lists have them
};

class Tree {
public:
    Node* add(CPtr slot, std::string text, Node* parent, Node* behind, bool original, bool untyped, u64 badge) {
        Node* const node = nodes_.emplace_back(std::make_unique<Node>(Node{text, slot, parent, original, untyped, badge})).get();
        if (parent) {
            // Right behind the capability it was made from: first among the parent's children, or after that sibling.
            auto& siblings = parent->children;
            auto const place = behind == parent ? siblings.begin() : std::find(siblings.begin(), siblings.end(), behind) + 1;
            siblings.insert(place, node);
        }
        at_[slot] = node;
        return node;
    }
    Node* at(CPtr slot) { return at_.count(slot) ? at_[slot] : nullptr; }
    void move(CPtr from, CPtr to) {
        Node* const node = at_[from];
        at_.erase(from);
        node->slot = to;
        at_[to] = node;
    }
    void swap(CPtr one, CPtr other) {
        std::swap(at_[one], at_[other]);
        at_[one]->slot = one;
        at_[other]->slot = other;
    }
    // Its children become its parent's, in its place.
    void remove(CPtr slot) {
        Node* const node = at_[slot];
        auto& siblings = node->parent->children;
        auto place = siblings.erase(std::find(siblings.begin(), siblings.end(), node));
        siblings.insert(place, node->children.begin(), node->children.end());
        for (Node* const child : node->children) child->parent = node->parent;
        at_.erase(slot);
    }
    void revoke(CPtr slot) {
        Node* const node = at_[slot];
        while (!node->children.empty()) forget(*node->children.front());
    }
    std::string text(Node const& root, unsigned depth = 0) const {
        std::string result = std::string(2 * depth, ' ') + root.text + "\n";
        for (Node const* const child : root.children) result += text(*child, depth + 1);
        return result;
    }

private:
    void forget(Node& node) {
        while (!node.children.empty()) forget(*node.children.front());
        at_.erase(node.slot);
        auto& siblings = node.parent->children;
        siblings.erase(std::find(siblings.begin(), siblings.end(), &node));
    }
    std::vector<std::unique_ptr<Node>> nodes_;
    std::map<CPtr, Node*> at_;
};

std::string badge_text(char const* name, u64 badge) { return badge ? name + (" " + std::to_string(badge)) : name; }

} // namespace

TEST(DerivationModel, TheListsAreTheTreeOfTheAbi) {
    for (u64 seed = 1; seed <= 10; ++seed) {
        std::mt19937_64 random(seed);
        auto const pick = [&](u64 below) { return random() % below; };
        TestKernel kernel({.root_radix = 6});
        kernel.checking = false; // the random users do that; here the whole tree is compared
        Tree tree;
        CPtr const top = kernel.untyped(16);
        Node* const root = tree.add(top, "untyped 64K", nullptr, nullptr, true, true, 0);
        auto const slot = [&] { return top + 1 + pick(40); };

        for (unsigned step = 0; step < 1500; ++step) {
            CPtr const from = pick(12) ? slot() : top;
            CPtr const to = slot();
            Node* const source = tree.at(from);
            bool const free = !tree.at(to);
            Node* const above = source ? (source->original ? source : source->parent) : nullptr;
            switch (pick(8)) {
            case 0:
            case 1: { // Retype
                static constexpr ObjectType types[] = {ObjectType::endpoint, ObjectType::notification, ObjectType::untyped};
                ObjectType const type = types[pick(3)];
                if (!source || !source->untyped) break; // an endpoint would be called
                bool const done = kernel.try_retype(from, type, 7, to) == success;
                if (!done) break;
                char const* const name = type == ObjectType::endpoint ? "endpoint" : type == ObjectType::notification ? "notification" : "untyped 128";
                ASSERT_TRUE(free);
                tree.add(to, name, source, source, true, type == ObjectType::untyped, 0);
                break;
            }
            case 2:
            case 3: { // Copy, Mint
                u64 const badge = pick(3);
                bool const mint = pick(2);
                bool const done = (mint ? kernel.try_mint(to, from, badge) : kernel.try_copy(to, from)) == success;
                bool const badges_fit = !mint || !source || source->untyped || source->badge == 0;
                bool const expected = free && source && badges_fit && (!source->untyped || source->children.empty());
                ASSERT_EQ(done, expected) << "seed " << seed << ", step " << step;
                if (!done) break;
                u64 const new_badge = source->untyped ? 0 : mint ? badge : source->badge;
                bool const original = source->untyped || new_badge != source->badge;
                // A new badge makes a child of the unbadged original; so does a copy of one that is not original.
                std::string const name = source->text.substr(0, source->untyped ? std::string::npos : source->text.find(' '));
                tree.add(to, source->untyped ? name : badge_text(name.c_str(), new_badge), above, source, original, source->untyped, new_badge);
                break;
            }
            case 4: { // Move
                bool const done = from != top && kernel.try_move(to, from) == success;
                if (from == top) break;
                ASSERT_EQ(done, source && free);
                if (done) tree.move(from, to);
                break;
            }
            case 5: { // swap two, by Rotate: endpoints and notifications refuse
                if (from == top || from == to || !source || !tree.at(to)) break;
                bool const done = kernel.invoke(abi::initial_slot::cnode, Label::cnode_rotate, {from, 64, 0, to, 64, 0, from, 64},
                                                {abi::initial_slot::cnode, abi::initial_slot::cnode}) == success;
                ASSERT_EQ(done, source->untyped && tree.at(to)->untyped);
                if (done) tree.swap(from, to);
                break;
            }
            case 6: // Delete
                if (from == top) break;
                kernel.remove(from);
                if (source) tree.remove(from);
                break;
            default: // Revoke
                if (pick(3)) break;
                kernel.revoke(from);
                if (source && source->original) tree.revoke(from);
                break;
            }
            ASSERT_EQ(kernel.derivations(), tree.text(*root)) << "seed " << seed << ", step " << step;
        }
    }
}
