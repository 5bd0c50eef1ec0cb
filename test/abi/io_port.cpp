// SPDX-License-Identifier: Apache-2.0
// 7.9 and 7.5: I/O ports, domains.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

constexpr CPtr control = abi::initial_slot::io_port_control;
constexpr Label issue = Label::x86_io_port_control_issue;

void check_issue() {
    Scope scope;
    CPtr const to = scope.slot(), full = scope.endpoint(), one = scope.slot(), copy = scope.slot();
    Words const c{root_cnode};
    Case const cases[] = {
        {"7.9 Issue 2: 3 words -> TruncatedMessage", control, issue, {0x500, 0x50f, to}, c, truncated},
        {"7.9 Issue 2: no capability -> TruncatedMessage", control, issue, {0x500, 0x50f, to, depth}, {}, truncated},
        {"7.9 Issue 3: last before first -> InvalidArgument(1)",
         control,
         issue,
         {0x500, 0x4ff, to, depth},
         c,
         invalid_argument(1)},
        {"7.9 Issue 3: both are cut to 16 bits", control, issue, {0x500, 0x104ff, to, depth}, c, invalid_argument(1)},
        {"7.9 Issue 3 before 5", control, issue, {0x500, 0x4ff, to, 0}, c, invalid_argument(1)},
        {"7.9 Issue", control, issue, {0x500, 0x50f, one, depth}, c, done()},
        {"7.9 Issue 4: the same range -> RevokeFirst", control, issue, {0x500, 0x50f, to, depth}, c, revoke_first},
        {"7.9 Issue 4: overlaps the end -> RevokeFirst", control, issue, {0x50f, 0x51f, to, depth}, c, revoke_first},
        {"7.9 Issue 4: overlaps the start -> RevokeFirst", control, issue, {0x4f0, 0x500, to, depth}, c, revoke_first},
        {"7.9 Issue 4: inside -> RevokeFirst", control, issue, {0x505, 0x505, to, depth}, c, revoke_first},
        {"7.9 Issue 4: around -> RevokeFirst", control, issue, {0x400, 0x600, to, depth}, c, revoke_first},
        {"7.9 Issue 4 before 5", control, issue, {0x500, 0x500, to, 0}, c, revoke_first},
        {"7.9 Issue 5: depth 0 -> RangeError(1, 64)", control, issue, {0x510, 0x510, to, 0}, c, range_error(1, 64)},
        {"7.9 Issue 5: root not a CNode -> InvalidRoot", control, issue, {0x510, 0x510, to, depth}, {full}, invalid_root(0)},
        {"7.9 Issue 6: slot occupied -> DeleteFirst", control, issue, {0x510, 0x510, full, depth}, c, delete_first},
        {"7.9 a refused range is not issued: it still can be", control, issue, {0x510, 0x510, to, depth}, c, done()},
        {"7.9 the last port", control, issue, {0xffff, 0xffff, scope.slot(), depth}, c, done()},
        {"7.9 the first port", control, issue, {0, 0, scope.slot(), depth}, c, done()},
        {"10.2 an I/O port capability can be copied", root_cnode, Label::cnode_copy, {copy, depth, one, depth, 15}, c, done()},
        {"10.4 one of two goes", root_cnode, Label::cnode_delete, {one, depth}, {}, done()},
        {"7.9 ... the range is in use still", control, issue, {0x500, 0x50f, one, depth}, c, revoke_first},
        {"10.4 the last goes", root_cnode, Label::cnode_delete, {copy, depth}, {}, done()},
        {"7.9 ... the range is free", control, issue, {0x508, 0x508, one, depth}, c, done()},
    };
    check_cases(cases);
}

void check_access() {
    Scope scope;
    // Ports that nothing is behind in a PC of QEMU's kind read as all ones; 0x80 takes what is written.
    CPtr const ports = scope.slot(), post = scope.slot();
    must("ports", invoke(control, issue, {0x540, 0x547, ports, depth}, {root_cnode}));
    must("port 0x80", invoke(control, issue, {0x80, 0x83, post, depth}, {root_cnode}));
    constexpr Label in8 = Label::x86_io_port_in8, in16 = Label::x86_io_port_in16, in32 = Label::x86_io_port_in32,
                    out8 = Label::x86_io_port_out8, out16 = Label::x86_io_port_out16, out32 = Label::x86_io_port_out32;
    Case const cases[] = {
        {"7.9 In8: no word -> TruncatedMessage", ports, in8, {}, {}, truncated},
        {"7.9 In16: no word -> TruncatedMessage", ports, in16, {}, {}, truncated},
        {"7.9 In32: no word -> TruncatedMessage", ports, in32, {}, {}, truncated},
        {"7.9 Out8: one word -> TruncatedMessage", ports, out8, {0x540}, {}, truncated},
        {"7.9 Out16: one word -> TruncatedMessage", ports, out16, {0x540}, {}, truncated},
        {"7.9 Out32: one word -> TruncatedMessage", ports, out32, {0x540}, {}, truncated},
        {"7.9 In8: a byte", ports, in8, {0x540}, {}, done({0xff})},
        {"7.9 In16: two bytes", ports, in16, {0x540}, {}, done({0xffff})},
        {"7.9 In32: four bytes", ports, in32, {0x540}, {}, done({0xffffffff})},
        {"7.9 In8: the last port", ports, in8, {0x547}, {}, done({0xff})},
        {"7.9 In16: the last two", ports, in16, {0x546}, {}, done({0xffff})},
        {"7.9 In32: the last four", ports, in32, {0x544}, {}, done({0xffffffff})},
        {"7.9 In8: before the range -> IllegalOperation", ports, in8, {0x53f}, {}, illegal_operation},
        {"7.9 In8: behind the range -> IllegalOperation", ports, in8, {0x548}, {}, illegal_operation},
        {"7.9 In16: reaches beyond the range -> IllegalOperation", ports, in16, {0x547}, {}, illegal_operation},
        {"7.9 In32: reaches beyond the range -> IllegalOperation", ports, in32, {0x545}, {}, illegal_operation},
        {"7.9 Out8: behind the range -> IllegalOperation", ports, out8, {0x548, 1}, {}, illegal_operation},
        {"7.9 Out16: reaches beyond the range -> IllegalOperation", ports, out16, {0x547, 1}, {}, illegal_operation},
        {"7.9 Out32: reaches beyond the range -> IllegalOperation", ports, out32, {0x545, 1}, {}, illegal_operation},
        {"7.9 the port is cut to 16 bits", ports, in8, {0x10540}, {}, done({0xff})},
        {"7.9 Out8", post, out8, {0x80, 0x5a}, {}, done()},
        {"7.9 Out16", post, out16, {0x80, 0x5a5a}, {}, done()},
        {"7.9 Out32", post, out32, {0x80, 0x5a5a5a5a}, {}, done()},
        {"7.9 other label -> IllegalOperation", ports, Label::tcb_resume, {0x540, 1}, {}, illegal_operation},
    };
    check_cases(cases);
}

void check_domains() {
    Scope scope;
    CPtr const domain = abi::initial_slot::domain, tcb = scope.tcb(), endpoint = scope.endpoint();
    constexpr Label set = Label::domain_set_set, configure = Label::domain_schedule_configure,
                    start = Label::domain_schedule_set_start;
    constexpr u64 too_long = u64{1} << 56;
    Case const cases[] = {
        {"7.5 SetSet: no word -> TruncatedMessage", domain, set, {}, {tcb}, truncated},
        {"7.5 SetSet: domain 1 of 1 -> InvalidArgument(0)", domain, set, {1}, {tcb}, invalid_argument(0)},
        {"7.5 SetSet: the domain is looked at before the capability", domain, set, {1}, {}, invalid_argument(0)},
        {"7.5 SetSet: no capability -> TruncatedMessage", domain, set, {0}, {}, truncated},
        {"7.5 SetSet: not a TCB -> InvalidArgument(1)", domain, set, {0}, {endpoint}, invalid_argument(1)},
        {"7.5 SetSet", domain, set, {0}, {tcb}, done()},
        {"7.5 SetSet: the caller", domain, set, {0}, {initial_tcb}, done()},
        {"7.5 Configure: 2 words -> TruncatedMessage", domain, configure, {0, 0}, {}, truncated},
        {"7.5 Configure: index 1, the end marker -> RangeError(0, 0)", domain, configure, {1, 0, 1}, {}, range_error(0, 0)},
        {"7.5 Configure: domain 1 of 1 -> RangeError(0, 0)", domain, configure, {0, 1, 1}, {}, range_error(0, 0)},
        {"7.5 Configure: index before domain", domain, configure, {7, 7, 1}, {}, range_error(0, 0)},
        {"7.5 Configure: duration 2^56 -> InvalidArgument(2)", domain, configure, {0, 0, too_long}, {}, invalid_argument(2)},
        {"7.5 Configure: the start becomes an end marker -> InvalidArgument(2)",
         domain,
         configure,
         {0, 0, 0},
         {},
         invalid_argument(2)},
        {"7.5 Configure", domain, configure, {0, 0, too_long - 1}, {}, done()},
        {"7.5 SetStart: no word -> TruncatedMessage", domain, start, {}, {}, truncated},
        {"7.5 SetStart: index 2 of 2 -> RangeError(0, 1)", domain, start, {2}, {}, range_error(0, 1)},
        {"7.5 SetStart: an end marker -> InvalidArgument(0)", domain, start, {1}, {}, invalid_argument(0)},
        {"7.5 SetStart", domain, start, {0}, {}, done()},
        {"7.5 domain labels on a TCB -> IllegalOperation", tcb, set, {0}, {tcb}, illegal_operation},
        {"10.2 domain control can be copied",
         root_cnode,
         Label::cnode_copy,
         {scope.slot(), depth, domain, depth, 15},
         {root_cnode},
         done()},
    };
    check_cases(cases);
}

} // namespace

void check_io_port() {
    begin_group("7.9 I/O ports");
    check_issue();
    check_access();
    begin_group("7.5 domains");
    check_domains();
}
