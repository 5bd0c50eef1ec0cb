// SPDX-License-Identifier: Apache-2.0
// Switching and flushing. With PCIDs the TLB keeps the entries of address spaces that are not loaded, under their ASID (both
// have 12 bits). Flushing one that is not loaded only notes that its next load must not keep them: no INVPCID needed. Without
// PCIDs every load flushes all, so the ASID that counts is the loaded one.
#include "kernel/machine/x86_64/address_space.hpp"

#include "kernel/machine/machine.hpp"
#include "kernel/machine/x86_64/features.hpp"
#include "kernel/machine/x86_64/instructions.hpp"
#include "kernel/machine/x86_64/paging.hpp"
#include "x86/registers.hpp"

namespace machine {
namespace {

constinit PhysAddr loaded_root{};
constinit Asid loaded_asid{};
constinit bool ids_enabled = false;

class AsidSet {
public:
    void insert(Asid asid) { words_[index(asid)] |= bit(asid); }
    // Whether it was in; it is not afterwards.
    bool take(Asid asid) {
        bool const was = words_[index(asid)] & bit(asid);
        words_[index(asid)] &= ~bit(asid);
        return was;
    }

private:
    static u64 index(Asid asid) { return cr3::Pcid::get(asid.value) / 64; }
    static u64 bit(Asid asid) { return u64{1} << (asid.value % 64); }
    u64 words_[(cr3::Pcid::max + 1) / 64]{};
};
constinit AsidSet stale{};

[[gnu::noinline]] void load_with_id(PhysAddr root, Asid asid) {
    u64 const keep = stale.take(asid) ? 0 : cr3::KeepTlb::mask;
    processor::write_cr3(root.value | cr3::Pcid::make(asid.value) | keep);
}

} // namespace

void enable_address_space_ids() {
    loaded_root = kernel_address_space();
    if (!features().pcid) return;
    processor::write_cr4(processor::read_cr4() | cr4::Pcid::mask); // CR3 names PCID 0 now, as it must
    ids_enabled = true;
}

void load_address_space(PhysAddr root, Asid asid) {
    loaded_root = root;
    loaded_asid = asid;
    if (ids_enabled) return load_with_id(root, asid);
    processor::write_cr3(root.value);
}

// It shares PCID 0 with the kernel's own address space: each load forgets what the other left.
void load_space_32(u64 upper) {
    loaded_root = root_32(upper);
    loaded_asid = {};
    processor::write_cr3(loaded_root.value);
    if (ids_enabled) stale.insert(loaded_asid);
}

void invalidate(Asid asid, VirtAddr address) {
    if (asid == loaded_asid)
        processor::invalidate_page(address.value);
    else if (ids_enabled)
        stale.insert(asid);
}

void invalidate(Asid asid) {
    if (asid == loaded_asid) {
        u64 const pcid = ids_enabled ? cr3::Pcid::make(asid.value) : 0;
        processor::write_cr3(loaded_root.value | pcid);
    }
    // Also when it is loaded: if its root goes away, the processor may look into the old one until another is loaded.
    if (ids_enabled) stale.insert(asid);
}

} // namespace machine
