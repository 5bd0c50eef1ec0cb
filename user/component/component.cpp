// SPDX-License-Identifier: Apache-2.0
#include "user/component/component.hpp"

#include <unistd.h>

#include <vector>

#include "protocol/component_call.hpp"

static_assert(protocol::gate_address == 0x0000700000000000); // user/gate_component.S

abi::IpcBuffer& user::ipc_buffer() {
    thread_local abi::IpcBuffer* const buffer = reinterpret_cast<abi::IpcBuffer*>(
        syscall(protocol::thread_page_call)); // the page starts with it
    return *buffer;
}

namespace user::component {
namespace {

u64 first_own_slot() {
    return info().first_free_slot + (info().end_slot - info().first_free_slot) / 2;
}

struct OwnObjects {
    static constexpr unsigned refill_bits = 16;
    OwnObjects() : memory(cnode(), slots()), objects(cnode(), slots(), memory), records(512) {
        memory.add_records(records);
    }
    // Enough for a few objects and paging structures. Without success the next allocation says that
    // memory is short.
    void refill() {
        if (memory.free_bytes() >= u64{1} << refill_bits) return;
        if (auto const piece = take_memory(refill_bits)) [[maybe_unused]]
            auto const added = memory.add(*piece, refill_bits);
    }
    UntypedAllocator memory;
    ObjectAllocator objects;
    std::vector<UntypedPiece> records;
};

} // namespace

protocol::GrantInfo const* find_grant(std::string_view name) {
    for (u32 i = 0; i < info().grant_count; ++i)
        if (info().grants[i].name == name) return &info().grants[i];
    return nullptr;
}

protocol::GrantInfo const* find_grant(protocol::GrantKind kind) {
    for (u32 i = 0; i < info().grant_count; ++i)
        if (info().grants[i].kind == kind) return &info().grants[i];
    return nullptr;
}

protocol::ConsolePage* console() {
    protocol::GrantInfo const* const grant = find_grant(protocol::GrantKind::console);
    return grant ? reinterpret_cast<protocol::ConsolePage*>(grant->address) : nullptr;
}

Notification events() {
    static bool const taken = syscall(protocol::take_events_call) == 0;
    static_cast<void>(taken);
    return {protocol::slot::events};
}

SlotAllocator& slots() {
    static std::vector<u64> bitmap(SlotAllocator::words_for(info().end_slot - first_own_slot()));
    static SlotAllocator slots(first_own_slot(), info().end_slot, bitmap);
    return slots;
}

AddressAllocator& window() {
    static AddressAllocator window(protocol::program_window, protocol::program_window_end);
    return window;
}

Result<Untyped> take_memory(unsigned size_bits) {
    CPtr const slot = TRY(slots().take());
    if (syscall(protocol::take_memory_call, size_bits, slot) != 0) {
        slots().give_back(slot);
        return fail(Error::out_of(Shortage::memory));
    }
    return Untyped{slot};
}

ObjectAllocator& objects() {
    static OwnObjects own;
    own.refill();
    return own.objects;
}

} // namespace user::component
