// SPDX-License-Identifier: Apache-2.0
#include "user/fake_kernel.hpp"

#include "user/untyped.hpp"

namespace user {
namespace {

test::FakeKernel* the_kernel;

Error error(abi::Error code, u64 first = 0, u64 second = 0, u64 third = 0) {
    return {.code = code, .details = {first, second, third}, .shortage = {}};
}

} // namespace

Result<Reply> invoke(CPtr object, abi::Label label, std::span<u64 const> words,
                     std::span<CPtr const>) {
    return the_kernel->invoke(object, label, words);
}

namespace test {

FakeKernel::FakeKernel() { the_kernel = this; }
FakeKernel::~FakeKernel() { the_kernel = nullptr; }

void FakeKernel::add_untyped(CPtr slot, unsigned size_bits) {
    objects_[slot] = {abi::ObjectType::untyped, size_bits, 0, 0, 0};
}

Result<Reply> FakeKernel::invoke(CPtr object, abi::Label label, std::span<u64 const> words) {
    switch (label) {
    case abi::Label::untyped_retype: return retype(objects_.at(object), object, words);
    case abi::Label::cnode_revoke: remove_children(words[0]); return Reply{};
    case abi::Label::cnode_delete:
        remove_children(words[0]);
        destroy(words[0]);
        return Reply{};
    case abi::Label::x86_pdpt_map: return map_structure(39, words[0]);
    case abi::Label::x86_page_directory_map: return map_structure(30, words[0]);
    case abi::Label::x86_page_table_map: return map_structure(21, words[0]);
    case abi::Label::cnode_move: return move(words[0], words[2]);
    case abi::Label::x86_page_map: return map_page(object, words[0], words[1]);
    case abi::Label::x86_page_unmap: unmap_page(object); return Reply{};
    default: return fail(error(abi::Error::illegal_operation));
    }
}

Result<Reply> FakeKernel::retype(Object& untyped, CPtr cptr, std::span<u64 const> words) {
    if (remaining_ == 0) return fail(error(abi::Error::illegal_operation));
    if (remaining_ != ~0u) --remaining_;
    unsigned const bits =
        object_size_bits(static_cast<abi::ObjectType>(words[0]), static_cast<unsigned>(words[1]));
    bool has_children = false;
    for (auto const& [slot, object] : objects_) has_children |= object.parent == cptr;
    u64 const start = has_children ? VirtAddr{untyped.used}.align_up(bits).value : 0;
    if (start + (words[5] << bits) > u64{1} << untyped.size_bits)
        return fail(error(abi::Error::not_enough_memory, (u64{1} << untyped.size_bits) - start));
    for (u64 i = 0; i < words[5]; ++i)
        if (objects_.contains(words[4] + i)) return fail(error(abi::Error::delete_first));
    untyped.used = start + (words[5] << bits);
    auto const type = static_cast<abi::ObjectType>(words[0]);
    for (u64 i = 0; i < words[5]; ++i) {
        objects_[words[4] + i] = {type, bits, cptr, 0, 0};
        if (listener_ && type == abi::ObjectType::small_page) listener_->made(words[4] + i);
    }
    return Reply{};
}

Result<Reply> FakeKernel::map_structure(unsigned level, u64 address) {
    for (unsigned above : {39u, 30u})
        if (above > level && !structures_.contains({above, address >> above}))
            return fail(error(abi::Error::failed_lookup, 0, 2, above));
    if (!structures_.insert({level, address >> level}).second)
        return fail(error(abi::Error::delete_first));
    return Reply{};
}

Result<Reply> FakeKernel::map_page(CPtr cptr, u64 address, u64 rights) {
    Object& frame = objects_.at(cptr);
    if (frame.mapped != 0 && frame.mapped != address)
        return fail(error(abi::Error::invalid_argument));
    for (unsigned above : {39u, 30u, 21u})
        if (!structures_.contains({above, address >> above}))
            return fail(error(abi::Error::failed_lookup, 0, 2, above));
    frame.mapped = address;
    pages_[address] = cptr;
    if (listener_) listener_->mapped(cptr, address, rights);
    return Reply{};
}

void FakeKernel::unmap_page(CPtr cptr) {
    u64 const address = std::exchange(objects_.at(cptr).mapped, 0);
    if (address == 0 || pages_.at(address) != cptr) return;
    pages_.erase(address);
    if (listener_) listener_->unmapped(cptr, address);
}

Result<Reply> FakeKernel::move(CPtr to, CPtr from) {
    if (objects_.contains(to)) return fail(error(abi::Error::delete_first));
    objects_[to] = objects_.at(from);
    objects_.erase(from);
    for (auto& [slot, object] : objects_)
        if (object.parent == from) object.parent = to;
    return Reply{};
}

void FakeKernel::destroy(CPtr slot) {
    auto const object = objects_.find(slot);
    if (object == objects_.end()) return;
    if (object->second.type == abi::ObjectType::small_page) unmap_page(slot);
    objects_.erase(object);
}

void FakeKernel::remove_children(CPtr parent) {
    for (bool found = true; found;) {
        found = false;
        for (auto const& [slot, object] : objects_) {
            if (object.parent != parent) continue;
            CPtr const child = slot;
            remove_children(child);
            destroy(child);
            found = true;
            break;
        }
    }
}

} // namespace test
} // namespace user
