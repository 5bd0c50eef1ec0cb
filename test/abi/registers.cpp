// SPDX-License-Identifier: Apache-2.0
// 4.2 and 4.4: which registers a system call changes, and to what.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

abi::UserContext marked(Puppet const& puppet, abi::Syscall number, CPtr cptr, u64 info) {
    abi::UserContext r = puppet.registers();
    r.rax = 0xa0a0, r.rbx = 0xb0b0, r.rbp = 0xb9b9, r.r12 = 0x1212, r.r13 = 0x1313, r.r14 = 0x1414;
    r.r10 = 0x1010, r.r8 = 0x0808, r.r9 = 0x0909, r.r15 = 0x1515;
    r.rdx = static_cast<u64>(number);
    r.rdi = cptr;
    r.rsi = info;
    r.rflags = 0x202 | 0x400 | 0x800 | 0x8d5; // DF, OF and all arithmetic flags
    return r;
}

// Registers that no call may change.
bool kept(abi::UserContext const& before, abi::UserContext const& after) {
    return after.rdx == before.rdx && after.rax == before.rax && after.rbx == before.rbx && after.rbp == before.rbp &&
           after.r12 == before.r12 && after.r13 == before.r13 && after.r14 == before.r14;
}
bool message_kept(abi::UserContext const& before, abi::UserContext const& after) {
    return after.r10 == before.r10 && after.r8 == before.r8 && after.r9 == before.r9 && after.r15 == before.r15;
}

struct Expected {
    u64 rdi, rsi;
    bool message_kept;
};

struct Texts { // of the checks of one call
    char const *returns, *preserved, *rdi, *rsi, *message;
};
#define TEXTS(call)                                                                                                              \
    {"4.2 " call ": returns", "4.2 " call ": rdx, rax, rbx, rbp, r12 to r14 and RFLAGS are kept, rcx and r11 as of SYSCALL",     \
     "4.4 " call ": rdi", "4.4 " call ": rsi", "4.4 " call ": message registers"}

void check_returned(Texts const& texts, Puppet const& puppet, abi::UserContext const& before, Expected const& expected) {
    abi::UserContext const& after = puppet.state().registers;
    check(texts.returns, puppet.returned());
    u64 const flags = 0xcd5; // CF PF AF ZF SF DF OF
    check(texts.preserved, kept(before, after) && (after.rflags & flags) == (before.rflags & flags) &&
                               after.rcx == reinterpret_cast<u64>(puppet_after_syscall) &&
                               (after.r11 & flags) == (before.rflags & flags));
    check_equal(texts.rdi, after.rdi, expected.rdi);
    check_equal(texts.rsi, after.rsi, expected.rsi);
    check(texts.message, message_kept(before, after) == expected.message_kept);
}

// A call that ends at once.
void check_call(Texts const& texts, Puppet const& puppet, abi::Syscall number, CPtr cptr, u64 info, Expected const& expected) {
    abi::UserContext const before = marked(puppet, number, cptr, info);
    puppet.execute(puppet_syscall, before);
    check_returned(texts, puppet, before, expected);
}

u64 info_of(Label label, u64 length = 0) { return abi::MessageInfo::make(std::to_underlying(label), length).word; }

void check_simple_calls() {
    Scope scope;
    Puppet const puppet(scope);
    CPtr const endpoint = scope.endpoint(), notification = scope.notification();
    CPtr const other = scope.tcb();
    u64 const info = abi::MessageInfo::make(77, 3).word;

    check_call(TEXTS("NBSend to an idle endpoint"), puppet, abi::Syscall::nb_send, endpoint, info, {endpoint, info, true});
    check_call(TEXTS("NBSend through an empty slot"), puppet, abi::Syscall::nb_send, 0, info, {0, info, true});
    check_call(TEXTS("NBSend with a CPtr that leads nowhere"), puppet, abi::Syscall::nb_send, ~u64{0}, info,
               {~u64{0}, info, true});
    check_call(TEXTS("Send to a notification"), puppet, abi::Syscall::send, notification, 0, {notification, 0, true});
    check_call(TEXTS("Send to a kernel object"), puppet, abi::Syscall::send, other, info_of(Label::tcb_resume),
               {other, info_of(Label::tcb_resume), true});
    check_call(TEXTS("Send to a kernel object that refuses"), puppet, abi::Syscall::send, other, info, {other, info, true});
    check_call(TEXTS("Reply without a caller"), puppet, abi::Syscall::reply, 0x7777, info, {0x7777, info, true});
    check_call(TEXTS("Yield"), puppet, abi::Syscall::yield, 0x7777, info, {0x7777, info, true});
    check_call(TEXTS("NBRecv on an idle endpoint"), puppet, abi::Syscall::nb_recv, endpoint, info, {0, info, true});
    check_call(TEXTS("NBRecv on a signalled notification"), puppet, abi::Syscall::nb_recv, notification, info, {0, info, true});
    CPtr const badged = scope.mint(notification, 0x123456789abcdef0);
    user::signal(badged);
    check_call(TEXTS("Recv on a signalled notification"), puppet, abi::Syscall::recv, notification, info,
               {0x123456789abcdef0, info, true});
    check_call(TEXTS("Call of a notification"), puppet, abi::Syscall::call, notification, info, {0, 0, true});
    check_call(TEXTS("Call of a kernel object without results"), puppet, abi::Syscall::call, other, info_of(Label::tcb_suspend),
               {0, 0, true});
    check_call(TEXTS("Call of a kernel object with a result"), puppet, abi::Syscall::call, other,
               info_of(Label::tcb_set_flags, 2), {0, 1, false});
    check_call(TEXTS("Call with an error without details"), puppet, abi::Syscall::call, other, info_of(Label::tcb_set_flags, 1),
               {0, truncated.info, true});
    check_call(TEXTS("Call with an error with details"), puppet, abi::Syscall::call, 0, info,
               {0, invalid_capability(0).info, false});
    check_equal("4.8 the details are in the message registers", puppet.state().registers.r10, 0);
    check_equal("4.4 an error of one word changes MR0 only", puppet.state().registers.r8, 0x0808);
}

void check_blocking_calls() {
    Scope scope;
    Puppet const puppet(scope);
    CPtr const endpoint = scope.endpoint();
    CPtr const badged = scope.mint(endpoint, 55);
    u64 const info = abi::MessageInfo::make(77, 3).word;

    abi::UserContext before = marked(puppet, abi::Syscall::send, badged, info);
    puppet.execute(puppet_syscall, before);
    check("8.2 Send to an idle endpoint blocks", !puppet.returned());
    check_answer("8.4 the message arrives with the badge", receive_now(endpoint), message(77, {0x1010, 0x0808, 0x0909}, 55));
    check_returned(TEXTS("Send that blocked"), puppet, before, {badged, info, true});

    before = marked(puppet, abi::Syscall::call, badged, info);
    puppet.execute(puppet_syscall, before);
    receive_now(endpoint);
    check("8.2 Call waits for the reply", !puppet.returned());
    reply_with(99, {1, 2});
    check_returned(TEXTS("Call of an endpoint"), puppet, before, {0, abi::MessageInfo::make(99, 2).word, false});
    abi::UserContext const& r = puppet.state().registers;
    check("4.4 Call of an endpoint: a reply of 2 words changes MR0 and MR1 only",
          r.r10 == 1 && r.r8 == 2 && r.r9 == 0x0909 && r.r15 == 0x1515);

    before = marked(puppet, abi::Syscall::recv, endpoint, info);
    puppet.execute(puppet_syscall, before);
    check("8.3 Recv on an idle endpoint blocks", !puppet.returned());
    user::send_if_awaited(badged, user::Message::make(5, 1, 6));
    check_returned(TEXTS("Recv of a message"), puppet, before, {55, abi::MessageInfo::make(5, 1).word, false});
    check("4.4 Recv: a message of one word changes MR0 only", r.r10 == 6 && r.r8 == 0x0808 && r.r9 == 0x0909 && r.r15 == 0x1515);

    before = marked(puppet, abi::Syscall::reply_recv, endpoint, info);
    puppet.execute(puppet_syscall, before);
    user::send_if_awaited(badged, user::Message::make(5, 0));
    check_returned(TEXTS("ReplyRecv without a caller"), puppet, before, {55, abi::MessageInfo::make(5, 0).word, true});
}

// The kernel writes nothing to the user's stack: neither below rsp nor above it.
void check_stack() {
    Scope scope;
    Puppet const puppet(scope);
    abi::UserContext r = puppet.registers();
    auto* const words = reinterpret_cast<u64*>(r.rsp - 256);
    constexpr unsigned count = 32 + 7; // up to where puppets keep their flags
    for (unsigned i = 0; i < count; ++i) words[i] = 0x5a5a0000 + i;
    r.rdx = static_cast<u64>(abi::Syscall::yield);
    puppet.execute(puppet_syscall, r);
    bool same = puppet.returned();
    for (unsigned i = 0; i < count; ++i) same = same && words[i] == 0x5a5a0000 + i;
    check("4.2 the kernel does not touch the user's stack, red zone included", same);
}

} // namespace

void check_registers() {
    begin_group("4.2 registers");
    check_simple_calls();
    check_blocking_calls();
    check_stack();
}
