// SPDX-License-Identifier: Apache-2.0
#include "kernel/thread/tcb.hpp"

Tcb::Tcb() {
    context.registers.rflags = rflags::initial;
    context.code_selector = selector::code;
    context.stack_selector = selector::data;
    time_slice = abi::time_slice_ticks;
    machine::initial_fpu(context.fpu);
}

void Tcb::set_32_bit(bool on) {
    context.code_selector = on ? abi::selector32::code : selector::code;
    context.stack_selector = on ? abi::selector32::data : selector::data;
    context.restore_all = 1; // SYSRET has selectors of its own
    end_upcalls();
}

abi::IpcBuffer* Tcb::unusual_buffer(bool for_writing) const {
    auto const frame = cap(ipc_buffer).as<FrameCap>();
    if (!frame || frame->device || frame->rights == FrameRights::kernel_only) return nullptr;
    if (for_writing && frame->rights != FrameRights::read_write) return nullptr;
    u64 const offset = ipc_buffer_address & (frame->bytes() - 1);
    return reinterpret_cast<abi::IpcBuffer*>(machine::window(frame->base + offset));
}

abi::UpcallBlock* Tcb::upcall_block() const {
    abi::IpcBuffer* const own = buffer(true);
    if (!own) return nullptr;
    // Same 4 KiB page, whatever the frame's size: checked when the upcall was registered.
    u64 const page = reinterpret_cast<u64>(own) & ~u64{0xfff};
    return reinterpret_cast<abi::UpcallBlock*>(page | (upcall.block & 0xfff));
}

void Tcb::set_name(char const* text) {
    unsigned i = 0;
    for (; text[i] && i + 1 < name_size; ++i) name[i] = text[i];
    name[i] = 0;
}
