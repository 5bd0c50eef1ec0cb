// SPDX-License-Identifier: Apache-2.0
// 7.6: paging structures.
#include "test/abi/address_space.hpp"
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"

namespace {

constexpr Label map_pdpt = Label::x86_pdpt_map, map_pd = Label::x86_page_directory_map, map_pt = Label::x86_page_table_map;
constexpr Label unmap_pdpt = Label::x86_pdpt_unmap, unmap_pd = Label::x86_page_directory_unmap,
                unmap_pt = Label::x86_page_table_unmap;
constexpr u64 a = 0x12345678000, beyond = 0x0000800000000000;

void check_errors() {
    Scope scope;
    AddressSpace const space(scope);
    CPtr const v = space.root, bare = scope.make(ObjectType::pml4), endpoint = scope.endpoint();
    CPtr const pdpt = scope.make(ObjectType::pdpt, 0, 2), pd = scope.make(ObjectType::page_directory, 0, 2),
               pt = scope.make(ObjectType::page_table, 0, 2);
    Case const cases[] = {
        {"7.6 PDPTMap 1: other label -> IllegalOperation", pdpt, map_pd, {a, 0}, {v}, illegal_operation},
        {"7.6 PDPTMap 2: one word -> TruncatedMessage", pdpt, map_pdpt, {a}, {v}, truncated},
        {"7.6 PDPTMap 2: no capability -> TruncatedMessage", pdpt, map_pdpt, {a, 0}, {}, truncated},
        {"7.6 PDPTMap 4: not a PML4 -> InvalidCapability(1)", pdpt, map_pdpt, {a, 0}, {endpoint}, invalid_capability(1)},
        {"7.6 PDPTMap 4: a PML4 without ASID -> InvalidCapability(1)", pdpt, map_pdpt, {a, 0}, {bare}, invalid_capability(1)},
        {"7.6 PDPTMap 4 before 5", pdpt, map_pdpt, {beyond, 0}, {bare}, invalid_capability(1)},
        {"7.6 PDPTMap 5: beyond the user's part -> InvalidArgument(0)", pdpt, map_pdpt, {beyond, 0}, {v}, invalid_argument(0)},
        {"7.6 PDPTMap 5: the kernel's part -> InvalidArgument(0)",
         pdpt,
         map_pdpt,
         {0xffffff8000000000, 0},
         {v},
         invalid_argument(0)},
        {"7.6 PDMap: no PDPT -> MissingCapability(39)", pd, map_pd, {a, 0}, {v}, missing(0, 39)},
        {"7.6 PTMap: no PDPT -> MissingCapability(39)", pt, map_pt, {a, 0}, {v}, missing(0, 39)},
        {"7.6 PDPTMap", pdpt, map_pdpt, {a, 0}, {v}, done()},
        {"7.6 PDPTMap 3: mapped already -> InvalidCapability(0)",
         pdpt,
         map_pdpt,
         {a + (u64{1} << 39), 0},
         {v},
         invalid_capability(0)},
        {"7.6 PDPTMap 3 before 4", pdpt, map_pdpt, {a, 0}, {endpoint}, invalid_capability(0)},
        {"7.6 PDPTMap 9: another is there -> DeleteFirst", pdpt + 1, map_pdpt, {a, 0}, {v}, delete_first},
        {"7.6 PDPTMap 9: the address is rounded down -> DeleteFirst",
         pdpt + 1,
         map_pdpt,
         {a | 0x7fffffffff, 0},
         {v},
         delete_first},
        {"7.6 PTMap: no PD -> MissingCapability(30)", pt, map_pt, {a, 0}, {v}, missing(0, 30)},
        {"7.6 PDMap 1: other label -> IllegalOperation", pd, map_pt, {a, 0}, {v}, illegal_operation},
        {"7.6 PDMap 2: one word -> TruncatedMessage", pd, map_pd, {a}, {v}, truncated},
        {"7.6 PDMap 4: not a PML4 -> InvalidCapability(1)", pd, map_pd, {a, 0}, {endpoint}, invalid_capability(1)},
        {"7.6 PDMap 5: beyond the user's part -> InvalidArgument(0)", pd, map_pd, {beyond, 0}, {v}, invalid_argument(0)},
        {"7.6 PDMap", pd, map_pd, {a, 0}, {v}, done()},
        {"7.6 PDMap 3: mapped already -> InvalidCapability(0)", pd, map_pd, {a, 0}, {v}, invalid_capability(0)},
        {"7.6 PDMap 9: another is there -> DeleteFirst", pd + 1, map_pd, {a | 0x3fffffff, 0}, {v}, delete_first},
        {"7.6 PTMap 1: other label -> IllegalOperation", pt, map_pdpt, {a, 0}, {v}, illegal_operation},
        {"7.6 PTMap 2: no capability -> TruncatedMessage", pt, map_pt, {a, 0}, {}, truncated},
        {"7.6 PTMap 4: a PML4 without ASID -> InvalidCapability(1)", pt, map_pt, {a, 0}, {bare}, invalid_capability(1)},
        {"7.6 PTMap 5: beyond the user's part -> InvalidArgument(0)", pt, map_pt, {~u64{0}, 0}, {v}, invalid_argument(0)},
        {"7.6 PTMap", pt, map_pt, {a, 0}, {v}, done()},
        {"7.6 PTMap 3: mapped already -> InvalidCapability(0)", pt, map_pt, {a, 0}, {v}, invalid_capability(0)},
        {"7.6 PTMap 9: another is there -> DeleteFirst", pt + 1, map_pt, {a | 0x1fffff, 0}, {v}, delete_first},
        {"7.6 the highest PDPT of the user's part", pdpt + 1, map_pdpt, {beyond - 1, 0}, {v}, done()},
    };
    check_cases(cases);
}

void check_unmap() {
    Scope scope;
    AddressSpace const space(scope);
    CPtr const v = space.root, frame = scope.make(ObjectType::small_page);
    CPtr const pdpt = scope.make(ObjectType::pdpt), pd = scope.make(ObjectType::page_directory),
               pt = scope.make(ObjectType::page_table), copy = scope.slot();
    Case const cases[] = {
        {"7.6 Unmap: not mapped", pt, unmap_pt, {}, {}, done()},
        {"7.6 PDPTMap", pdpt, map_pdpt, {a, 0}, {v}, done()},
        {"7.6 PDMap", pd, map_pd, {a, 0}, {v}, done()},
        {"7.6 PTMap", pt, map_pt, {a, 0}, {v}, done()},
        {"7.7 a page below it", frame, Label::x86_page_map, {a, 3, 0}, {v}, done()},
        {"10.2 a mapped table can be copied", root_cnode, Label::cnode_copy, {copy, depth, pt, depth, 15}, {root_cnode}, done()},
        {"10.2 ... the copy is mapped as well", copy, map_pt, {a, 0}, {v}, invalid_capability(0)},
        {"7.6 Unmap: another capability exists -> RevokeFirst", pt, unmap_pt, {}, {}, revoke_first},
        {"7.6 Unmap: ... through the copy, too -> RevokeFirst", copy, unmap_pt, {}, {}, revoke_first},
        {"10.4 deleting the copy", root_cnode, Label::cnode_delete, {copy, depth}, {}, done()},
        {"10.4 ... leaves the mapping", pt, map_pt, {a, 0}, {v}, invalid_capability(0)},
        {"7.6 Unmap", pt, unmap_pt, {}, {}, done()},
        {"7.7 the page still counts as mapped", frame, Label::x86_page_map, {a + 0x1000, 3, 0}, {v}, invalid_argument(0)},
        {"7.7 ... but there is no table", frame, Label::x86_page_map, {a, 3, 0}, {v}, missing(0, 21)},
        {"7.6 the table can be mapped again", pt, map_pt, {a, 0}, {v}, done()},
        {"7.7 ... and the page", frame, Label::x86_page_map, {a, 3, 0}, {v}, done()},
        {"7.6 Unmap of the PD with a table in it", pd, unmap_pd, {}, {}, done()},
        {"7.6 ... the table counts as mapped", pt, map_pt, {a, 0}, {v}, invalid_capability(0)},
        {"7.6 ... its Unmap works", pt, unmap_pt, {}, {}, done()},
        {"7.6 PDMap again: it is empty", pd, map_pd, {a, 0}, {v}, done()},
        {"7.6 PTMap again", pt, map_pt, {a, 0}, {v}, done()},
        {"7.6 Unmap of the PDPT", pdpt, unmap_pdpt, {}, {}, done()},
        {"7.6 ... a PD is missed", scope.make(ObjectType::page_directory), map_pd, {a, 0}, {v}, missing(0, 39)},
        {"10.4 Delete of a mapped table", root_cnode, Label::cnode_delete, {pt, depth}, {}, done()},
    };
    check_cases(cases);
}

void check_large_pages_in_the_way() {
    Scope scope;
    AddressSpace const space(scope);
    CPtr const v = space.root, pt = scope.make(ObjectType::page_table), large = scope.make(ObjectType::large_page),
               frame = scope.make(ObjectType::small_page);
    space.map_pdpt(a);
    space.map_pd(a);
    constexpr u64 b = a & ~u64{0x1fffff};
    Case const cases[] = {
        {"7.7 PageMap 6: 2 MiB page not aligned -> AlignmentError", large, Label::x86_page_map, {a, 3, 0}, {v}, alignment_error},
        {"7.7 PageMap: a 2 MiB page", large, Label::x86_page_map, {b, 3, 0}, {v}, done()},
        {"7.6 PTMap 9: a 2 MiB page is there -> DeleteFirst", pt, map_pt, {b, 0}, {v}, delete_first},
        {"7.7 PageMap 7: a 2 MiB page in the way -> MissingCapability(21)",
         frame,
         Label::x86_page_map,
         {b, 3, 0},
         {v},
         missing(0, 21)},
        {"7.7 PageUnmap of it", large, Label::x86_page_unmap, {}, {}, done()},
        {"7.6 PTMap in its place", pt, map_pt, {b, 0}, {v}, done()},
        {"7.7 PageMap 8: 2 MiB page where a table is -> DeleteFirst", large, Label::x86_page_map, {b, 3, 0}, {v}, delete_first},
        {"7.7 ... it is not mapped after that", large, Label::x86_page_map, {b + 0x200000, 3, 0}, {v}, done()},
    };
    check_cases(cases);
}

void check_huge_pages_in_the_way() {
    Scope scope;
    AddressSpace const space(scope);
    CPtr const v = space.root, huge = scope.slot(), pd = scope.make(ObjectType::page_directory),
               pt = scope.make(ObjectType::page_table);
    CPtr const large = scope.make(ObjectType::large_page), frame = scope.make(ObjectType::small_page);
    must("a 1 GiB page of device memory, which needs no clearing", retype(device_untyped(32), ObjectType::huge_page, 0, huge));
    space.map_pdpt(a);
    constexpr u64 b = a & ~u64{0x3fffffff};
    Case const cases[] = {
        {"7.7 PageMap 6: 1 GiB page at a multiple of 2 MiB -> AlignmentError",
         huge,
         Label::x86_page_map,
         {b + 0x200000, 3, 0},
         {v},
         alignment_error},
        {"7.7 PageMap 3d: the last GiB -> InvalidArgument(0)",
         huge,
         Label::x86_page_map,
         {0x7fffc0000000, 3, 0},
         {v},
         invalid_argument(0)},
        {"7.7 PageMap: a 1 GiB page", huge, Label::x86_page_map, {b, 3, 0}, {v}, done()},
        {"7.6 PDMap 9: a 1 GiB page is there -> DeleteFirst", pd, map_pd, {b, 0}, {v}, delete_first},
        {"7.6 PTMap 8: a 1 GiB page in the way -> MissingCapability(30)", pt, map_pt, {b, 0}, {v}, missing(0, 30)},
        {"7.7 PageMap 7: 2 MiB, a 1 GiB page in the way -> MissingCapability(30)",
         large,
         Label::x86_page_map,
         {b, 3, 0},
         {v},
         missing(0, 30)},
        {"7.7 PageMap 7: 4 KiB, a 1 GiB page in the way -> MissingCapability(30)",
         frame,
         Label::x86_page_map,
         {b, 3, 0},
         {v},
         missing(0, 30)},
        {"7.7 PageUnmap of it", huge, Label::x86_page_unmap, {}, {}, done()},
        {"7.6 PDMap in its place", pd, map_pd, {b, 0}, {v}, done()},
        {"7.7 PageMap 8: 1 GiB page where a PD is -> DeleteFirst", huge, Label::x86_page_map, {b, 3, 0}, {v}, delete_first},
    };
    check_cases(cases);
}

} // namespace

void check_paging() {
    begin_group("7.6 paging structures");
    check_errors();
    check_unmap();
    check_large_pages_in_the_way();
    check_huge_pages_in_the_way();
}
