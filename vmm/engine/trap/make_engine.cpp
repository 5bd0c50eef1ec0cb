// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/trap/make_engine.hpp"

#include "vmm/engine/deprivileged/kernel_thread.hpp"
#include "vmm/engine/deprivileged/own_frames.hpp"
#include "vmm/engine/trap/trap_engine.hpp"
#include "vmm/shadow/kernel_backend.hpp"

namespace vmm::trap {
namespace {

// Memory for patched copies of code pages: 1024 of them.
constexpr u64 copy_frames = 2;
constexpr u64 split = 0xc0000000; // Shadow's for 32-bit guests

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
    auto const copies = TRY(make_own_frames(copy_frames, abi::size_bits::large_page));
    frames.insert(frames.end(), copies.frames.begin(), copies.frames.end());
    auto backend =
        TRY(shadow::KernelBackend::make(std::move(frames), asids, shadow_memory, most_leaves));
    auto const roots = [&tables = *backend](shadow::RootId root) { return tables.root(root); };
    auto thread = TRY(KernelThread::make(roots, split, user::component::vspace()));
    return std::make_unique<ComponentTrapEngine>(Parts{std::move(backend), std::move(thread)},
                                                 memory, copies.bytes, patch);
}

} // namespace vmm::trap
