// SPDX-License-Identifier: Apache-2.0
#include "vmm/shadow/shadow.hpp"

#include <algorithm>

#include "x86/paging.hpp"
#include "x86/registers.hpp"

namespace vmm::shadow {
namespace {

using Kind = AccessResult::Kind;
using x86::PagingMode;

// An exit costs as much as many mappings: what was used before around a page comes with it.
constexpr u64 ahead_pages = 16; // an aligned block
// Uses of guest pages as tables that are remembered: one for each so many leaves. An instruction
// needs a few dozen.
constexpr u64 leaves_per_use = 4, least_uses = 64;
// So many, and dropping the whole shared space is cheaper.
constexpr std::size_t most_volatile = 128;
constexpr u32 leaves_at_once = 32; // reclaimed

constexpr u64 relevant_cr4 = cr4::PageSizeExtension::mask | cr4::PhysicalAddressExtension::mask |
                             cr4::SupervisorExecutionPrevention::mask;
constexpr u64 relevant_efer = efer::LongModeActive::mask | efer::NoExecuteEnable::mask;

} // namespace

Shadow::Shadow(Backend& backend, GuestMemory memory, Policy policy, EngineCounters& counters,
               PageGuard const* guard)
    : tables_(memory), pages_(memory.size() >> page_shift), policy_(policy), counters_(counters),
      guard_(guard), mappings_(backend, pages_, counters),
      watch_(pages_, std::max(least_uses, backend.leaves() / leaves_per_use)) {
    spaces_.reserve(backend.roots());
    for (RootId root = shared_root + 1; root < backend.roots(); ++root) spaces_.emplace_back(root);
}

// ---- registers --------------------------------------------------------------------------------

void Shadow::set_registers(x86::Paging const& paging) {
    u64 const write_protect_set = paging.cr0 & ~paging_.cr0 & cr0::WriteProtect::mask;
    u64 const cr4_changes = paging.cr4 ^ paging_.cr4;
    bool const other_rules =
        ((paging.cr0 ^ paging_.cr0) & cr0::Paging::mask) || (cr4_changes & relevant_cr4) ||
        ((paging.efer ^ paging_.efer) & relevant_efer) || (write_protect_set && past_protection_);
    if (other_rules)
        flush(); // by the old rules
    else if (cr4::GlobalPages::get(cr4_changes))
        flush_translations();
    paging_ = paging;
    current_ = {};
}

// As the processor does when global pages are switched on or off.
void Shadow::flush_translations() {
    drop_volatile();
    mappings_.drop_range(shared_, 0, linear_mask + 1);
    if (policy_ == Policy::fill) drop_private();
}

void Shadow::drop_private() {
    for (PrivateSpace& space : spaces_)
        if (space.in_use) mappings_.drop_range(space.space, 0, linear_mask + 1);
}

void Shadow::load_cr3(x86::Paging const& paging) {
    paging_ = paging;
    ++counters_.guest_page_table_switches;
    drop_volatile();
    if (policy_ == Policy::fill) drop_private();
    current_ = {};
}

void Shadow::invalidate_page(u64 linear) {
    mappings_.invalidate(shared_, linear);
    // With `sync` the write that it is about was mirrored, unless the table is loose.
    if (policy_ == Policy::sync && volatile_.size() <= most_volatile) {
        for (Volatile const& entry : volatile_)
            if ((entry.linear ^ (linear & linear_mask)) < page_size)
                mappings_.drop(*entry.space, entry.linear);
        return;
    }
    for (PrivateSpace& space : spaces_)
        if (space.in_use) mappings_.invalidate(space.space, linear);
}

void Shadow::flush() {
    for (PrivateSpace& space : spaces_) drop_all(space);
    mappings_.drop_range(shared_, 0, linear_mask + 1);
    volatile_.clear();
    past_protection_ = false;
}

void Shadow::drop_all(PrivateSpace& space) {
    mappings_.clear(space.space);
    watch_.forget(space.space);
    space.wanted.clear();
    space.in_use = false;
    current_ = {};
}

void Shadow::drop_volatile() {
    if (volatile_.size() > most_volatile) {
        mappings_.drop_range(shared_, 0, linear_mask + 1);
        drop_private();
    } else {
        for (Volatile const& entry : volatile_) mappings_.drop(*entry.space, entry.linear);
    }
    volatile_.clear();
}

// ---- spaces -----------------------------------------------------------------------------------

u64 Shadow::space_key() const {
    // With policy `fill` there is one space for whatever CR3 holds.
    if (policy_ == Policy::fill) return 0;
    switch (paging_.mode()) {
    case PagingMode::unpaged: return 0;
    case PagingMode::pae: return paging_.cr3 & 0xffffffe0;
    case PagingMode::two_level: return paging_.cr3 & 0xfffff000;
    case PagingMode::four_level: break;
    }
    return paging_.cr3 & PageEntry::Frame::mask;
}

Shadow::PrivateSpace& Shadow::space_of(View view) {
    PrivateSpace*& current = current_[static_cast<unsigned>(view)];
    if (current) return *current;
    u64 const key = space_key();
    auto at = std::ranges::find_if(spaces_, [&](PrivateSpace const& space) {
        return space.in_use && space.cr3 == key && space.view == view;
    });
    if (at != spaces_.end()) {
        take_pdptes(*at);
        map_wanted(*at);
        current = &*at;
    } else {
        PrivateSpace& space = oldest_space();
        if (space.in_use) {
            drop_all(space);
            ++counters_.evictions;
        }
        space.in_use = true;
        space.cr3 = key;
        space.view = view;
        space.pdpte = paging_.pdpte;
        current_[static_cast<unsigned>(view)] = &space;
    }
    PrivateSpace& found = *current_[static_cast<unsigned>(view)];
    found.last_used = ++clock_;
    return found;
}

Shadow::PrivateSpace& Shadow::oldest_space() {
    return *std::ranges::min_element(
        spaces_, {}, [](PrivateSpace const& space) { return space.in_use ? space.last_used : 0; });
}

// The PDPTEs are registers: no write to memory told that they changed.
void Shadow::take_pdptes(PrivateSpace& space) {
    constexpr u64 span = u64{1} << level_shift::pdpt;
    constexpr u8 pdpt_level = 3;
    for (u64 i = 0; i < space.pdpte.size(); ++i) {
        if (space.pdpte[i] == paging_.pdpte[i]) continue;
        mappings_.drop_range(space.space, i * span, span);
        watch_.forget_range(space.space, pdpt_level, i * span, span);
    }
    space.pdpte = paging_.pdpte;
}

// ---- accesses ---------------------------------------------------------------------------------

x86::Paging Shadow::paging_for(AccessRequest const& request) const {
    x86::Paging paging = paging_;
    paging.alignment_check = request.alignment_check;
    return paging;
}

x86::OrException<GuestPhys> Shadow::translate(AccessRequest const& request) {
    return TRY(x86::translate_linear(paging_for(request), request.linear, request.access,
                                     request.supervisor, tables_))
        .address;
}

AccessResult Shadow::access(AccessRequest const& request) {
    auto const found = x86::translate_linear(paging_for(request), request.linear, request.access,
                                             request.supervisor, tables_);
    if (!found) {
        watch_.step();
        return {.kind = Kind::guest_fault, .exception = found.error()};
    }
    u64 const page = page_of(found->address);
    bool const write = request.access == x86::Access::write;
    if (!is_ram(page)) return {.kind = Kind::no_ram, .address = found->address};
    if (write && watch_.watches(page)) {
        if (!watch_.is_written_like_data(page))
            return {.kind = Kind::watched_write, .address = found->address};
        unwatch(page);
    } else {
        watch_.step();
    }
    if (guard_) {
        auto const allowed = guard_->allowed(page, request.view);
        if ((write && !allowed.write) ||
            (request.access == x86::Access::execute && !allowed.execute))
            return {.kind = Kind::guarded, .address = found->address};
    }
    bool const shared = is_shared(request.linear, request.view);
    Space& space = shared ? shared_ : space_of(request.view).space;
    if (!map_making_room(space, request, *found)) return {.kind = Kind::exhausted};
    map_ahead(space, request);
    // A guest may use its own page table as memory, or write a page into a table that maps it: what
    // was made for this access may have made it a table.
    if (write && watch_.watches(page))
        return {.kind = Kind::watched_write, .address = found->address};
    return {.kind = Kind::mapped, .address = found->address};
}

PageRights Shadow::rights(x86::Walk const& walk, AccessRequest const& request,
                          bool& past_protection) const {
    bool const write = request.access == x86::Access::write;
    bool const supervisor_fetches_users =
        !(cr4::SupervisorExecutionPrevention::get(paging_.cr4) && walk.user);
    bool const unprotected = !cr0::WriteProtect::get(paging_.cr0);
    PageRights result{.write = walk.writable && (walk.dirty || write),
                      .execute = walk.executable,
                      .user = walk.user};
    switch (request.view) {
    case View::processor:
        // The processor's own CR0.WP is always set. A page that only the supervisor may write is
        // the supervisor's alone, until the user comes for it.
        past_protection = write && !walk.writable;
        if (past_protection) result = {true, walk.executable && supervisor_fetches_users, false};
        break;
    case View::kernel:
        past_protection = unprotected && !walk.writable && (walk.dirty || write);
        result = {result.write || past_protection, walk.executable && supervisor_fetches_users,
                  true};
        break;
    case View::user: result.user = true; break;
    }
    u64 const page = page_of(walk.address);
    if (watch_.watches(page)) result.write = false;
    if (guard_) {
        auto const allowed = guard_->allowed(page, request.view);
        result.write = result.write && allowed.write;
        result.execute = result.execute && allowed.execute;
    }
    return result;
}

Mappings::Mapped Shadow::map(Space& space, AccessRequest const& request, x86::Walk const& walk) {
    using enum Mappings::Mapped;
    u64 const page = page_of(walk.address);
    bool const shared = &space == &shared_;
    bool loose = false;
    if (policy_ == Policy::sync && !shared) {
        if (watch_.is_full()) return no_table;
        loose = !watch_tables(space, request.linear, walk);
        if (loose && !want(space, request.linear & linear_mask & ~(page_size - 1))) {
            tighten_all();
            loose = !watch_tables(space, request.linear, walk);
        }
    }
    bool const large = walk.page_bits >= extent_shift && is_ram(page | (extent_pages - 1)) &&
                       !watch_.watches_in_large_page(page) &&
                       (!guard_ || guard_->free_extent(page));
    u64 const size = large ? extent_size : page_size;
    Mapping mapping{.linear = request.linear & linear_mask & ~(size - 1),
                    .page = large ? page & ~u64{extent_pages - 1} : page,
                    .large = large,
                    .guest_page_bits = walk.page_bits};
    mapping.rights = rights(walk, request, mapping.past_protection);
    past_protection_ = past_protection_ || mapping.past_protection;
    auto const mapped = mappings_.map(space, mapping);
    if (mapped != done) return mapped;
    if ((loose || (shared && !walk.global)) && volatile_.size() <= most_volatile)
        volatile_.push_back({&space, mapping.linear});
    return done;
}

bool Shadow::map_making_room(Space& space, AccessRequest const& request, x86::Walk const& walk) {
    constexpr unsigned most_tries = 64;
    for (unsigned tries = 0; tries < most_tries; ++tries) {
        auto const mapped = map(space, request, walk);
        if (mapped == Mappings::Mapped::done) return true;
        if (!make_room(space, mapped)) return false;
    }
    return false;
}

// Gives up what was used longest ago. A space that has little itself takes from the shared one
// before it starts anew: an instruction needs several pages at the same time.
bool Shadow::make_room(Space& wanted, Mappings::Mapped why) {
    if (why == Mappings::Mapped::no_leaf) {
        for (u32 i = 0; i < leaves_at_once; ++i) mappings_.reclaim_leaf();
        return true;
    }
    constexpr std::size_t little = 8; // extents
    ++counters_.evictions;
    Space* victim{};
    u64 victims_use = ~u64{0};
    for (PrivateSpace& space : spaces_) {
        if (&space.space == &wanted || space.space.bare || space.last_used >= victims_use) continue;
        victim = &space.space;
        victims_use = space.last_used;
    }
    if (!victim && wanted.extents.size() <= little && &wanted != &shared_ && !shared_.bare)
        victim = &shared_;
    if (!victim && !wanted.bare) victim = &wanted;
    if (!victim) return false;
    mappings_.clear(*victim);
    watch_.forget(*victim);
    return true;
}

void Shadow::map_ahead(Space& space, AccessRequest const& request) {
    Leaf const* const leaf = mappings_.find(space, request.linear & linear_mask);
    if (!leaf || leaf->large) return;
    u64 const first = request.linear & ~(ahead_pages * page_size - 1);
    AccessRequest neighbour = request;
    neighbour.access = x86::Access::read;
    for (u64 i = 0; i < ahead_pages; ++i) {
        u64 const linear = first + i * page_size;
        if (mappings_.find(space, linear & linear_mask)) continue;
        if (!map_if_used(space, neighbour, linear)) return;
    }
}

// What the guest used before and may use again. False: no room, and none is made for it.
bool Shadow::map_if_used(Space& space, AccessRequest request, u64 linear) {
    auto const walk = x86::walk(paging_, linear, tables_);
    if (!walk || !is_ram(page_of(walk->address))) return true;
    if (request.view == View::user && !walk->user) return true;
    bool const accessed =
        walk->count == 0 || PageEntry::Accessed::get(walk->entries[walk->count - 1].value);
    if (!accessed) return true;
    request.linear = linear;
    return map(space, request, *walk) == Mappings::Mapped::done;
}

void Shadow::forget_page(u64 page) {
    if (is_ram(page)) mappings_.drop_page(page, [](Leaf const&) { return true; });
}

void Shadow::protect_page(u64 page) {
    if (is_ram(page)) mappings_.drop_page(page, [](Leaf const& leaf) { return leaf.rights.write; });
}

} // namespace vmm::shadow
