// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/translate/code_space.hpp"

#include "vmm/engine/deprivileged/own_frames.hpp"

namespace vmm::translate {
namespace {

constexpr u64 base = u64{1} << 39;
constexpr u64 page = u64{1} << abi::size_bits::small_page,
              large_page = u64{1} << abi::size_bits::large_page;
constexpr u64 stack_pages = 4;
constexpr u64 state_at = base + stack_pages * page, code_at = base + large_page;

user::Result<> map_all(user::VSpace space, OwnFrames const& from, u64 at, u64 rights,
                       u64 attributes) {
    using namespace user::component;
    u64 const size = from.bytes.size() / from.frames.size();
    for (user::CPtr const frame : from.frames) {
        TRY(user::map(objects(), space, user::Frame{frame}, VirtAddr{at}, rights, attributes));
        at += size;
    }
    return {};
}

} // namespace

user::Result<CodeSpace> CodeSpace::make(u64 bytes, user::AsidPool asids) {
    constexpr u64 read_write = abi::right::read | abi::right::write;
    constexpr u64 no_code = abi::attribute::ExecuteNever::make(1);
    auto const data = TRY(make_own_frames(stack_pages + 1, abi::size_bits::small_page));
    auto const code = TRY(make_own_frames(bytes / large_page, abi::size_bits::large_page));
    CodeSpace made(TRY(user::component::objects().make<user::VSpace>()));
    TRY(asids.assign(made.space()));
    TRY(map_all(made.space(), data, base, read_write, no_code));
    TRY(map_all(made.space(), code, code_at, abi::right::read, 0));
    auto* const state = new (data.bytes.data() + stack_pages * page) x86::translate::State{};
    made.memory_ = {.bytes = code.bytes,
                    .code = code_at,
                    .state = state,
                    .state_address = state_at,
                    .stack = data.bytes.first(stack_pages * page),
                    .stack_address = base};
    return made;
}

} // namespace vmm::translate
