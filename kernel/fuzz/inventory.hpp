// SPDX-License-Identifier: Apache-2.0
// Everything that there is in the world after a kernel entry: slots that hold something, and the objects they name. Found anew
// each time, from the slots of the time before, what they contain and what their lists lead to. No allocation, no clearing:
// marks count upwards, so that those of earlier times are stale by themselves.
#pragma once

#include "kernel/capability/slot.hpp"
#include "kernel/fuzz/machine.hpp"
#include "kernel/fuzz/world.hpp"

namespace fuzz {

inline void require(bool holds, char const* what, u64 value = 0) {
    if (!holds) [[unlikely]] stop(what, value);
}

template <class T, unsigned Capacity> class List { // like FixedVector, but never cleared, and too small is an error
public:
    void push(T const& value) {
        if (size_ == Capacity) [[unlikely]] stop("the fuzzer's own list is too small", Capacity);
        data_[size_++] = value;
    }
    void clear() { size_ = 0; }
    void truncate(unsigned size) { size_ = size; }
    unsigned size() const { return size_; }
    T const& operator[](unsigned i) const { return data_[i]; }
    T& operator[](unsigned i) { return data_[i]; }
    T* begin() { return data_; }
    T* end() { return data_ + size_; }
    T const* begin() const { return data_; }
    T const* end() const { return data_ + size_; }

private:
    unsigned size_;
    T data_[Capacity];
};

// Large tables are nearly empty: whole blocks are looked at first.
inline constexpr unsigned block_words = 64;
inline bool any_but(u64 usual, u64 const* block) {
    u64 different = 0;
    for (unsigned i = 0; i < block_words; ++i) different |= block[i] ^ usual;
    return different != 0;
}

struct Object {
    static constexpr u32 none = ~u32{0};
    u64 start;     // physical
    u64 end;
    CapType type;  // of a capability to it; a zombie's is what it was of
    RawCap cap;    // one of them; for page tables all are alike
    Slot const* last_visited; // while the lists are walked
};

struct Found {
    Slot* slot;
    CapType type;
    bool has_extent;
    u64 start, end; // of its object or memory
    u32 object;     // index, or none: untyped memory, frames and what has none
};

class Inventory {
public:
    void collect();
    // No slot has changed since collect(). Then neither has anything that follows from slots alone: what there is, the
    // derivation lists, who owns which memory.
    bool is_current() const;
    void forget() { complete_ = false; } // the world is another one

    List<Found, 4096> slots;
    List<Object, 4096> objects;
    List<Tcb*, 512> tcbs;
    List<Endpoint*, 4096> endpoints;
    List<Notification*, 4096> notifications;
    List<Vcpu*, 64> vcpus;
    List<FrameCap, 1024> mapped_frames;
    List<u32, 256> tables; // objects: page tables of all levels and kinds
    List<u32, 64> untypeds; // slots
    List<u32, 1024> others; // slots: replies, handlers, ports, pools

    u32 index_of(Slot const* slot) const; // in slots; it must have been found
    bool has(Slot const* slot) const;
    // The object that starts there, or none.
    u32 object_at(u64 physical) const;
    bool is_live(Tcb const* thread) const { return is_object(thread, CapType::tcb); }
    bool is_object(void const* object, CapType type) const;

private:
    friend struct Remembered;
    void start_anew();
    void add(Slot& slot);
    void add_container(Slot* slots, u64 count, u64 container);
    void keep_slots();
    void look_into(u32 index);
    u32 add_object(CapType type, u64 start, u64 bytes, RawCap cap);
    u32 add_object_of(CapType type, void const* pointer, unsigned size_bits, RawCap cap);

    static constexpr u64 granules = (ram_end - ram_start) / 16;
    static constexpr u64 arena_slots = (ram_end - ram_start) / 32;
    u32 mark_base_{1};
    u32 slot_marks_[arena_slots + IrqTable::vectors]{};
    u32 container_marks_[arena_slots]{}; // by their first slot
    u32 object_marks_[granules]{};       // mark_base_ + index

    struct Container {
        Slot const* first;
        u64 count;
    };
    List<Container, 1024> containers_;
    std::byte kept_[sizeof(IrqTable) + (ram_end - ram_start)]; // what was in them, one after the other
    bool complete_{};                                          // every slot lies in one of them
    static u64 place_of(Slot const* slot);
    bool fresh(u32 mark) const { return mark >= mark_base_; }
};
extern Inventory inventory;

// The checks, each in the file of its name.
void check_lists();
void check_threads();
void check_queues();
void check_address_spaces();
void check_devices();
void check_processor();

} // namespace fuzz
