// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/translate/make_engine.hpp"

#include "vmm/engine/deprivileged/kernel_thread.hpp"
#include "vmm/engine/translate/code_space.hpp"
#include "vmm/engine/translate/translate_engine.hpp"
#include "vmm/shadow/kernel_backend.hpp"

namespace vmm::translate {
namespace {

constexpr u64 split = 0xc0000000; // Shadow's for 32-bit guests

struct Parts {
    std::unique_ptr<shadow::KernelBackend> backend;
    CodeSpace space;
    KernelThread thread;
};

// The parts live as long as the engine that refers to them.
class ComponentTranslateEngine final : Parts, public TranslateEngine {
public:
    ComponentTranslateEngine(Parts parts, GuestMemory memory)
        : Parts(std::move(parts)), TranslateEngine(thread, *backend, memory, space.memory()) {}
};

} // namespace

user::Result<std::unique_ptr<Engine>> make_engine(GuestMemory memory,
                                                  std::vector<user::CPtr> frames,
                                                  user::AsidPool asids, u64 shadow_memory,
                                                  u64 most_leaves, u64 code_cache) {
    auto space = TRY(CodeSpace::make(code_cache, asids));
    auto backend =
        TRY(shadow::KernelBackend::make(std::move(frames), asids, shadow_memory, most_leaves));
    auto const roots = [&tables = *backend](shadow::RootId root) { return tables.root(root); };
    auto thread = TRY(KernelThread::make(roots, split, space.space()));
    return std::make_unique<ComponentTranslateEngine>(
        Parts{std::move(backend), std::move(space), std::move(thread)}, memory);
}

} // namespace vmm::translate
