// SPDX-License-Identifier: Apache-2.0
// Untyped_Retype: ABI 6.2 to 6.4.
#include "kernel/capability/derivation.hpp"
#include "kernel/capability/untyped.hpp"
#include "kernel/invocation/invocation.hpp"
#include "kernel/kernel.hpp"
#include "kernel/machine/bounded_index.hpp"
#include "kernel/objects.hpp"

namespace {

using abi::ObjectType;

struct Retype {
    Slot& untyped;
    ObjectType type;
    u64 user_size_bits;
    Slot* slots; // the first of `count`
    u64 count;
    bool reset; // no children: all of it is free again
    Tcb& caller;

    static std::expected<Retype, InvocationError> decode(Invocation const& call);
    Performed perform(Kernel& kernel) const;
};

struct Destination {
    Slot* slots;
    u64 size; // number of slots in the node
};

std::expected<Destination, InvocationError> find_node(Cap const& root, u64 index, u64 depth) {
    Cap const* node = &root;
    if (depth != 0) node = &TRY(lookup_named_slot(root, index, depth, false))->cap();
    auto const cnode = node->as<CNodeCap>();
    if (!cnode) return refuse(FailedLookup{false, LookupFailure::missing(depth)});
    return Destination{cnode->slots, cnode->size()};
}

std::expected<Retype, InvocationError> Retype::decode(Invocation const& call) {
    if (call.label != abi::Label::untyped_retype) return refuse(IllegalOperation{});
    TRY(call.needs(6, 1));
    u64 const type_number = call.word(0);
    u64 const size_bits = call.word(1);
    if (!objects::known(type_number)) return refuse(InvalidArgument{0});
    auto const type = static_cast<ObjectType>(type_number);
    if (size_bits >= 64 || objects::size_bits(type, size_bits) > abi::size_bits::max_untyped)
        return refuse(RangeError{0, abi::size_bits::max_untyped});
    if (type == ObjectType::cnode && size_bits == 0) return refuse(InvalidArgument{1});
    if (type == ObjectType::untyped && size_bits < abi::size_bits::min_untyped)
        return refuse(InvalidArgument{1});

    auto const node = TRY(find_node(call.extra[0]->cap(), call.word(2), call.word(3)));
    if (call.word(4) >= node.size) return refuse(RangeError{0, node.size - 1});
    u64 const offset = machine::bounded_index(call.word(4), node.size);
    u64 const count = call.word(5);
    if (count < 1 || count > abi::retype_fan_out_limit) return refuse(RangeError{1, abi::retype_fan_out_limit});
    if (count > node.size - offset) return refuse(RangeError{1, node.size - offset});
    for (u64 i = 0; i < count; ++i)
        if (!node.slots[offset + i].empty()) return refuse(DeleteFirst{});

    auto const untyped = call.cap().get<UntypedCap>();
    bool const reset = DerivationList::first_child(call.slot) == nullptr;
    u64 const free_bytes = reset ? untyped.size() : untyped.free_bytes();
    if ((free_bytes >> objects::size_bits(type, size_bits)) < count) return refuse(NotEnoughMemory{free_bytes});
    if (untyped.device && type != ObjectType::untyped && !objects::is_frame(type))
        return refuse(InvalidArgument{1});
    return Retype{call.slot, type, size_bits, &node.slots[offset], count, reset, call.caller};
}

Performed Retype::perform(Kernel& kernel) const {
    if (reset) {
        auto const done = reset_untyped(kernel, untyped);
        if (!done) return fail(done.error());
    }
    auto source = untyped.cap().get<UntypedCap>();
    unsigned const object_bits = objects::size_bits(type, user_size_bits);
    PhysAddr at = (source.base + source.free_offset).align_up(object_bits);
    Cap cap = objects::create(type, at, user_size_bits, source.device, caller);
    for (u64 i = 0;;) {
        DerivationList::insert_child(cap, untyped, slots[i]);
        at = at + (u64{1} << object_bits);
        if (++i == count) break;
        // Frames need no making: another address is another frame.
        if (objects::is_frame(type)) cap = cap.get<FrameCap>().at(at);
        else cap = objects::create(type, at, user_size_bits, source.device, caller);
    }
    source.free_offset = at - source.base;
    untyped.update(source);
    return Reply{};
}

} // namespace

InvocationResult invoke_untyped(Invocation const& call) { return carry_out<Retype>(call); }
