// SPDX-License-Identifier: Apache-2.0
// Makes kernel objects and owns them: a Handle deletes its object and gives slot and memory back by
// itself.
#pragma once

#include "user/untyped_allocator.hpp"

namespace user {

class ObjectAllocator;

// An object that nobody owns yet.
struct MadeObject {
    CPtr cptr;
    UntypedPiece* piece; // the memory it is made of
};

template <class Object> class Handle {
public:
    Handle() = default;
    Handle(ObjectAllocator& owner, MadeObject made) : owner_(&owner), made_(made) {}
    Handle(Handle&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), made_(other.made_) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(owner_, other.owner_);
        std::swap(made_, other.made_);
        return *this;
    }
    ~Handle();

    explicit operator bool() const { return owner_ != nullptr; }
    Object object() const {
        Object object;
        object.cptr = made_.cptr;
        return object;
    }
    CPtr cptr() const { return made_.cptr; }
    // The object stays; whoever calls this is responsible for it now.
    MadeObject release() {
        owner_ = nullptr;
        return made_;
    }

private:
    ObjectAllocator* owner_{};
    MadeObject made_{};
};

class ObjectAllocator {
public:
    ObjectAllocator(CNode cnode, SlotAllocator& slots, UntypedAllocator& memory)
        : cnode_(cnode), slots_(slots), memory_(memory) {}

    // size_bits: as in Untyped::retype, for untyped memory and CNodes.
    template <class Object> Result<Handle<Object>> make(unsigned size_bits = 0) {
        return Handle<Object>(*this, TRY(make(Object::type, size_bits)));
    }
    Result<MadeObject> make(abi::ObjectType type, unsigned size_bits = 0);
    // Deletes the capability with everything that was derived from the object's memory.
    void destroy(MadeObject made);

    CNode cnode() const { return cnode_; }
    SlotAllocator& slots() { return slots_; }
    UntypedAllocator& memory() { return memory_; }

private:
    CNode cnode_;
    SlotAllocator& slots_;
    UntypedAllocator& memory_;
};

template <class Object> Handle<Object>::~Handle() {
    if (owner_) owner_->destroy(made_);
}

} // namespace user
