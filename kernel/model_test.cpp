// SPDX-License-Identifier: Apache-2.0
// Random operations on capabilities and memory, in the kernel and in a naive model of the ABI document at once.
// TESSERA_MODEL_OPERATIONS sets how many (default 20000), TESSERA_MODEL_SEED the first seed.
#include "base/gtest.hpp"

#include <sstream>

#include "kernel/testing/model_world.hpp"
#include "kernel/testing/random.hpp"

namespace {

constexpr unsigned radix = 6;
constexpr unsigned operations_of_world = 1000;
constexpr u64 page_base = 0x200000;

class RandomOperations {
public:
    enum class Kind { anything, preempted, badges };
    static Kind kind_of(u64 seed) { return seed % 8 == 0 ? Kind::badges : seed % 4 == 1 ? Kind::preempted : Kind::anything; }
    RandomOperations(u64 seed, Kind kind)
        : random_(seed), worlds_(options(kind)), direct_(kind != Kind::anything), badges_(kind == Kind::badges) {
        worlds_.world().machine.interrupt_pending = kind == Kind::preempted;
        memory_ = worlds_.know(worlds_.world().untyped(17));
        device_ = worlds_.know(worlds_.world().untyped(23, true));
        // By themselves all the pieces of a page's mapping hardly ever come together.
        for (auto const& [type, label] : {std::pair{ObjectType::pdpt, Label::x86_pdpt_map},
                                          std::pair{ObjectType::page_directory, Label::x86_page_directory_map}}) {
            first_ = worlds_.know(worlds_.world().object(type)) + 1;
            EXPECT_EQ(worlds_.invoke({first_ - 1, label, {page_base, 0}, {abi::initial_slot::vspace}}), "");
        }
    }

    // What differs, and after what.
    std::string step() {
        std::string wrong;
        switch (random_.pick(16)) {
        case 0: wrong = communicate(); break;
        default: {
            auto const operation = choose();
            if (!worlds_.fit(operation)) return "";
            wrong = worlds_.invoke(operation);
            ++done_;
            ++answers_[{operation.label, worlds_.last_answer().label}];
            if (wrong.empty()) return "";
            std::ostringstream out;
            out << operation << ": " << wrong;
            return out.str();
        }
        }
        return wrong;
    }
    u64 done() const { return done_; }
    // How often each operation had each result.
    std::map<std::pair<Label, u64>, u64> const& answers() const { return answers_; }
    ModelWorld& worlds() { return worlds_; }

private:
    using Operation = ModelWorld::Operation;
    static TestKernel::Options options(Kind kind) {
        TestKernel::Options options;
        options.root_radix = radix;
        if (kind == Kind::preempted) options.kernel.preemption_interval = 1;
        return options;
    }
    CPtr any() { return first_ + random_.pick((u64{1} << radix) - first_); }
    CPtr with(CapType type) {
        CPtr const start = any();
        for (CPtr slot = start; slot < u64{1} << radix; ++slot)
            if (worlds_.world().cap(slot).type() == type) return slot;
        return start;
    }
    CPtr empty() {
        for (unsigned i = 0; i < 8; ++i)
            if (CPtr const slot = any(); worlds_.world().empty(slot)) return slot;
        return any();
    }
    CPtr source() { return random_.pick(6) ? any() : random_.pick(first_); }

    struct Place {
        CPtr root;
        u64 index, depth;
    };
    // A slot of the root CNode, or one inside of another CNode, by all kinds of ways; some lead nowhere.
    Place place(CPtr in_root) {
        if (direct_ || random_.pick(3)) return {abi::initial_slot::cnode, in_root, 64};
        CPtr const root = with(CapType::cnode);
        auto const node = worlds_.world().cap(root).as<CNodeCap>();
        if (!node || random_.one_in(16)) return {random_.pick(2) ? root : abi::initial_slot::cnode, random_.word(), random_.pick(70)};
        u64 const inside = node->guard << node->radix | random_.pick(node->size());
        unsigned const depth = node->guard_size + node->radix;
        if (random_.pick(4)) return {root, inside, depth};
        u64 const further = random_.pick(4);
        return {root, depth + 2 < 64 ? inside << 2 | further : inside, depth + 2}; // through a CNode there, if there is one
    }

    Operation choose() {
        Operation operation = choose_well();
        if (random_.one_in(40) && !operation.words.empty()) operation.words.pop_back();
        if (random_.one_in(40) && !operation.caps.empty()) operation.caps.pop_back();
        if (random_.one_in(40)) operation.label = static_cast<Label>(random_.pick(53));
        return operation;
    }
    Operation choose_badged() {
        switch (random_.pick(10)) {
        case 0: {
            ObjectType const type = random_.pick(2) ? ObjectType::endpoint : ObjectType::notification;
            return {memory_, Label::untyped_retype, {static_cast<u64>(type), 0, 0, 0, empty(), 1}, {abi::initial_slot::cnode}};
        }
        case 1:
        case 2:
        case 3: return copy();
        case 4:
        case 5:
            return {abi::initial_slot::cnode, Label::cnode_mint, {empty(), 64, with(CapType::endpoint), 64, abi::right::all, random_.pick(3)},
                    {abi::initial_slot::cnode}};
        case 6: return move();
        default: return {abi::initial_slot::cnode, random_.pick(8) ? Label::cnode_delete : Label::cnode_revoke, {any(), 64}};
        }
    }
    Operation choose_well() {
        if (badges_) return choose_badged();
        switch (random_.pick(15)) {
        case 0:
        case 1:
        case 2: return retype();
        case 3:
        case 4:
        case 5: return copy();
        case 14: return carve();
        case 6: return move();
        case 7: return rotate();
        case 8:
        case 9:
        case 10: {
            Place const at = place(any());
            return {at.root, random_.pick(3) ? Label::cnode_delete : Label::cnode_revoke, {at.index, at.depth}};
        }
        case 11: {
            Place const at = place(empty());
            Label const label = random_.pick(2) ? Label::cnode_save_caller : Label::cnode_cancel_badged_sends;
            return {at.root, label, {label == Label::cnode_save_caller ? at.index : any(), at.depth}};
        }
        default: return map();
        }
    }

    // The tables of guests are not in the model. (In the reference profile their numbers are far away.)
    u64 any_type() {
        u64 const type = random_.pick(20);
        bool const of_guests = type >= static_cast<u64>(ObjectType::ept_pml4) && type <= static_cast<u64>(ObjectType::ept_pt);
        return of_guests ? type + 100 : type;
    }
    Operation retype() {
        static constexpr ObjectType types[] = {ObjectType::untyped,    ObjectType::untyped,    ObjectType::tcb,
                                               ObjectType::endpoint,   ObjectType::notification, ObjectType::cnode,
                                               ObjectType::cnode,      ObjectType::pdpt,       ObjectType::pml4,
                                               ObjectType::small_page, ObjectType::small_page, ObjectType::large_page,
                                               ObjectType::page_table, ObjectType::page_directory, ObjectType::huge_page};
        ObjectType const type = random_.pick_of(types);
        u64 const bits = type == ObjectType::untyped ? 3 + random_.pick(14) : random_.pick(20) ? 1 + random_.pick(3) : random_.pick(70);
        CPtr const untyped = random_.pick(2) ? with(CapType::untyped) : random_.pick(3) ? memory_ : device_;
        Place const node = place(with(CapType::cnode));
        bool const whole = direct_ || random_.pick(3);
        u64 const offset = whole ? empty() : random_.pick(4);
        u64 const count = random_.pick(8) ? 1 + random_.pick(2) : random_.pick(300);
        return {untyped, Label::untyped_retype,
                {random_.pick(30) ? static_cast<u64>(type) : any_type(), bits, whole ? 0 : node.index, whole ? 0 : node.depth, offset, count},
                {whole ? abi::initial_slot::cnode : node.root}};
    }
    u64 data() { // a badge, or a guard's value and size
        u64 const guard_size = random_.pick(3) ? random_.pick(5) : 64 - radix - 2 + random_.pick(radix + 1);
        return random_.pick(2) ? random_.pick(3) : random_.pick(4) << 6 | guard_size;
    }
    Operation copy() {
        Place const to = place(empty());
        Place const from = place(source());
        u64 const rights = random_.pick(3) ? 15 : random_.pick(16);
        if (random_.pick(2)) return {to.root, Label::cnode_copy, {to.index, to.depth, from.index, from.depth, rights}, {from.root}};
        return {to.root, Label::cnode_mint, {to.index, to.depth, from.index, from.depth, rights, data()}, {from.root}};
    }
    Operation carve() {
        Place const to = place(empty());
        u64 const pages = random_.pick(2) ? 1 : 512;
        u64 const offset = (random_.one_in(30) ? pages : random_.pick(pages)) * 0x1000 + (random_.one_in(30) ? 0x10 : 0);
        return {with(CapType::frame), Label::frame_carve, {offset, to.index, to.depth}, {to.root}};
    }
    Operation move() {
        Place const to = place(empty());
        Place const from = place(any());
        if (random_.pick(3)) return {to.root, Label::cnode_move, {to.index, to.depth, from.index, from.depth}, {from.root}};
        return {to.root, Label::cnode_mutate, {to.index, to.depth, from.index, from.depth, data()}, {from.root}};
    }
    Operation rotate() {
        Place const to = place(random_.pick(2) ? any() : empty());
        Place const pivot = place(any());
        Place const from = random_.pick(3) ? place(any()) : to;
        return {to.root, Label::cnode_rotate, {to.index, to.depth, data(), pivot.index, pivot.depth, data(), from.index, from.depth},
                {pivot.root, from.root}};
    }
    Operation map() {
        u64 const elsewhere = random_.pick(2) * (u64{1} << random_.pick_of<u64>({21, 30, 30, 39, 39, 47}));
        u64 const address = page_base + random_.pick(3) * 0x1000 + elsewhere + (random_.one_in(20) ? 0x10 : 0);
        CPtr const root = random_.pick(8) ? abi::initial_slot::vspace : with(CapType::pml4);
        switch (random_.pick(14)) {
        case 0:
        case 1: return {with(CapType::pdpt), Label::x86_pdpt_map, {address + random_.pick(2) * (u64{1} << 39), 0}, {root}};
        case 2:
        case 3: return {with(CapType::page_directory), Label::x86_page_directory_map, {address, 0}, {root}};
        case 4:
        case 5: return {with(CapType::page_table), Label::x86_page_table_map, {address, 0}, {root}};
        case 6: return {with(CapType::frame), Label::x86_page_unmap, {}};
        case 7: return {with(CapType::pdpt), Label::x86_pdpt_unmap, {}};
        case 8: return {with(CapType::page_table), Label::x86_page_table_unmap, {}};
        case 9: return {with(CapType::page_directory), Label::x86_page_directory_unmap, {}};
        default:
            return {with(CapType::frame), random_.pick(12) ? Label::x86_page_map : Label::x86_page_get_address,
                    {random_.pick(2) ? address : address & ~u64{0x1fffff}, random_.pick(16), random_.pick(8)}, {root}};
        }
    }

    std::string communicate() {
        if (worlds_.partner_waits()) {
            CPtr const reply = with(CapType::reply);
            if (random_.pick(2) && worlds_.world().cap(reply).is<ReplyCap>()) return worlds_.answer(reply);
            return random_.pick(3) ? "" : worlds_.resume_partner();
        }
        if (random_.pick(3) == 0) return worlds_.be_called(random_.pick(2));
        CPtr through = with(CapType::endpoint);
        auto const cap = worlds_.world().cap(through).as<EndpointCap>();
        bool const same = cap && cap->object == worlds_.world().get<EndpointCap>(worlds_.endpoint()).object && cap->rights.write();
        std::vector<CPtr> caps;
        for (u64 i = random_.pick(4); i > 0; --i) caps.push_back(random_.pick(6) ? any() : worlds_.endpoint());
        return worlds_.send(same ? through : worlds_.endpoint(), caps, random_.pick(6) ? empty() : 0);
    }

    Random random_;
    ModelWorld worlds_;
    bool direct_; // a call that is preempted must mean the same when it is repeated
    bool badges_; // copies of endpoints and notifications are what this world is about
    CPtr memory_{}, device_{}, first_{};
    u64 done_{};
    std::map<std::pair<Label, u64>, u64> answers_;
};

constexpr Label operations[] = {
    Label::untyped_retype,        Label::cnode_revoke,     Label::cnode_delete,           Label::cnode_cancel_badged_sends,
    Label::cnode_copy,            Label::cnode_mint,       Label::cnode_move,             Label::cnode_mutate,
    Label::cnode_rotate,          Label::cnode_save_caller, Label::x86_pdpt_map,          Label::x86_pdpt_unmap,
    Label::x86_page_directory_map, Label::x86_page_directory_unmap, Label::x86_page_table_map, Label::x86_page_table_unmap,
    Label::x86_page_map,          Label::x86_page_unmap,   Label::x86_page_get_address,
    Label::frame_carve,
};

} // namespace

TEST(Model, RandomOperationsDoWhatTheAbiSays) {
    u64 const wanted = from_environment("TESSERA_MODEL_OPERATIONS", 50000);
    u64 seed = from_environment("TESSERA_MODEL_SEED", 1);
    std::map<std::pair<Label, u64>, u64> answers;
    for (u64 done = 0; done < wanted; ++seed) {
        RandomOperations random(seed, RandomOperations::kind_of(seed));
        for (unsigned step = 0; step < operations_of_world; ++step) {
            std::string const wrong = random.step();
            ASSERT_EQ(wrong, "") << "seed " << seed << ", step " << step;
            if (step % 100 != 0) continue;
            ASSERT_EQ(random.worlds().world().inconsistency(), "") << "seed " << seed << ", step " << step;
            ASSERT_EQ(random.worlds().world().unclear_memory(), "") << "seed " << seed << ", step " << step;
        }
        done += random.done();
        for (auto const& [what, count] : random.answers()) answers[what] += count;
    }
    if (wanted < 50000) return; // a short run proves nothing about what is rare
    for (Label const label : operations) EXPECT_GT((answers[{label, 0}]), wanted / 20000) << "successes of " << static_cast<u64>(label);
    std::map<u64, u64> errors;
    for (auto const& [what, count] : answers) errors[what.second] += count;
    for (u64 error = 1; error <= static_cast<u64>(abi::Error::not_enough_memory); ++error) EXPECT_GT(errors[error], wanted / 20000) << error;
}
