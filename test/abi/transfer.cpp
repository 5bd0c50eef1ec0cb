// SPDX-License-Identifier: Apache-2.0
// 8.4: what of a message arrives: words, and capabilities.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

u64 info(u64 label, u64 length, u64 extra = 0, u64 unwrapped = 0) {
    return abi::MessageInfo::make(label, length, extra, unwrapped).word;
}

void check_words() {
    Scope scope;
    CPtr const endpoint = scope.endpoint();
    Puppet const a(scope), b(scope);
    auto const send = [&](u64 word) {
        for (unsigned i = 0; i < 120; ++i) a.buffer().message[i] = 0x100 + i, b.buffer().message[i] = 0;
        b.receive(endpoint);
        a.enter(abi::Syscall::send, endpoint, word, {1, 2, 3, 4});
        return b.answer();
    };
    for (u64 const length : {u64{0}, u64{1}, u64{3}, u64{4}, u64{5}, u64{20}}) {
        Words expected{1, 2, 3, 4};
        for (unsigned i = 4; i < length; ++i) expected.values[i] = 0x100 + i;
        for (u64 i = length; i < 4; ++i) expected.values[i] = 0;
        expected.count = static_cast<unsigned>(length);
        check_answer("8.4 a message of 0, 1, 3, 4, 5, 20 words", send(info(3, length)), Answer{0, info(3, length), expected});
    }
    check_equal("8.4 120 words: length", send(info(3, 120)).info, info(3, 120));
    bool all = true;
    for (unsigned i = 4; i < 120; ++i) all = all && b.buffer().message[i] == 0x100 + i;
    check("8.4 120 words: all", all);
    check_equal("8.4 length 127 counts as 120", send(info(3, 120) | 127).info, info(3, 120));
    check_equal("8.4 length 5: the sixth word of the receiver's buffer is left", (send(info(3, 5)), b.buffer().message[5]), 0);
    check_equal("8.4 the registers' words are not written to the buffer", (send(info(3, 5)), b.buffer().message[0]), 0);
    check_equal("8.4 capsUnwrapped of the sender does not arrive", send(info(3, 0, 0, 7)).info, info(3, 0));
    check_equal("4.3 the label has 52 bits", send(info((u64{1} << 52) - 1, 0)).info, info((u64{1} << 52) - 1, 0));
    a.buffer().tag = 77;
    check_equal("4.3 the tag is not touched", (send(info(3, 5)), b.buffer().tag), 0);

    a.enter(abi::Syscall::send, endpoint, info(3, 5), {1, 2, 3, 4});
    a.buffer().message[4] = 0x999;
    check_answer("8.4 a blocked sender's words are taken when they are transferred", receive_now(endpoint),
                 message(3, {1, 2, 3, 4, 0x999}));

    Puppet const bare(scope, {.ipc_buffer = false});
    bare.receive(endpoint);
    a.enter(abi::Syscall::send, endpoint, info(3, 20), {1, 2, 3, 4});
    check_equal("8.4 to a receiver without buffer: 4 words", bare.answer().info, info(3, 4));
    b.receive(endpoint);
    bare.enter(abi::Syscall::send, endpoint, info(3, 20), {1, 2, 3, 4});
    check_equal("8.4 from a sender without buffer: 4 words", b.answer().info, info(3, 4));
}

// A sender and a receiver with a receive slot, which is empty again after each message.
struct Transfer {
    Scope scope;
    CPtr endpoint = scope.endpoint(), badged = scope.mint(endpoint, 5), other = scope.mint(scope.endpoint(), 9),
         frame = scope.make(ObjectType::small_page);
    CPtr slot = scope.slot(), empty_slot = scope.slot();
    Puppet sender{scope}, receiver{scope};

    Transfer() { receive_into(root_cnode, slot, depth); }
    void receive_into(CPtr root, u64 index, u64 bits) const {
        receiver.buffer().receive_cnode = root;
        receiver.buffer().receive_index = index;
        receiver.buffer().receive_depth = bits;
    }
    u64 send(CPtr through, Words const& caps) const {
        receiver.buffer().caps_or_badges[0] = receiver.buffer().caps_or_badges[1] = receiver.buffer().caps_or_badges[2] = 0xbad;
        delete_cap(slot);
        receiver.receive(endpoint);
        sender.send(through, 1, {}, caps);
        return receiver.answer().info;
    }
    u64 badge(unsigned i) const { return receiver.buffer().caps_or_badges[i]; }
};

void check_caps() {
    Transfer t;
    check_equal("8.4 one capability arrives", t.send(t.endpoint, {t.other}), info(1, 0, 1));
    check("8.4 ... in the receive slot", !empty(t.slot));
    check("8.4 ... a copy: the sender keeps its own", !empty(t.other));
    check_equal("8.4 a second has no place: the transfer stops", t.send(t.endpoint, {t.other, t.frame}), info(1, 0, 1));
    check_equal("8.4 an empty slot as capability: stops before it", t.send(t.endpoint, {t.empty_slot, t.other}), info(1, 0, 0));
    check("8.4 ... and nothing arrives", empty(t.slot));
    check_equal("8.4 an empty slot second: the first arrives", t.send(t.endpoint, {t.other, t.empty_slot}), info(1, 0, 1));
    check_equal("8.4 a capability to the same endpoint is unwrapped", t.send(t.endpoint, {t.badged}), info(1, 0, 1, 1));
    check_equal("8.4 ... to its badge", t.badge(0), 5);
    check("8.4 ... no slot is used", empty(t.slot));
    check_equal("8.4 three of them", t.send(t.endpoint, {t.badged, t.endpoint, t.badged}), info(1, 0, 3, 7));
    check("8.4 ... with their badges", t.badge(0) == 5 && t.badge(1) == 0 && t.badge(2) == 5);
    check_equal("8.4 unwrapped ones before and after a copied one", t.send(t.endpoint, {t.badged, t.other, t.badged}),
                info(1, 0, 3, 5));
    check("8.4 ... a copied one's badge word is not written", t.badge(0) == 5 && t.badge(1) == 0xbad && t.badge(2) == 5);
    check("8.4 ... and it is in the slot", !empty(t.slot));
    check_equal("8.4 a copied one, then one without place: stops, what follows is not unwrapped",
                t.send(t.endpoint, {t.other, t.other, t.badged}), info(1, 0, 1));
    check_equal("8.4 through a badged capability as well", t.send(t.badged, {t.endpoint, t.other}), info(1, 0, 2, 1));

    CPtr const table = t.scope.make(ObjectType::page_table), parent = t.scope.untyped(12);
    must("a child", retype(parent, ObjectType::endpoint, 0, t.scope.slot()));
    check_equal("8.4 one that cannot be derived: an unmapped table", t.send(t.endpoint, {table, t.badged}), info(1, 0, 0));
    check_equal("8.4 ... an untyped with children", t.send(t.endpoint, {parent}), info(1, 0, 0));
    check_equal("8.4 ... IRQ control", t.send(t.endpoint, {abi::initial_slot::irq_control}), info(1, 0, 0));
    check_equal("8.4 a TCB arrives", t.send(t.endpoint, {t.sender.tcb()}), info(1, 0, 1));
    check_answer("8.4 ... and works", invoke(t.slot, Label::tcb_set_flags, {0, 0}), done({0}));
    CPtr const weak = t.scope.copy(t.other, abi::right::read);
    check_equal("8.4 rights are the sender's: a receive-only endpoint", t.send(t.endpoint, {weak}), info(1, 0, 1));
    check_answer("8.4 ... stays one", invoke(t.slot, Label::invalid_invocation), invalid_capability(0));
    check_equal("8.4 without grant none arrives",
                t.send(t.scope.copy(t.endpoint, abi::right::write | abi::right::grant_reply), {t.other}), info(1, 0, 0));
    check("8.4 ... not even into the slot", empty(t.slot));
    check_equal("8.4 without grant none is unwrapped", t.send(t.scope.copy(t.endpoint, abi::right::write), {t.badged}),
                info(1, 0, 0));
}

void check_receive_slot() {
    Transfer t;
    CPtr const node = t.scope.cnode(3), full = t.scope.notification();
    struct Row {
        char const* what;
        CPtr root;
        u64 index, bits;
        u64 arrive;
    };
    Row const rows[] = {
        {"8.4 receive slot: occupied -> no slot", root_cnode, full, depth, 0},
        {"8.4 receive slot: receiveCNode not found -> no slot", ~u64{0}, t.slot, depth, 0},
        {"8.4 receive slot: receiveCNode is no CNode -> no slot", full, t.slot, depth, 0},
        {"8.4 receive slot: depth 0 -> no slot", root_cnode, t.slot, 0, 0},
        {"8.4 receive slot: depth 65 -> no slot", root_cnode, t.slot, 65, 0},
        {"8.4 receive slot: bits left over -> no slot", node, 1, 4, 0},
        {"8.4 receive slot: in another CNode", node, 5, 3, 1},
        {"8.4 receive slot: there again, now occupied", node, 5, 3, 0},
    };
    for (Row const& row : rows) {
        t.receive_into(row.root, row.index, row.bits);
        check_equal(row.what, t.send(t.endpoint, {t.other}), info(1, 0, row.arrive));
    }
    t.receive_into(root_cnode, full, depth);
    check_equal("8.4 unwrapping needs no slot", t.send(t.endpoint, {t.badged, t.badged}), info(1, 0, 2, 3));
    Puppet const bare(t.scope, {.ipc_buffer = false});
    bare.receive(t.endpoint);
    t.sender.send(t.endpoint, 1, {}, {t.badged});
    check_equal("8.4 a receiver without buffer gets none", bare.answer().info, info(1, 0, 0));
}

void check_queued() {
    Transfer t;
    user::ipc_buffer().receive_cnode = root_cnode;
    user::ipc_buffer().receive_index = t.slot;
    user::ipc_buffer().receive_depth = depth;
    t.sender.send(t.endpoint, 1, {}, {t.other});
    check_equal("8.4 a queued sender's capability arrives", receive_now(t.endpoint).info, info(1, 0, 1));
    delete_cap(t.slot);
    CPtr const gone = t.scope.copy(t.other);
    t.sender.send(t.endpoint, 1, {}, {gone});
    delete_cap(gone);
    check_equal("8.4 a queued sender's capability is looked up when it is served", receive_now(t.endpoint).info, info(1, 0, 0));
    t.sender.send(t.endpoint, 1, {}, {t.other});
    t.sender.buffer().caps_or_badges[0] = ~u64{0};
    check_equal("8.4 ... a lookup that fails then means no capabilities", receive_now(t.endpoint).info, info(1, 0, 0));
    check("8.4 ... and no fault", t.sender.returned());

    // In a reply the grant flag of the reply capability decides, that is the right of the receiver's capability.
    CPtr const no_grant = t.scope.copy(t.endpoint, abi::right::read | abi::right::write);
    auto const call = [&](CPtr receive_on) {
        delete_cap(t.slot);
        t.sender.buffer().receive_cnode = root_cnode;
        t.sender.buffer().receive_index = t.slot;
        t.sender.buffer().receive_depth = depth;
        t.sender.call(t.endpoint, 1);
        receive_now(receive_on);
        reply_with(2, {}, {t.other});
        return t.sender.answer().info;
    };
    check_equal("8.4 a reply with a capability", call(t.endpoint), info(2, 0, 1));
    check_equal("8.6 ... not when the receiver had no grant right", call(no_grant), info(2, 0, 0));
    delete_cap(t.slot);
    t.sender.call(t.endpoint, 1);
    receive_now(t.endpoint);
    reply_with(2, {}, {t.badged});
    check_equal("8.4 in a reply nothing is unwrapped: the capability is copied", t.sender.answer().info, info(2, 0, 1));
    check("8.4 ... into the slot", !empty(t.slot));
}

// The grant flag of a reply is that of the capability that the receiver waited on, also when it waited first.
void check_waiting_receiver() {
    Transfer t;
    CPtr const no_grant = t.scope.copy(t.endpoint, abi::right::read);
    t.sender.buffer().receive_cnode = root_cnode;
    t.sender.buffer().receive_index = t.slot;
    t.sender.buffer().receive_depth = depth;
    auto const answer = [&](CPtr receive_on) {
        t.receiver.receive(receive_on);
        t.sender.call(t.endpoint, 1);
        t.receiver.transfer(abi::Syscall::reply, 0, 2, {}, {t.other});
        return t.sender.answer().info;
    };
    check_equal("8.3 a receiver that waits remembers that it has no grant right", answer(no_grant), info(2, 0, 0));
    check_equal("8.3 ... or that it has", answer(t.endpoint), info(2, 0, 1));
}

} // namespace

void check_transfer() {
    begin_group("8.4 transfer");
    check_words();
    check_caps();
    check_receive_slot();
    check_queued();
    check_waiting_receiver();
}
