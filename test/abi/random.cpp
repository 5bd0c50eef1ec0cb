// SPDX-License-Identifier: Apache-2.0
// Random system calls of three threads, and all that they can see of them, as one number for each round. The numbers below were
// recorded on the original kernel: whoever says the same has done the same.
#include "test/abi/random.hpp"

#include <type_traits>

#include "test/abi/check.hpp"
#include "test/abi/console.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

extern "C" char __executable_start[];

namespace {

constexpr unsigned rounds = 64, steps_of_round = 400, puppets = 3;
constexpr u64 slots = 24, nodes = 4;

class Round {
public:
    explicit Round(u64 seed) : random_(seed) {
        for (unsigned i = 0; i < 3; ++i) must("memory", retype(scope_.memory(), ObjectType::untyped, 14, first_ + i));
        must("an endpoint for CNodes", retype(scope_.memory(), ObjectType::endpoint, 0, endpoint_));
        must("an authority", retype(scope_.memory(), ObjectType::tcb, 0, authority_));
        must("its authority", invoke(authority_, Label::tcb_set_mc_priority, {255}, {initial_tcb}));
        must("a thread to play with", copy_cap(first_ + 3, threads_[1].tcb()));
        must("another", copy_cap(first_ + 4, threads_[2].tcb()));
        must("an endpoint", retype(scope_.memory(), ObjectType::endpoint, 0, first_ + 5));
        must("a badged one", mint_cap(first_ + 6, first_ + 5, 0x11));
        must("a notification", retype(scope_.memory(), ObjectType::notification, 0, first_ + 7));
        must("a badged one", mint_cap(first_ + 8, first_ + 7, 0x12));
    }
    ~Round() {
        for (CPtr slot = first_; slot <= authority_; ++slot) delete_cap(slot);
    }
    Round(Round const&) = delete;
    Round& operator=(Round const&) = delete;
    u64 play() {
        for (unsigned i = 0; i < steps_of_round; ++i) {
            if (i % 40 == 0) configure();
            step();
            if (i % 20 == 19) {
                for (CPtr slot = first_; slot < first_ + slots + nodes; ++slot) see(empty(slot));
            }
        }
        return seen_;
    }

private:
    void configure() {
        for (Puppet const& thread : threads_) {
            thread.suspend();
            invoke(thread.tcb(), Label::tcb_unbind_notification);
            must("configure",
                 invoke(thread.tcb(), Label::tcb_configure, {handler_, 0, 0, reinterpret_cast<u64>(&thread.buffer())},
                        {root_cnode, root_vspace, thread.buffer_frame()}));
            must("priority", invoke(thread.tcb(), Label::tcb_set_sched_params, {255, puppet_priority}, {initial_tcb}));
        }
    }
    void step() {
        Step const step = random_step(random_, all_);
        Puppet const* thread = &threads_[random_.below(puppets)];
        // A thread that waits is left alone more often than not.
        for (unsigned i = 0; i < puppets && !thread->returned() && random_.below(8) != 0; ++i)
            thread = &threads_[random_.below(puppets)];
        thread->buffer().receive_cnode = random_.below(8) == 0 ? first_ + random_.below(slots) : root_cnode;
        thread->buffer().receive_index = first_ + random_.below(slots);
        thread->buffer().receive_depth = depth;
        thread->transfer(step.call, step.cptr, step.label, step.words, step.caps);
        look();
    }
    void look() {
        for (Puppet const& thread : threads_) {
            PuppetState const& state = thread.state();
            see(state.returned);
            Answer const answer = thread.answer();
            see(answer.badge);
            see(answer.info);
            for (unsigned i = 0; i < answer.words.count; ++i) see(answer.words[i]);
            for (u64 const badge : thread.buffer().caps_or_badges) see(badge);
        }
        // No fault stays in the handler's queue: what becomes of it there when its thread is resumed is a defect of the original.
        bool answered = false;
        for (Answer fault = receive_now(handler_); fault.info != no_message; fault = receive_now(handler_)) {
            look_at_fault(fault);
            if (!answered && random_.below(2) == 0) reply_with(random_.below(2));
            answered = true;
        }
    }
    void look_at_fault(Answer const& fault) {
        u64 const label = abi::MessageInfo{fault.info}.label();
        // Not seen: slots of this program's, what depends on the processor, what is undefined.
        u64 const hidden = label == 1 && fault.words[1] - first_ >= slots + nodes ? 1 << 1
                           : label == 5                                           ? 1 << 2 | 1 << 3
                           : label == 3                                           ? 1 << 1
                           : label == 2                                           ? 1 << 2 | 1 << 10 | 1 << 16
                                                                                  : 0;
        see(fault.info);
        for (unsigned i = 0; i < fault.words.count; ++i) see((hidden >> i & 1) != 0 ? 0 : fault.words[i]);
    }
    void see(u64 value) {
        // Addresses depend on the size of the program.
        u64 const image = reinterpret_cast<u64>(__executable_start), code = reinterpret_cast<u64>(puppet_syscall);
        if (value >= image && value < image + (1 << 20)) value = value - code + (u64{1} << 51);
        seen_ = (seen_ ^ value) * 0x100000001b3;
        seen_ ^= seen_ >> 32;
    }

    Random random_;
    Scope scope_;
    CPtr handler_ = scope_.endpoint();
    Puppet threads_[puppets]{Puppet{scope_}, Puppet{scope_}, Puppet{scope_}};
    static constexpr CPtr first_ = 6000; // the same on every kernel
    static constexpr CPtr endpoint_ = first_ + slots + nodes, authority_ = endpoint_ + 1;
    Slots const all_{first_, slots, first_ + slots, nodes, endpoint_, authority_};
    u64 seen_ = 0xcbf29ce484222325;
};

constexpr u64 recorded[rounds] = {
    0x5f874657a54bd3f1, 0xc0f7992601466484, 0xe9f1917144992288, 0x6ff2102f69519487, 0xddf23b369b64f9aa, 0xc8482226ae0db3e5,
    0x5614b3d6648ba2f3, 0x806d1ea2882bac64, 0xa5c1c9f49a314522, 0x7383777aced048a1, 0x29a419545ad750a7, 0x3e60f83bb4439a75,
    0x7629805c057bdff3, 0x9289a33b6a20abc8, 0x658bfa93cdb59819, 0x73ecff1e502f3351, 0x5d58f9381a096ef8, 0xe3fe1cbcfebb69f5,
    0xb13acb0f4e589a87, 0x5bfd25965a79be78, 0xea3b80687856f14b, 0x17a5b0b0c912193,  0xd7731758f1b2fc54, 0x72a88cfaa4b8d59b,
    0x11fdbdc27ebaa074, 0xcfee9bb5e05c1a0,  0xa7d7bd260727e875, 0x6f7d1a0485f2e506, 0x3df9b9437e71d85a, 0xfd9c181ea3b76afc,
    0xf6ec2698b5cd54f8, 0xbb9d74f1a83987ef, 0x11760abd757e0740, 0x9eb720db27e2d595, 0x3ab82ced3c089dbb, 0xf449009159ca4683,
    0x287030e71b3f09d5, 0x52550bcea637ee3a, 0xd56dd2cb60ed9cd7, 0xed35d5e76ca7ac92, 0x9026e3e3de671a8e, 0x7a5946171fb2c1f8,
    0xa423c11f51e8f53f, 0xfbe7de685f8cb501, 0x7b44df9314fe9c6d, 0xdf56bbe4940d44,   0x6153462f25229d70, 0x90171115139e578a,
    0xa3cbac330bce0776, 0x15b0c3fab7aa351c, 0xcea9b366ae74b1b9, 0xc3a76b15680d9d98, 0xa752601ea1dcdeeb, 0x8ed4d40a0544db91,
    0x5289e586ff691249, 0xfd1be1f90a99013d, 0xd20e1ca8f0560dfe, 0x304c2624015c66a8, 0xf5175660172fb235, 0xb31c24486f0b5499,
    0x8ba82ecf2b3ec352, 0x9ec9cf745a9712fb, 0xaa82d05358169928, 0xe0f068d36038ac36,
};

} // namespace

void check_random() {
    // Recorded with the reference configuration: in another, a random number means another label or type.
    if (!std::is_same_v<Label, abi::reference::Label>) return;
    begin_group("random calls");
    for (unsigned i = 0; i < rounds; ++i) {
        u64 const seen = Round(i + 1).play();
        user::Text<64> what;
        what.add("1 to 11 random calls, round ").decimal(i);
        check_equal(what.c_str(), seen, recorded[i]);
    }
}
