// SPDX-License-Identifier: Apache-2.0
// A kernel for host tests of the allocators: one CNode, untyped memory with watermarks as in
// ABI 6.3 and 6.4, and paging structures that must be mapped top down. It stands in for
// user::invoke.
#pragma once

#include <map>
#include <set>

#include "user/cnode.hpp"

namespace user::test {

class FakeKernel {
public:
    // What happens to frames: made (zeroed), mapped or mapped again with other rights, unmapped.
    struct FrameListener {
        virtual ~FrameListener() = default;
        virtual void made(CPtr frame) = 0;
        virtual void mapped(CPtr frame, u64 address, u64 rights) = 0;
        virtual void unmapped(CPtr frame, u64 address) = 0;
    };
    void listen(FrameListener& listener) { listener_ = &listener; }

    static constexpr CNode cnode{2};

    FakeKernel();
    ~FakeKernel();

    // Puts a RAM untyped in a slot.
    void add_untyped(CPtr slot, unsigned size_bits);
    std::size_t occupied_slots() const { return objects_.size(); }
    bool occupied(CPtr slot) const { return objects_.contains(slot); }
    bool mapped(u64 address) const { return pages_.contains(address); }
    // From now on this many Retypes succeed; then all fail with IllegalOperation.
    void fail_after(unsigned retypes) { remaining_ = retypes; }

    Result<Reply> invoke(CPtr object, abi::Label label, std::span<u64 const> words);

private:
    struct Object {
        abi::ObjectType type;
        unsigned size_bits;
        CPtr parent;
        u64 used;   // bytes of an untyped up to its watermark
        u64 mapped; // address of a frame; 0: not mapped
    };
    Result<Reply> retype(Object& untyped, CPtr cptr, std::span<u64 const> words);
    Result<Reply> map_structure(unsigned level, u64 address);
    Result<Reply> map_page(CPtr frame, u64 address, u64 rights);
    Result<Reply> move(CPtr to, CPtr from);
    void unmap_page(CPtr frame);
    void destroy(CPtr slot);
    void remove_children(CPtr parent);

    std::map<CPtr, Object> objects_;
    std::set<std::pair<unsigned, u64>> structures_; // level and address
    std::map<u64, CPtr> pages_;                     // frame by address
    FrameListener* listener_ = nullptr;
    unsigned remaining_ = ~0u;
};

} // namespace user::test
