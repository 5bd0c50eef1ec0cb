// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/trap/trap_engine.hpp"

#include "x86/registers.hpp"

namespace vmm::trap {
namespace {

using x86::SegmentName;

constexpr u64 virtual8086_flag = 1 << 17;

} // namespace

TrapEngine::TrapEngine(GuestThread& thread, shadow::Backend& backend, GuestMemory memory,
                       std::span<u8> copies, bool patch)
    : Code{.code_ = CodePages(memory, copies, patch),
           .backend_ = CopyBackend(backend, code_, GuestPhys{memory.size()})},
      DeprivilegedEngine(thread, backend_, memory, code_) {}

TrapEngine::Next TrapEngine::go_on() {
    if (where_ == Where::stopped) {
        if (auto const exit = check_supported()) return exit;
        if (entered_) prepare_code();
    }
    ThreadStop const stop = let_run();
    if (stop.notified) return exits::Notified{stop.word};
    return handle(stop.trap);
}

TrapEngine::Next TrapEngine::check_supported() {
    if (!cr0::ProtectedMode::get(paging().cr0))
        return exits::Unsupported{"real mode needs the engine `nested`"};
    if (core_.rflags & virtual8086_flag) return unsupported("virtual-8086 mode");
    if (cpl_ == 1 || cpl_ == 2) return unsupported("privilege level " + std::to_string(cpl_));
    constexpr struct {
        SegmentName name;
        char const* text;
    } flat[] = {{SegmentName::cs, "CS"},
                {SegmentName::ss, "SS"},
                {SegmentName::ds, "DS"},
                {SegmentName::es, "ES"}};
    for (auto const& [name, text] : flat) {
        x86::Segment const& segment = segments_[std::to_underlying(name)];
        if (is_flat(segment)) continue;
        return unsupported(std::string(text) + " with selector " + hex(segment.selector) +
                           ", base " + hex(segment.base) + ", limit " + hex(segment.limit) +
                           " is not flat: it");
    }
    return {};
}

// The kernel was entered where control flow inside a page may not have led.
void TrapEngine::prepare_code() {
    entered_ = false;
    if (cpl_ == 3) return;
    auto const at = shadow_.translate(request(linear_eip(), x86::Access::execute, true));
    if (!at || code_.knows(at->value / page_size, static_cast<u16>(at->value % page_size))) return;
    fetch_code(linear_eip());
    code_.set_fetched({});
}

} // namespace vmm::trap
