// SPDX-License-Identifier: Apache-2.0
// Shadow page tables: what the processor walks instead of the guest's tables, straight to machine
// memory. They hold part of what the guest's tables say, as a TLB does; the rest comes with page
// faults. One space for each guest CR3 and view, and one for all (the shared root) from the split
// up, where kernels have their global pages.
//
//   fill: a CR3 load drops everything but the shared space's global pages.
//   sync: the guest tables that a space was made from are write-protected; writes are mirrored, and
//         spaces stay. A table that is written again and again while its address space is not the
//         current one (a kernel that patches code through a mapping of its own) is left alone, and
//         what it says is dropped by CR3 loads and INVLPG, as in `fill`.
//
// The shared space follows INVLPG and CR4.PGE alone, in both policies: as the TLB's global entries.
#pragma once

#include "vmm/guest_tables.hpp"
#include "vmm/shadow/mappings.hpp"
#include "vmm/shadow/policy.hpp"
#include "vmm/shadow/table_watch.hpp"

namespace vmm::shadow {

// Who uses a space.
enum class View : u8 {
    processor, // a guest in guest mode, all privilege levels: user and supervisor pages are told
               // apart
    kernel,    // a deprivileged guest at CPL < 3: all of its pages are the real user's
    user,      // ... at CPL 3: only its user pages are there, nothing of the shared space
};

// An engine that has to see accesses to a page of guest RAM for reasons of its own. When the answer
// changes: Shadow::forget_page().
class PageGuard {
public:
    struct Allowed {
        bool write{true}, execute{true};
    };
    virtual ~PageGuard() = default;
    virtual Allowed allowed(u64 page, View view) const = 0;
    // False: some page in the 2 MiB around is guarded.
    virtual bool free_extent(u64 page) const = 0;
};

struct AccessRequest {
    u64 linear{};
    x86::Access access{};
    bool supervisor{};      // CPL < 3 or an implicit access
    bool alignment_check{}; // RFLAGS.AC counts (CPL < 3)
    View view{};
};

// For the person who runs the VM, when a guest can't go on because of
// AccessResult::Kind::exhausted.
inline constexpr char const* out_of_memory =
    "the memory for shadow page tables is too small; raise shadow_memory";

struct AccessResult {
    enum class Kind : u8 {
        mapped,        // the processor can do it now
        guest_fault,   // the guest's tables refuse: `exception`
        watched_write, // to a guest page table: to be emulated, and told to written()
        no_ram,        // a device or nothing at `address`
        guarded,       // the page guard refuses
        exhausted,     // not even one page can be mapped: the shadow memory is too small
    };
    Kind kind{};
    x86::Exception exception{};
    GuestPhys address{};
};

class Shadow {
public:
    // counters and guard belong to the engine.
    Shadow(Backend& backend, GuestMemory memory, Policy policy, EngineCounters& counters,
           PageGuard const* guard = nullptr);

    // The guest's registers changed (CR0, CR4, EFER): drops what they made wrong. The same
    // registers drop nothing.
    void set_registers(x86::Paging const& paging);
    // MOV to CR3 (with the PDPTEs in PAE).
    void load_cr3(x86::Paging const& paging);
    void invalidate_page(u64 linear);
    // Drops everything.
    void flush();

    // A page fault, or an access that would cause one.
    AccessResult access(AccessRequest const& request);
    // The same for the emulator, which does the access itself: maps nothing.
    x86::OrException<GuestPhys> translate(AccessRequest const& request);

    // Guest RAM was written by somebody else than the guest at full speed.
    void written(GuestPhys at, u64 bytes);
    // Lets the guest write the page of `at` at full speed from now on, whatever it is.
    void stop_watching(GuestPhys at);
    // All mappings of a page of guest RAM.
    void forget_page(u64 page);
    // Those that can be written.
    void protect_page(u64 page);

    RootId root(View view) { return space_of(view).space.root; }
    static constexpr RootId shared_root = 0;
    // The first linear address of the shared root.
    u64 split() const { return long_mode() ? 0x800000000000 : 0xc0000000; }
    x86::Paging const& paging() const { return paging_; }
    // For tests: whether shadow entries from that table (a page of guest RAM) are only as true as
    // a TLB's.
    bool is_loose(u64 page) const { return watch_.is_loose(page); }

private:
    struct PrivateSpace {
        explicit PrivateSpace(RootId root) : space(root) {}
        Space space;
        u64 cr3{};
        View view{};
        bool in_use{};
        u64 last_used{};
        std::array<u64, 4> pdpte{};
        std::vector<u64> wanted; // linear addresses that came from loose tables, mapped with CR3
    };
    struct Volatile {
        Space* space;
        u64 linear;
    };

    bool long_mode() const { return paging_.mode() == x86::PagingMode::four_level; }
    u64 space_key() const;
    PrivateSpace& space_of(View view);
    PrivateSpace& oldest_space();
    PrivateSpace& owner_of(Space const& space);
    bool want(Space const& space, u64 linear);
    void map_wanted(PrivateSpace& space);
    void loosen(u64 page);
    void tighten_all();
    bool is_foreign(u64 page);
    void take_pdptes(PrivateSpace& space);
    bool is_shared(u64 linear, View view) const {
        return view != View::user && (linear & linear_mask) >= split();
    }
    bool is_ram(u64 page) const { return page < pages_; }
    x86::Paging paging_for(AccessRequest const& request) const;

    PageRights rights(x86::Walk const& walk, AccessRequest const& request,
                      bool& past_protection) const;
    Mappings::Mapped map(Space& space, AccessRequest const& request, x86::Walk const& walk);
    bool map_making_room(Space& space, AccessRequest const& request, x86::Walk const& walk);
    bool make_room(Space& wanted, Mappings::Mapped why);
    void map_ahead(Space& space, AccessRequest const& request);
    bool map_if_used(Space& space, AccessRequest request, u64 linear);
    // False: one of them is loose.
    bool watch_tables(Space& space, u64 linear, x86::Walk const& walk);
    u64 table_span(u8 level) const;
    void mirror(u64 page, u64 first, u64 last);
    void unwatch(u64 page);
    void drop_all(PrivateSpace& space);
    void drop_private();
    void drop_volatile();
    void flush_translations();

    GuestTables tables_;
    u64 pages_;
    Policy policy_;
    EngineCounters& counters_;
    PageGuard const* guard_;
    Mappings mappings_;
    TableWatch watch_;
    x86::Paging paging_{};
    Space shared_{shared_root};
    std::vector<PrivateSpace> spaces_;
    std::array<PrivateSpace*, 3> current_{}; // by view; null: to be found
    // What a CR3 load drops of the shared space (pages that are not global) and, with policy
    // `sync`, of the others (pages from loose tables). One more than most_volatile: and more.
    std::vector<Volatile> volatile_;
    bool past_protection_{}; // there may be leaves that are wrong once CR0.WP is set
    u64 clock_{};
};

} // namespace vmm::shadow
