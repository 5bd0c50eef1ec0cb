// SPDX-License-Identifier: Apache-2.0
// 7.7: pages, and what their mappings do.
#include "test/abi/address_space.hpp"
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/instructions.hpp"
#include "test/abi/puppet.hpp"

namespace {

constexpr Label map = Label::x86_page_map, unmap = Label::x86_page_unmap, address_of = Label::x86_page_get_address;
constexpr u64 a = 0x12345600000, top = 0x00007fffffffffff;

void check_errors() {
    Scope scope;
    AddressSpace const space(scope), other(scope);
    CPtr const v = space.root, frame = scope.make(ObjectType::small_page, 0, 2), large = scope.make(ObjectType::large_page),
               endpoint = scope.endpoint();
    CPtr const bare = scope.make(ObjectType::pml4), copy = scope.slot();
    Case const before[] = {
        {"7.7 PageMap 1: 2 words -> TruncatedMessage", frame, map, {a, 3}, {v}, truncated},
        {"7.7 PageMap 1: no capability -> TruncatedMessage", frame, map, {a, 3, 0}, {}, truncated},
        {"7.7 PageMap 2: not a PML4 -> InvalidCapability(1)", frame, map, {a, 3, 0}, {endpoint}, invalid_capability(1)},
        {"7.7 PageMap 2: a PML4 without ASID -> InvalidCapability(1)", frame, map, {a, 3, 0}, {bare}, invalid_capability(1)},
        {"7.7 PageMap 2 before 3", frame, map, {top + 1, 3, 0}, {bare}, invalid_capability(1)},
        {"7.7 PageMap 3d: address beyond the limit -> InvalidArgument(0)", frame, map, {top + 1, 3, 0}, {v}, invalid_argument(0)},
        {"7.7 PageMap 3d: the kernel's part -> InvalidArgument(0)",
         frame,
         map,
         {0xffffff8000000000, 3, 0},
         {v},
         invalid_argument(0)},
        {"7.7 PageMap 3d: the last page below 2^47 -> InvalidArgument(0)",
         frame,
         map,
         {0x7ffffffff000, 3, 0},
         {v},
         invalid_argument(0)},
        {"7.7 PageMap 3d: the last 2 MiB -> InvalidArgument(0)", large, map, {0x7fffffe00000, 3, 0}, {v}, invalid_argument(0)},
        {"7.7 PageMap 3d before 6", frame, map, {0x7ffffffff001, 3, 0}, {v}, invalid_argument(0)},
        {"7.7 the page before the last can be mapped, if tables are there",
         frame,
         map,
         {0x7fffffffe000, 3, 0},
         {v},
         missing(0, 39)},
        {"7.7 PageMap 6: not aligned -> AlignmentError", frame, map, {a + 8, 3, 0}, {v}, alignment_error},
        {"7.7 PageMap 6: 2 MiB page at a multiple of 4 KiB -> AlignmentError",
         large,
         map,
         {a + 0x1000, 3, 0},
         {v},
         alignment_error},
        {"7.7 PageMap 6 before 7", frame, map, {a + 0x800, 3, 0}, {v}, alignment_error},
        {"7.7 PageMap 7: no PDPT -> MissingCapability(39)", frame, map, {a, 3, 0}, {v}, missing(0, 39)},
        {"7.7 PageMap 7: no PDPT for 2 MiB -> MissingCapability(39)", large, map, {a, 3, 0}, {v}, missing(0, 39)},
        {"7.7 PageUnmap: not mapped", frame, unmap, {}, {}, done()},
    };
    check_cases(before);
    space.map_pdpt(a);
    check_answer("7.7 PageMap 7: no PD -> MissingCapability(30)", invoke(frame, map, {a, 3, 0}, {v}), missing(0, 30));
    check_answer("7.7 PageMap 7: no PD for 2 MiB -> MissingCapability(30)", invoke(large, map, {a, 3, 0}, {v}), missing(0, 30));
    space.map_pd(a);
    check_answer("7.7 PageMap 7: no PT -> MissingCapability(21)", invoke(frame, map, {a, 3, 0}, {v}), missing(0, 21));
    space.map_pt(a);
    other.map_all(a);
    u64 const physical = invoke(frame, address_of).words[0];
    Case const after[] = {
        {"7.7 PageMap", frame, map, {a, 3, 0}, {v}, done()},
        {"7.7 PageMap: again at the same address", frame, map, {a, 1, 3}, {v}, done()},
        {"7.7 PageMap 3a: mapped in another address space -> InvalidCapability(1)",
         frame,
         map,
         {a, 3, 0},
         {other.root},
         invalid_capability(1)},
        {"7.7 PageMap 3c: mapped at another address -> InvalidArgument(0)",
         frame,
         map,
         {a + 0x1000, 3, 0},
         {v},
         invalid_argument(0)},
        {"7.7 PageMap 3c before 6", frame, map, {a + 8, 3, 0}, {v}, invalid_argument(0)},
        {"7.7 PageMap: another page in its place", frame + 1, map, {a, 3, 0}, {v}, done()},
        {"7.7 ... the first counts as mapped", frame, map, {a + 0x1000, 3, 0}, {v}, invalid_argument(0)},
        {"7.7 PageUnmap: the first", frame, unmap, {}, {}, done()},
        {"7.7 ... is free now", frame, map, {a + 0x1000, 3, 0}, {v}, done()},
        {"10.2 a mapped page can be copied",
         root_cnode,
         Label::cnode_copy,
         {copy, depth, frame, depth, 15},
         {root_cnode},
         done()},
        {"10.2 ... the copy is not mapped", copy, map, {a, 3, 0}, {other.root}, done()},
        {"7.7 GetAddress", frame, address_of, {}, {}, done({physical})},
        {"7.7 GetAddress: of a copy", copy, address_of, {}, {}, done({physical})},
        {"7.7 GetAddress: of the next page", frame + 1, address_of, {}, {}, done({physical + 0x1000})},
        {"7.7 other label -> IllegalOperation", frame, Label::x86_page_table_map, {a, 0}, {v}, illegal_operation},
        {"7.7 attributes: all bits of the reference's word", copy, map, {a, 3, 7}, {other.root}, done()},
    };
    check_cases(after);
}

// Pages in the main thread's own address space: what is seen through them, and by a puppet that may fault.
void check_mappings() {
    Scope scope;
    AddressSpace const own(scope, root_vspace);
    own.map_all(a);
    CPtr const frame = scope.make(ObjectType::small_page), copy = scope.copy(frame), handler = scope.endpoint();
    Puppet const puppet(scope, {.fault_handler = handler});
    auto* const first = reinterpret_cast<u64 volatile*>(a);
    auto* const second = reinterpret_cast<u64 volatile*>(a + 0x1000);
    must("map", invoke(frame, map, {a, 3, 0}, {root_vspace}));
    must("map the copy", invoke(copy, map, {a + 0x1000, 3, 0}, {root_vspace}));
    u64 all = 0;
    for (unsigned i = 0; i < 512; ++i) all |= first[i];
    check_equal("6.4 a new page of RAM is zero", all, 0);
    first[3] = 77;
    check_equal("7.7 two mappings show the same page", second[3], 77);

    auto const access = [&](void const* instruction, u64 at) {
        abi::UserContext r = puppet.registers();
        r.rax = at;
        puppet.execute(instruction, r);
        return receive_now(handler);
    };
    auto const fault = [&](void const* instruction, u64 at, u64 status) {
        return message(5, {reinterpret_cast<u64>(instruction), at, status >> 4, status});
    };
    constexpr u64 page = a + 0x1000;
    must("map read-only", invoke(copy, map, {page, 2, 0}, {root_vspace}));
    access(do_read, page);
    check("5.1 a page mapped read-only can be read", puppet.returned());
    check_answer("5.1 ... not written: status 7", access(do_write, page), fault(do_write, page, 7));
    must("map write-only", invoke(copy, map, {page, 1, 0}, {root_vspace}));
    check_answer("5.1 write without read is nothing: the page is there, but not for users: status 5", access(do_read, page),
                 fault(do_read, page, 5));
    must("map without rights", invoke(copy, map, {page, 0, 0}, {root_vspace}));
    check_answer("5.1 without rights, the same", access(do_read, page + 8), fault(do_read, page + 8, 5));
    must("map for all", invoke(copy, map, {page, 3, 0}, {root_vspace}));
    access(do_write, page);
    check("7.7 mapping again changes the rights", puppet.returned());
    must("unmap", invoke(copy, unmap));
    check_answer("7.7 PageUnmap: read -> status 4", access(do_read, page), fault(do_read, page, 4));
    check_answer("7.7 PageUnmap: write -> status 6", access(do_write, page), fault(do_write, page, 6));
    CPtr const weak = scope.copy(frame, abi::right::read);
    must("map a read-only capability for writing", invoke(weak, map, {page, 3, 0}, {root_vspace}));
    check_answer("5.1 the capability's rights are the limit", access(do_write, page), fault(do_write, page, 7));
    must("its copy with all rights", copy_cap(scope.slot(), weak));
    delete_cap(weak);
    check_answer("10.4 deleting a mapped page's capability removes its mapping", access(do_read, page), fault(do_read, page, 4));
    access(do_read, a);
    check("10.4 ... and no other", puppet.returned());
    first[0] = 0xc3; // RET
    abi::UserContext r = puppet.registers();
    r.rax = a;
    reinterpret_cast<u64*>(r.rsp)[-1] = reinterpret_cast<u64>(puppet_store);
    r.rsp -= 8;
    puppet.execute(do_jump, r);
    check("5.5 every readable page can be executed", puppet.returned());
    revoke_cap(frame);
    delete_cap(frame);
    check_answer("10.4 the last capability of a page", access(do_read, a), fault(do_read, a, 4));
}

void check_table_deletion() {
    Scope scope;
    AddressSpace const own(scope, root_vspace);
    own.map_pdpt(a);
    own.map_pd(a);
    CPtr const table = own.map_pt(a), frame = scope.make(ObjectType::small_page), handler = scope.endpoint();
    Puppet const puppet(scope, {.fault_handler = handler});
    must("map", invoke(frame, map, {a, 3, 0}, {root_vspace}));
    must("unmap the table", invoke(table, Label::x86_page_table_unmap));
    abi::UserContext r = puppet.registers();
    r.rax = a;
    puppet.execute(do_read, r);
    check("7.6 unmapping a table makes the pages below vanish", receive_now(handler).words[1] == a && !puppet.returned());
    must("map the table", invoke(table, Label::x86_page_table_map, {a, 0}, {root_vspace}));
    puppet.execute(do_read, r);
    check("7.6 ... and mapping it again does not bring them back", receive_now(handler).words[1] == a);
    CPtr const large = scope.make(ObjectType::large_page);
    delete_cap(table);
    check_answer("10.4 deleting a mapped table unmaps it: a 2 MiB page fits", invoke(large, map, {a, 3, 0}, {root_vspace}),
                 done());
    puppet.execute(do_write, r);
    check("7.7 a 2 MiB page works", puppet.returned());
}

} // namespace

void check_pages() {
    begin_group("7.7 pages");
    check_errors();
    check_mappings();
    check_table_deletion();
}
