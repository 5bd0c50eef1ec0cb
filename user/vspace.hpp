// SPDX-License-Identifier: Apache-2.0
// Address spaces: frames, paging structures and ASIDs, ABI 7.6 to 7.8.
#pragma once

#include "user/cnode.hpp"

namespace user {

struct VSpace { // a PML4; it has no invocations of its own
    static constexpr auto type = abi::ObjectType::pml4;
    CPtr cptr{};
};

struct NestedRoot { // an EPT PML4: second-stage translation of a guest
    static constexpr auto type = abi::ObjectType::ept_pml4;
    CPtr cptr{};
};

struct Frame { // of any size
    static constexpr auto type = abi::ObjectType::small_page;
    CPtr cptr{};

    // rights: abi::right::read and write. attributes: abi::attribute fields.
    Result<> map(VSpace space, VirtAddr address, u64 rights, u64 attributes = 0) const {
        return perform(cptr, abi::Label::x86_page_map, {address.value, rights, attributes},
                       {space.cptr});
    }
    // attributes: ABI 5.5, EPT attributes; 6 is write-back. Beside them attribute::ExecuteNever and Supervisor.
    Result<> map_nested(NestedRoot root, GuestPhys address, u64 rights, u64 attributes = 6) const {
        return perform(cptr, abi::Label::x86_page_map_ept, {address.value, rights, attributes},
                       {root.cptr});
    }
    Result<> unmap() const { return perform(cptr, abi::Label::x86_page_unmap); }
    // Another capability, to the 4 KiB page at byte `offset`: abi/shadow_root.hpp.
    Result<Frame> carve(u64 offset, CNode to, u64 slot, u64 depth = full_depth) const {
        TRY(perform(cptr, abi::Label::frame_carve, {offset, slot, depth}, {to.cptr}));
        return Frame{slot};
    }
    Result<PhysAddr> address() const {
        return PhysAddr{TRY(invoke(cptr, abi::Label::x86_page_get_address)).words[0]};
    }
};
struct LargeFrame : Frame { // 2 MiB
    static constexpr auto type = abi::ObjectType::large_page;
};
struct HugeFrame : Frame { // 1 GiB
    static constexpr auto type = abi::ObjectType::huge_page;
};

// A paging structure below the root, of one of the two hierarchies.
template <abi::ObjectType Type, abi::Label Map, abi::Label Unmap, class Root>
struct PagingStructure {
    static constexpr auto type = Type;
    CPtr cptr{};

    Result<> map(Root root, u64 address, u64 attributes = 0) const {
        return perform(cptr, Map, {address, attributes}, {root.cptr});
    }
    Result<> unmap() const { return perform(cptr, Unmap); }
};
using Pdpt = PagingStructure<abi::ObjectType::pdpt, abi::Label::x86_pdpt_map,
                             abi::Label::x86_pdpt_unmap, VSpace>;
using PageDirectory =
    PagingStructure<abi::ObjectType::page_directory, abi::Label::x86_page_directory_map,
                    abi::Label::x86_page_directory_unmap, VSpace>;
using PageTable = PagingStructure<abi::ObjectType::page_table, abi::Label::x86_page_table_map,
                                  abi::Label::x86_page_table_unmap, VSpace>;
using NestedPdpt = PagingStructure<abi::ObjectType::ept_pdpt, abi::Label::ept_pdpt_map,
                                   abi::Label::ept_pdpt_unmap, NestedRoot>;
using NestedPageDirectory = PagingStructure<abi::ObjectType::ept_pd, abi::Label::ept_pd_map,
                                            abi::Label::ept_pd_unmap, NestedRoot>;
using NestedPageTable = PagingStructure<abi::ObjectType::ept_pt, abi::Label::ept_pt_map,
                                        abi::Label::ept_pt_unmap, NestedRoot>;

struct AsidPool {
    CPtr cptr{};
    // Gives a new address space (VSpace or NestedRoot) its ASID, without which it cannot be used.
    Result<> assign(VSpace space) const {
        return perform(cptr, abi::Label::x86_asid_pool_assign, {}, {space.cptr});
    }
    Result<> assign(NestedRoot root) const {
        return perform(cptr, abi::Label::x86_asid_pool_assign, {}, {root.cptr});
    }
};

struct AsidControl {
    CPtr cptr{};
    // untyped: of 4 KiB, without children.
    Result<AsidPool> make_pool(CPtr untyped, CNode to, u64 slot, u64 depth = full_depth) const {
        TRY(perform(cptr, abi::Label::x86_asid_control_make_pool, {slot, depth},
                    {untyped, to.cptr}));
        return AsidPool{slot};
    }
};

} // namespace user
