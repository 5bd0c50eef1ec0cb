// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/deprivileged/own_frames.hpp"

namespace vmm {

user::Result<OwnFrames> make_own_frames(u64 count, unsigned size_bits) {
    using namespace user::component;
    u64 const size = u64{1} << size_bits;
    u64 const base = TRY(window().take(count * size, size_bits));
    auto const type = size_bits == abi::size_bits::large_page ? abi::ObjectType::large_page
                                                              : abi::ObjectType::small_page;
    constexpr u64 read_write = abi::right::read | abi::right::write;
    OwnFrames made;
    for (u64 i = 0; i < count; ++i) {
        user::Untyped const memory = TRY(take_memory(size_bits));
        user::CPtr const frame = TRY(slots().take()), mapped = TRY(slots().take());
        TRY(memory.retype(type, 0, cnode(), frame, 1));
        TRY(cnode().copy(mapped, cnode().at(frame))); // one capability maps a frame once
        TRY(user::map(objects(), vspace(), user::Frame{mapped}, VirtAddr{base + i * size},
                      read_write, abi::attribute::ExecuteNever::make(1)));
        made.frames.push_back(frame);
    }
    made.bytes = {reinterpret_cast<u8*>(base), count * size};
    return made;
}

} // namespace vmm
