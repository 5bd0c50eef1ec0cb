// SPDX-License-Identifier: Apache-2.0
// The hostile threads themselves. They run in a copy of section .attacks, so everything here is inlined into three functions and
// uses no constant or variable outside of them.
#include "test/hostile/orders.hpp"

namespace {

#define IN_ATTACKS [[gnu::section(".attacks"), gnu::used]]
#define INLINE [[gnu::always_inline]] inline

INLINE u64 next(Orders& orders) { // xorshift64
    u64 x = orders.random;
    x ^= x << 13;
    x ^= x >> 7;
    return orders.random = x ^ x << 17;
}

INLINE u64 cptr(Orders& orders) {
    u64 const r = next(orders);
    if (r % 32 == 0) return r >> 8;              // no such slot
    if (r % 32 == 1) return r >> 8 << 58 >> 1;   // the wrong guard
    return r >> 8 & 63;
}

// A word of a message: what makes sense somewhere, and what makes none anywhere.
INLINE u64 word(Orders& orders) {
    u64 const r = next(orders), value = r >> 8;
    switch (r % 16) {
    case 0: return value;
    case 1: return u64{1} << value % 64;
    case 2: return (u64{1} << value % 64) - 1;
    case 3: return -(value % 256);
    case 4:
    case 5:
    case 6: return orders.window + value % 64 * 4096;
    case 7: return orders.buffer + value % 8 * 512;
    case 8: return value % 0x1100;
    case 9: return 4 + value % 20; // sizes
    case 10: return value % 16;
    case 11: return 6; // depth of the CNode
    default: return value % 64; // slots
    }
}

INLINE void fill_buffer(Orders& orders) {
    auto* const buffer = reinterpret_cast<abi::IpcBuffer volatile*>(orders.buffer);
    for (u64 i = abi::register_message_words; i < 10; ++i) buffer->message[i] = word(orders);
    u64 const r = next(orders);
    if (r % 8 == 0) buffer->message[r >> 8 & 63] = word(orders);
    for (u64 i = 0; i < abi::max_extra_caps; ++i) buffer->caps_or_badges[i] = cptr(orders);
    buffer->receive_cnode = cptr(orders);
    buffer->receive_index = word(orders);
    buffer->receive_depth = r >> 16 & 1 ? 6 : word(orders);
}

INLINE i64 number(u64 r) {
    switch (r % 32) {
    case 0:
    case 1: return -4; // NBSend
    case 2:
    case 3: return -8; // NBRecv
    case 4: return r >> 8 & 3 ? -6 : -3; // Reply, Send
    case 5: return r >> 8 & 3 ? -8 : -5; // NBRecv, Recv
    case 6: return r >> 8 & 7 ? -1 : -2; // ReplyRecv
    case 7: return r >> 8 & 7 ? -1 : -7; // Yield
    case 9: return r >> 8 & 1 ? -30 : -29; // SetTLSBase, VMEnter
    case 10: return static_cast<i64>(r) >> (r >> 8 & 63); // any
    default: return -1; // Call
    }
}

struct Registers {
    u64 rdi, rsi, rdx, mr[4];
};

INLINE void system_call(Registers& registers) {
    register u64 mr0 asm("r10") = registers.mr[0];
    register u64 mr1 asm("r8") = registers.mr[1];
    register u64 mr2 asm("r9") = registers.mr[2];
    register u64 mr3 asm("r15") = registers.mr[3];
    asm volatile("syscall"
                 : "+D"(registers.rdi), "+S"(registers.rsi), "+r"(mr0), "+r"(mr1), "+r"(mr2), "+r"(mr3)
                 : "d"(registers.rdx)
                 : "rcx", "r11", "cc", "memory");
}

INLINE void touch(Orders& orders) {
    u64 const r = next(orders);
    auto* const at = reinterpret_cast<u8 volatile*>(orders.window + (r >> 8) % 64 * 4096);
    if (r & 1) *at = static_cast<u8>(r >> 16);
    else static_cast<void>(*at);
}

} // namespace

extern "C" {

IN_ATTACKS void hostile_worker(Orders* the_orders) {
    Orders& orders = *the_orders;
    for (;;) {
        u64 const r = next(orders);
        if (r % 8 == 0) {
            touch(orders);
            continue;
        }
        Registers registers{cptr(orders), 0, static_cast<u64>(number(r >> 3)), {word(orders), word(orders), word(orders), word(orders)}};
        u64 label = r >> 40 & 0x3f;
        if ((r >> 32 & 7) != 0 && orders.pair_count != 0) {
            auto const& pair = orders.pairs[(r >> 40) % orders.pair_count];
            registers.rdi = pair.slot;
            label = pair.first_label + next(orders) % (pair.last_label - pair.first_label + 1u);
        }
        u64 const length = (r >> 20 & 3) == 0 ? r >> 22 & 127 : 2 + (r >> 22) % 8;
        registers.rsi = abi::MessageInfo::make(label, length, r >> 29 & 3).word;
        fill_buffer(orders);
        ++orders.calls;
        system_call(registers);
    }
}

IN_ATTACKS void hostile_handler(Orders* the_orders) {
    Orders& orders = *the_orders;
    for (;;) {
        Registers registers{orders.fault_slot, 0, static_cast<u64>(abi::Syscall::recv), {0, 0, 0, 0}};
        system_call(registers);
        ++orders.faults;
        ++orders.calls;
        auto* const buffer = reinterpret_cast<abi::IpcBuffer volatile*>(orders.handler_buffer);
        for (u64 i = abi::register_message_words; i < 22; ++i) buffer->message[i] = 0;
        buffer->message[4] = next(orders); // flags: the kernel makes them sane
        buffer->message[10] = reinterpret_cast<u64>(the_orders); // rdi
        u64 const info = abi::MessageInfo::make(static_cast<u64>(abi::Label::tcb_write_registers), 22).word;
        registers = {orders.worker_slot, info, static_cast<u64>(abi::Syscall::call), {1, 20, orders.worker, orders.stack}};
        ++orders.calls;
        system_call(registers);
    }
}

IN_ATTACKS void hostile_stubborn_handler(Orders* the_orders) {
    Orders& orders = *the_orders;
    for (;;) {
        Registers registers{orders.fault_slot, 0, static_cast<u64>(abi::Syscall::reply_recv), {0, 0, 0, 0}};
        if (++orders.faults % 8 == 0) registers.rdx = static_cast<u64>(abi::Syscall::yield); // others have their turn
        ++orders.calls;
        system_call(registers);
    }
}

} // extern "C"
