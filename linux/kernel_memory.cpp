// SPDX-License-Identifier: Apache-2.0
#include "linux/kernel_memory.hpp"

#include <new>

namespace libos {
namespace {

u64 our_end(protocol::ComponentInfo const& info) {
    return info.first_free_slot + (info.end_slot - info.first_free_slot) / 2;
}

} // namespace

KernelMemory::KernelMemory(protocol::ComponentInfo const& info)
    : slots_(info.first_free_slot, our_end(info), bitmap_), untyped_(cnode(), slots_),
      objects_(cnode(), slots_, untyped_) {
    untyped_.add_records(first_records_);
    for (u64 i = 0; i < info.memory_count;
         ++i) // there are more records than pieces: this cannot fail
        [[maybe_unused]] auto const added =
            untyped_.add({protocol::slot::memory + i}, info.memory_size_bits[i]);
}

user::Result<> KernelMemory::commit(u64 address) {
    auto frame = TRY(objects_.make<user::Frame>());
    TRY(user::map(objects_, vspace(), frame.object(), {address},
                  abi::right::read | abi::right::write, abi::attribute::ExecuteNever::make(1)));
    frame.release();
    return {};
}

user::Result<> KernelMemory::reserve() {
    if (untyped_.unused_records() >= enough_records) return {};
    u64 const address = layout::record_table + record_pages_ * layout::page_size;
    TRY(commit(address));
    ++record_pages_;
    auto* const records = new (reinterpret_cast<void*>(address))
        user::UntypedPiece[layout::page_size / sizeof(user::UntypedPiece)];
    untyped_.add_records({records, layout::page_size / sizeof(user::UntypedPiece)});
    return {};
}

} // namespace libos
