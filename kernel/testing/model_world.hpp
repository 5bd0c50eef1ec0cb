// SPDX-License-Identifier: Apache-2.0
// A kernel and the naive model of it side by side: each operation is done in both, then answers, capabilities, ancestry,
// watermarks and mappings are compared.
#pragma once

#include "kernel/testing/capability_model.hpp"
#include "kernel/testing/test_kernel.hpp"

class ModelWorld {
public:
    struct Operation {
        CPtr cap;
        Label label;
        Words words;
        std::vector<CPtr> caps{};
    };

    explicit ModelWorld(TestKernel::Options const& options);
    TestKernel& world() { return world_; }
    CapabilityModel& model() { return model_; }
    CPtr endpoint() const { return endpoint_; } // a capability to it is there from the start
    bool partner_waits() const { return partner_.state() == ThreadState::blocked_on_reply; }

    // A capability of the world's, put there from outside, becomes known to the model. It stays for ever.
    CPtr know(CPtr slot);
    // Would the operation leave the world as it is needed: the root thread with its initial capabilities, and able to go on?
    bool fit(Operation const& operation) const;

    Answer const& last_answer() const { return last_answer_; } // of an invocation
    // Where the model can copy and put back itself, the kernel needs to be told which bytes it works on.
    Thread& partner() { return partner_; }

    // Each returns what differs between kernel and model, empty: nothing.
    std::string invoke(Operation const& operation);
    // The root thread sends capabilities to a partner, who offers a slot.
    std::string send(CPtr endpoint, std::vector<CPtr> const& caps, CPtr receive_slot);
    std::string be_called(bool can_grant); // by the partner: the root thread has a caller
    std::string answer(CPtr reply);        // the partner, through a saved reply capability
    std::string resume_partner();

    std::string difference(); // of the states

private:
    using Place = CapabilityModel::Place;
    CapabilityModel::Cap seen(Cap const& cap) const;
    Slot& slot_at(Place place) const;
    Place place_in(Tcb const& thread, Tcb::SlotIndex index) const { return {machine::physical(&thread).value, index}; }
    std::string check_new_frames(Operation const& operation, Answer const& answer);
    bool of_a_thread(Slot const& slot);
    std::string compare_slots();
    std::string compare_ancestry();
    std::string compare_pages();

    TestKernel world_;
    CapabilityModel model_;
    Thread& partner_;
    CPtr endpoint_{}, endpoint_without_grant_{};
    Answer last_answer_;
    CPtr last_kept_{}; // the world is made of what lies up to here
};

std::ostream& operator<<(std::ostream& out, ModelWorld::Operation const& operation);
