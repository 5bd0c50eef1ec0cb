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
    objects_[slot] = {abi::ObjectType::untyped, size_bits, 0, 0};
}

Result<Reply> FakeKernel::invoke(CPtr object, abi::Label label, std::span<u64 const> words) {
    switch (label) {
    case abi::Label::untyped_retype: return retype(objects_.at(object), object, words);
    case abi::Label::cnode_revoke: remove_children(words[0]); return Reply{};
    case abi::Label::cnode_delete:
        remove_children(words[0]);
        objects_.erase(words[0]);
        return Reply{};
    case abi::Label::x86_pdpt_map: return map_structure(39, words[0]);
    case abi::Label::x86_page_directory_map: return map_structure(30, words[0]);
    case abi::Label::x86_page_table_map: return map_structure(21, words[0]);
    case abi::Label::x86_page_map: return map_page(words[0]);
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
    for (u64 i = 0; i < words[5]; ++i)
        objects_[words[4] + i] = {static_cast<abi::ObjectType>(words[0]), bits, cptr, 0};
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

Result<Reply> FakeKernel::map_page(u64 address) {
    for (unsigned above : {39u, 30u, 21u})
        if (!structures_.contains({above, address >> above}))
            return fail(error(abi::Error::failed_lookup, 0, 2, above));
    pages_.insert(address);
    return Reply{};
}

void FakeKernel::remove_children(CPtr parent) {
    for (bool found = true; found;) {
        found = false;
        for (auto const& [slot, object] : objects_) {
            if (object.parent != parent) continue;
            CPtr const child = slot;
            remove_children(child);
            objects_.erase(child);
            found = true;
            break;
        }
    }
}

} // namespace test
} // namespace user
