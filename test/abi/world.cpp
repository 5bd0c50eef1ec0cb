// SPDX-License-Identifier: Apache-2.0
#include "test/abi/world.hpp"

#include "test/abi/check.hpp"
#include "user/cnode.hpp"

extern "C" char __executable_start[];

namespace {

abi::BootInfo const* info;
CPtr next_slot, first_scope_slot, spare_slot, scope_memory, untyped_of_scopes;
unsigned untyped_of_scopes_bits;
constexpr unsigned scope_bits = 23;
bool in_scope;

// The smallest piece of RAM of at least 2^24 bytes, without the one that is taken already.
CPtr ram_of(unsigned size_bits, CPtr taken, unsigned& found_bits) {
    CPtr best = 0;
    for (u64 i = 0; i < info->untyped.end - info->untyped.start; ++i) {
        abi::UntypedDescriptor const& untyped = info->untyped_list[i];
        CPtr const cptr = info->untyped.start + i;
        if (untyped.is_device || untyped.size_bits < size_bits || cptr == taken) continue;
        if (best != 0 && untyped.size_bits >= found_bits) continue;
        best = cptr;
        found_bits = untyped.size_bits;
    }
    return best;
}

} // namespace

void begin_world(abi::BootInfo const& boot) {
    info = &boot;
    next_slot = boot.empty.start + 1;
    spare_slot = next_slot++;
    untyped_of_scopes = ram_of(24, 0, untyped_of_scopes_bits);
    scope_memory = next_slot++;
    first_scope_slot = next_slot;
}
abi::BootInfo const& boot_info() { return *info; }
CPtr console_slot() { return info->empty.start; }

CPtr frame_of(void const* address) {
    u64 const offset = reinterpret_cast<u64>(address) - reinterpret_cast<u64>(__executable_start);
    return info->image_frames.start + (offset >> abi::size_bits::small_page);
}

CPtr large_untyped() {
    unsigned bits;
    return ram_of(24, untyped_of_scopes, bits);
}
unsigned large_untyped_bits() {
    unsigned bits = 0;
    ram_of(24, untyped_of_scopes, bits);
    return bits;
}
CPtr device_untyped(unsigned size_bits) {
    for (u64 i = 0; i < info->untyped.end - info->untyped.start; ++i) {
        abi::UntypedDescriptor const& untyped = info->untyped_list[i];
        if (untyped.is_device && untyped.size_bits >= size_bits) return info->untyped.start + i;
    }
    return 0;
}

Scope::Scope() {
    must("one scope at a time", !in_scope);
    in_scope = true;
    if (empty(scope_memory)) must("memory of a scope", retype(untyped_of_scopes, ObjectType::untyped, scope_bits, scope_memory));
}
Scope::~Scope() {
    revoke_cap(scope_memory);
    while (next_slot > first_scope_slot) delete_cap(--next_slot);
    in_scope = false;
}
CPtr Scope::slot(unsigned count) {
    CPtr const first = next_slot;
    next_slot += count;
    must("slots", next_slot <= info->empty.end);
    return first;
}
CPtr Scope::memory() const { return scope_memory; }
CPtr Scope::make(ObjectType type, unsigned size_bits, unsigned count) {
    CPtr const first = slot(count);
    must("make objects", retype(scope_memory, type, size_bits, first, count));
    return first;
}
CPtr Scope::copy(CPtr from, u64 rights) {
    CPtr const to = slot();
    must("copy a capability", copy_cap(to, from, rights));
    return to;
}
CPtr Scope::mint(CPtr from, u64 data, u64 rights) {
    CPtr const to = slot();
    must("mint a capability", mint_cap(to, from, data, rights));
    return to;
}

Answer copy_cap(CPtr to, CPtr from, u64 rights) {
    return invoke(root_cnode, Label::cnode_copy, {to, depth, from, depth, rights}, {root_cnode});
}
Answer mint_cap(CPtr to, CPtr from, u64 data, u64 rights) {
    return invoke(root_cnode, Label::cnode_mint, {to, depth, from, depth, rights, data}, {root_cnode});
}
Answer move_cap(CPtr to, CPtr from) { return invoke(root_cnode, Label::cnode_move, {to, depth, from, depth}, {root_cnode}); }
Answer mutate_cap(CPtr to, CPtr from, u64 data) {
    return invoke(root_cnode, Label::cnode_mutate, {to, depth, from, depth, data}, {root_cnode});
}
Answer delete_cap(CPtr slot) { return invoke(root_cnode, Label::cnode_delete, {slot, depth}); }
Answer revoke_cap(CPtr slot) { return invoke(root_cnode, Label::cnode_revoke, {slot, depth}); }
Answer retype(CPtr untyped, ObjectType type, u64 size_bits, CPtr first, u64 count) {
    return invoke(untyped, Label::untyped_retype, {std::to_underlying(type), size_bits, 0, 0, first, count}, {root_cnode});
}

bool empty(CPtr slot) {
    if (move_cap(spare_slot, slot) != done()) return true;
    must("move it back", move_cap(slot, spare_slot));
    return false;
}
