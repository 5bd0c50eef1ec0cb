// SPDX-License-Identifier: Apache-2.0
// All sequences of a few operations over a small world (one untyped, three slots, CNodes of two), in the kernel and in the
// model. TESSERA_EXHAUSTIVE_DEPTH sets how many operations a sequence has at most.
//
// What follows from a state depends on the state alone. So a state that was met before with as many operations to go is not
// gone through again: its sequences are counted, as those of its first visit.
#include "base/gtest.hpp"

#include <iostream>
#include <sstream>
#include <unordered_map>

#include "kernel/testing/kernel_image.hpp"
#include "kernel/testing/model_world.hpp"
#include "kernel/testing/random.hpp"

namespace {

using Operation = ModelWorld::Operation;
using abi::initial_slot::cnode;

constexpr unsigned radix = 5;
constexpr unsigned untyped_bits = 9;

class AllSequences {
public:
    AllSequences() : worlds_(options()), untyped_(worlds_.know(worlds_.world().untyped(untyped_bits))), state_(worlds_.world()) {
        make_operations();
        TestKernel& world = worlds_.world();
        state_.add_kernel();
        state_.add_thread("root thread", world.root().tcb());
        state_.add_thread("partner", worlds_.partner().tcb());
        state_.add("root CNode", &world.slot(0), world.root_size() * sizeof(Slot));
        state_.add("memory", machine::window(world.get<UntypedCap>(untyped_).base), u64{1} << untyped_bits);
    }

    // The sequences of 1 to `depth` operations from the present state; each step was compared.
    u64 explore(unsigned depth) {
        if (depth == 0 || !wrong_.empty()) return 0;
        auto const [known, first] = sequences_.insert({std::to_string(depth) + key(), 0});
        if (!first) return known->second;
        KernelImage image;
        state_.save(image);
        CapabilityModel const model = worlds_.model();
        u64 count = 0;
        for (Operation const& operation : operations_) {
            if (!worlds_.fit(operation)) continue;
            ++steps_;
            path_.push_back(&operation);
            std::string const different = worlds_.invoke(operation);
            report(different.empty() ? worlds_.world().inconsistency() : different);
            count += 1 + explore(depth - 1);
            path_.pop_back();
            state_.restore(image);
            worlds_.model() = model;
        }
        return sequences_[std::to_string(depth) + key()] = count;
    }
    std::size_t operations() const { return operations_.size(); }
    u64 steps() const { return steps_; }
    std::string const& wrong() const { return wrong_; }

private:
    static TestKernel::Options options() {
        TestKernel::Options options;
        options.root_radix = radix;
        return options;
    }

    void make_operations() {
        CPtr const slots[] = {untyped_ + 1, untyped_ + 2, untyped_ + 3};
        auto const retype = [&](CPtr untyped, ObjectType type, u64 bits, CPtr to) {
            operations_.push_back({untyped, Label::untyped_retype, {static_cast<u64>(type), bits, 0, 0, to, 1}, {cnode}});
        };
        auto const on_slots = [&](CPtr root, Label label, Words words) { operations_.push_back({root, label, std::move(words), {cnode}}); };
        for (CPtr const to : slots) {
            retype(untyped_, ObjectType::endpoint, 0, to);
            retype(untyped_, ObjectType::untyped, 7, to);
            retype(untyped_, ObjectType::cnode, 1, to);
            on_slots(cnode, Label::cnode_copy, {to, 64, untyped_, 64, abi::right::all});
            on_slots(cnode, Label::cnode_delete, {to, 64});
            on_slots(cnode, Label::cnode_revoke, {to, 64});
            for (CPtr const from : slots) {
                if (from == to) continue;
                on_slots(cnode, Label::cnode_move, {to, 64, from, 64});
                on_slots(cnode, Label::cnode_mint, {to, 64, from, 64, abi::right::all, 1});
                on_slots(cnode, Label::cnode_copy, {to, 64, from, 64, abi::right::write});
            }
        }
        retype(slots[0], ObjectType::endpoint, 0, slots[1]);
        retype(slots[0], ObjectType::untyped, 6, slots[2]);
        on_slots(cnode, Label::cnode_revoke, {untyped_, 64});
        operations_.push_back({cnode, Label::cnode_rotate, {slots[0], 64, 0, slots[1], 64, 1, slots[2], 64}, {cnode, cnode}});
        operations_.push_back({cnode, Label::cnode_rotate, {slots[0], 64, 0, slots[1], 64, 0, slots[0], 64}, {cnode, cnode}});
        // Into a CNode in the first slot, also the CNode's own capability, and out again.
        on_slots(slots[0], Label::cnode_move, {0, 1, slots[1], 64});
        on_slots(slots[0], Label::cnode_move, {1, 1, slots[0], 64});
        on_slots(slots[0], Label::cnode_copy, {0, 1, slots[0], 64, abi::right::all});
        on_slots(slots[0], Label::cnode_delete, {0, 1});
        on_slots(slots[0], Label::cnode_revoke, {1, 1});
        operations_.push_back({cnode, Label::cnode_move, {slots[2], 64, 0, 1}, {slots[0]}});
    }

    // The slots and the untyped's memory, and what the model knows of order. Registers and buffers of the threads are left out:
    // the next operation brings its own.
    std::string key() {
        std::string key(reinterpret_cast<char const*>(&worlds_.world().slot(untyped_)), 4 * sizeof(Slot));
        key.append(reinterpret_cast<char const*>(&worlds_.world().slot(cnode)), sizeof(Slot));
        auto const base = worlds_.world().get<UntypedCap>(untyped_).base;
        key.append(reinterpret_cast<char const*>(machine::window(base)), u64{1} << untyped_bits);
        for (auto const& [place, index] : worlds_.model().slots())
            for (int const child : worlds_.model().node(index).children) {
                auto const& under = worlds_.model().node(child).place;
                key.append(reinterpret_cast<char const*>(&under), sizeof under);
            }
        return key;
    }
    void report(std::string const& wrong) {
        if (wrong.empty() || !wrong_.empty()) return;
        std::ostringstream out;
        for (Operation const* const operation : path_) out << *operation << "\n";
        wrong_ = out.str() + wrong;
    }

    ModelWorld worlds_;
    CPtr untyped_;
    KernelState state_;
    std::vector<Operation> operations_;
    std::vector<Operation const*> path_;
    std::unordered_map<std::string, u64> sequences_; // that follow from a state
    u64 steps_{};
    std::string wrong_;
};

} // namespace

TEST(Exhaustive, AllShortSequencesDoWhatTheAbiSays) {
    AllSequences all;
    u64 const sequences = all.explore(static_cast<unsigned>(from_environment("TESSERA_EXHAUSTIVE_DEPTH", 4)));
    EXPECT_EQ(all.wrong(), "");
    std::cout << sequences << " sequences of " << all.operations() << " operations, " << all.steps() << " different steps\n";
}
