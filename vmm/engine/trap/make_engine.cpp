// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/trap/make_engine.hpp"

#include "vmm/engine/deprivileged/kernel_thread.hpp"
#include "vmm/engine/trap/trap_engine.hpp"
#include "vmm/shadow/kernel_backend.hpp"

namespace vmm::trap {
namespace {

constexpr u64 frame_size = u64{1} << abi::size_bits::large_page;
// Memory for patched copies of code pages: 1024 of them.
constexpr u64 copy_frames = 2;
constexpr u64 split = 0xc0000000; // Shadow's for 32-bit guests

// 2 MiB frames of the component's own, mapped for the monitor one behind the other.
struct Copies {
    std::vector<user::CPtr> frames;
    std::span<u8> bytes;
};

user::Result<Copies> make_copies() {
    using namespace user::component;
    u64 const base = TRY(window().take(copy_frames * frame_size, abi::size_bits::large_page));
    constexpr u64 read_write = abi::right::read | abi::right::write;
    Copies copies;
    for (u64 i = 0; i < copy_frames; ++i) {
        user::Untyped const memory = TRY(take_memory(abi::size_bits::large_page));
        user::CPtr const frame = TRY(slots().take()), mapped = TRY(slots().take());
        TRY(memory.retype(abi::ObjectType::large_page, 0, cnode(), frame, 1));
        TRY(cnode().copy(mapped, cnode().at(frame))); // one capability maps a frame once
        TRY(user::map(objects(), vspace(), user::Frame{mapped}, VirtAddr{base + i * frame_size},
                      read_write, abi::attribute::ExecuteNever::make(1)));
        copies.frames.push_back(frame);
    }
    copies.bytes = {reinterpret_cast<u8*>(base), copy_frames * frame_size};
    return copies;
}

struct Parts {
    std::unique_ptr<shadow::KernelBackend> backend;
    KernelThread thread;
};

// The parts live as long as the engine that refers to them.
class ComponentTrapEngine final : Parts, public TrapEngine {
public:
    ComponentTrapEngine(Parts parts, GuestMemory memory, std::span<u8> copies, bool patch)
        : Parts(std::move(parts)), TrapEngine(thread, *backend, memory, copies, patch) {}
};

} // namespace

user::Result<std::unique_ptr<Engine>> make_engine(GuestMemory memory,
                                                  std::vector<user::CPtr> frames,
                                                  user::AsidPool asids, u64 shadow_memory,
                                                  u64 most_leaves, bool patch) {
    Copies const copies = TRY(make_copies());
    frames.insert(frames.end(), copies.frames.begin(), copies.frames.end());
    auto backend =
        TRY(shadow::KernelBackend::make(std::move(frames), asids, shadow_memory, most_leaves));
    auto const roots = [&tables = *backend](shadow::RootId root) { return tables.root(root); };
    auto thread = TRY(KernelThread::make(roots, split));
    return std::make_unique<ComponentTrapEngine>(Parts{std::move(backend), std::move(thread)},
                                                 memory, copies.bytes, patch);
}

} // namespace vmm::trap
