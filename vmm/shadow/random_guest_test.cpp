// SPDX-License-Identifier: Apache-2.0
// Shadow page tables under random guests: tables written in any way, loaded, invalidated and used,
// with pools so small that everything is given up all the time. After each step: every shadow entry
// is one that the guest's tables allow, or that a TLB could still hold; every access that they
// allow succeeds; accessed and dirty bits are right.
#include "vmm/shadow/fake_backend.hpp"
#include "vmm/shadow/shadow.hpp"

#include <algorithm>
#include <cstring>
#include <random>

namespace vmm::shadow {
namespace {

using x86::Access;
using x86::PagingMode;

constexpr u64 ram_size = 8 << 20, pages = ram_size >> page_shift;
constexpr u64 first_table = 16, tables = 20; // pages that serve as tables
constexpr u64 write_protect = 1 << 16, paging_on = 0x80000011;
constexpr u64 pse = 0x10, pae = 0x20, pge = 0x80, smep = 1 << 20;

struct Scenario {
    PagingMode mode;
    Policy policy;
    FakeBackend::Pools pools;
};

// What a TLB may have loaded for one page.
struct Loaded {
    u64 page;
    PageRights rights;
    bool global;
    bool operator==(Loaded const&) const = default;
};

// Page tables that are read from memory and written beside it.
class Overlay : public GuestTables {
public:
    using GuestTables::GuestTables;
    void write_entry(GuestPhys at, unsigned size, u64 value) override {
        writes_[at.value] = {size, value};
    }
    // To a copy of the pages that serve as tables.
    void apply(std::span<u8> bytes) const {
        for (auto const& [at, write] : writes_)
            std::memcpy(&bytes[at - (first_table << page_shift)], &write.second, write.first);
    }

private:
    std::map<u64, std::pair<unsigned, u64>> writes_;
};

class RandomGuest {
public:
    RandomGuest(Scenario const& scenario, u64 seed)
        : scenario_(scenario), random_(seed), ram_(ram_size), memory_(ram_),
          backend_(scenario.pools, pages), shadow_(backend_, memory_, scenario.policy, counters_) {
        paging_.cr0 = paging_on | write_protect;
        paging_.cr4 = pge | (scenario.mode == PagingMode::two_level ? pse : pae);
        paging_.efer = scenario.mode == PagingMode::four_level ? 0xd00 : 0x800;
        paging_.physical_bits = 40;
        make_universe();
        for (u64 page = first_table; page < first_table + tables; ++page)
            for (u64 index : indexes_)
                poke(page, index * entry_size() & (page_size - 1), any_entry());
        shadow_.set_registers(paging_);
        load(first_table);
    }

    void step() {
        switch (pick(16)) {
        case 0: load(first_table + pick(3)); break;
        case 1: invalidate(); break;
        case 2: toggle(paging_.cr0, write_protect, 4); break;
        case 3: toggle(paging_.cr4, pge, 8); break;
        case 4:
        case 5:
        case 6: write_entry(); break;
        case 7: write_for_another(); break;
        default: access(); break;
        }
        spaces_[shadow_.root(View::processor)] = paging_;
        remember();
        check();
    }

    EngineCounters const& counters() const { return counters_; }
    u64 loose_entries() const { return loose_entries_; }

private:
    u64 pick(u64 below) { return random_() % below; }
    bool small_entries() const { return scenario_.mode == PagingMode::two_level; }
    u64 entry_size() const { return small_entries() ? 4 : 8; }

    void make_universe() {
        // Indexes into the tables, uppermost level first; the last one is at or above the split.
        std::vector<u64> const tops = small_entries() ? std::vector<u64>{0, 1, 768}
                                      : scenario_.mode == PagingMode::four_level
                                          ? std::vector<u64>{0, 256}
                                          : std::vector<u64>{0, 3};
        for (u64 top : tops)
            for (u64 middle : {0, 1})
                for (u64 low : {0, 1, 511}) {
                    u64 linear = low << 12;
                    if (small_entries())
                        linear |= top << 22;
                    else if (scenario_.mode == PagingMode::pae)
                        linear |= top << 30 | middle << 21;
                    else
                        linear |= top << 39 | middle << 21;
                    if (linear >> 47) linear |= 0xffff000000000000;
                    universe_.push_back(linear);
                    if (small_entries() && low == 511) universe_.push_back(linear + (1 << 12));
                }
        indexes_ = {0, 0, 0, 1, 511, 256, 3};
        if (small_entries()) indexes_ = {0, 1, 511, 512, 768};
    }

    void load(u64 table) {
        paging_.cr3 = table << page_shift;
        if (scenario_.mode == PagingMode::pae) {
            for (unsigned i = 0; i < 4; ++i)
                paging_.pdpte[i] = (first_table + pick(tables)) << page_shift | (pick(8) != 0);
        }
        std::erase_if(tlb_, [](auto const& entry) { return !entry.second.global; });
        shadow_.load_cr3(paging_);
    }

    void invalidate() {
        u64 const linear = any_linear();
        std::erase_if(tlb_, [&](auto const& entry) { return entry.first == linear; });
        shadow_.invalidate_page(linear);
    }

    void toggle(u64& word, u64 bit, u64 one_in) {
        if (pick(one_in) != 0) return;
        if (&word == &paging_.cr4) tlb_.clear();
        word ^= bit;
        shadow_.set_registers(paging_);
    }

    u64 any_linear() { return universe_[pick(universe_.size())]; }

    u64 any_entry() {
        u64 const flags = (pick(2) << 1) | (pick(2) << 2) | (pick(4) == 0 ? 0x20 : 0) |
                          (pick(4) == 0 ? 0x40 : 0) | (pick(3) == 0 ? 0x100 : 0);
        u64 const no_execute = small_entries() ? 0 : u64{pick(4) == 0} << 63;
        switch (pick(12)) {
        case 0: return 0;
        case 1: return pick(4) == 0 ? random_() : pick(pages) << page_shift | flags | 1;
        case 2: return (pages + pick(100)) << page_shift | flags | 7; // no RAM
        case 3: return (pick(6) * (u64{1} << 21)) | 0x80 | flags | 1 | no_execute;
        case 4:
        case 5: return pick(pages) << page_shift | flags | 1 | no_execute;
        default: return (first_table + pick(tables)) << page_shift | flags | 7;
        }
    }

    bool is_writable_somewhere(u64 page) const {
        for (auto const& [at, entry] : backend_.entries())
            if (entry.rights.write &&
                (entry.large ? entry.page >> 9 == page >> 9 : entry.page == page))
                return true;
        return false;
    }

    void poke(u64 page, u64 offset, u64 value) {
        std::memcpy(&ram_[(page << page_shift) + offset], &value, entry_size());
    }

    // Either at full speed, which takes a mapping that lets it, or told to the shadow.
    void write_entry() {
        u64 const page = first_table + pick(tables);
        u64 const offset = indexes_[pick(indexes_.size())] * entry_size() & (page_size - 1);
        bool const silently = is_writable_somewhere(page) && pick(2) == 0;
        poke(page, offset, any_entry());
        if (!silently) shadow_.written({(page << page_shift) + offset}, entry_size());
    }

    // As a kernel that maps what it patches elsewhere: entries for an address space that is not the
    // current one.
    void write_for_another() {
        auto const other = std::ranges::find_if(
            spaces_, [&](auto const& space) { return space.second.cr3 != paging_.cr3; });
        u64 const linear = any_linear();
        if (other == spaces_.end() || is_shared(linear)) return;
        auto const table = last_table(other->second, linear);
        if (!table || *table < first_table || *table >= first_table + tables) return;
        for (unsigned i = 0; i < 6; ++i) {
            u64 const at = *table << page_shift | indexes_[i % 2] * entry_size();
            poke(*table, at & (page_size - 1), any_entry());
            shadow_.written({at}, entry_size());
            remember();
            access();
            remember();
        }
    }

    void access() {
        AccessRequest const request{.linear = any_linear(),
                                    .access = static_cast<Access>(pick(3)),
                                    .supervisor = pick(2) == 0,
                                    .alignment_check = false,
                                    .view = View::processor};
        // The processor's answer; what it writes stays out of memory.
        Overlay marks(memory_);
        auto const expected = x86::translate_linear(paging_, request.linear, request.access,
                                                    request.supervisor, marks);
        std::vector<u8> before = table_bytes();
        AccessResult const result = shadow_.access(request);
        using Kind = AccessResult::Kind;
        if (!expected) {
            EXPECT_EQ(result.kind, Kind::guest_fault);
            EXPECT_EQ(result.exception.error_code, expected.error().error_code);
            EXPECT_EQ(result.exception.address, request.linear);
            return;
        }
        marks.apply(before);
        EXPECT_EQ(table_bytes(), before); // accessed and dirty bits
        EXPECT_EQ(result.address, expected->address);
        if (expected->address.value >= ram_size) {
            EXPECT_EQ(result.kind, Kind::no_ram);
            return;
        }
        if (result.kind == Kind::watched_write) {
            EXPECT_EQ(request.access, Access::write);
            EXPECT_EQ(scenario_.policy, Policy::sync);
            u64 const at = expected->address.value & ~(entry_size() - 1);
            poke(at >> page_shift, at & (page_size - 1), any_entry());
            shadow_.written({at}, entry_size());
            return;
        }
        ASSERT_EQ(result.kind, Kind::mapped);
        check_processor(request, expected->address.value >> page_shift);
    }

    // The processor, with CR0.WP set, finds a shadow entry that lets it.
    void check_processor(AccessRequest const& request, u64 page) {
        auto const entry = backend_.find(root_of(request.linear), request.linear & linear_mask);
        ASSERT_TRUE(entry);
        EXPECT_EQ(entry->page, page);
        EXPECT_TRUE(request.supervisor || entry->rights.user);
        EXPECT_TRUE(request.access != Access::write || entry->rights.write);
        EXPECT_TRUE(request.access != Access::execute || entry->rights.execute);
    }

    std::vector<u8> table_bytes() const {
        u8 const* const from = &ram_[first_table << page_shift];
        return {from, from + (tables << page_shift)};
    }

    bool is_shared(u64 linear) const { return (linear & linear_mask) >= shadow_.split(); }
    RootId root_of(u64 linear) {
        return is_shared(linear) ? Shadow::shared_root : shadow_.root(View::processor);
    }

    std::optional<Loaded> loadable(x86::Paging const& paging, u64 linear) {
        GuestTables read(memory_);
        auto const walk = x86::walk(paging, linear, read);
        if (!walk || !(walk->entries[walk->count - 1].value & 0x20)) return std::nullopt;
        return Loaded{.page = walk->address.value >> page_shift,
                      .rights = {walk->writable && walk->dirty, walk->executable, walk->user},
                      .global = walk->global};
    }

    // What the processor could load into its TLB now.
    void remember() {
        for (u64 linear : universe_) {
            auto const now = loadable(paging_, linear);
            if (!now) continue;
            auto const [first, last] = tlb_.equal_range(linear);
            if (std::none_of(first, last, [&](auto const& e) { return e.second == *now; }))
                tlb_.insert({linear, *now});
        }
    }

    // Whether an entry gives no more than that; without CR0.WP the supervisor may write everything.
    bool covered(FakeBackend::Entry const& entry, Loaded const& by) const {
        bool const past_protection = entry.rights.write && !by.rights.write;
        if (past_protection && (entry.rights.user || (paging_.cr0 & write_protect))) return false;
        return entry.page == by.page && entry.rights.execute <= by.rights.execute &&
               entry.rights.user <= by.rights.user;
    }

    void check() {
        EXPECT_LE(backend_.used(), scenario_.pools.tables);
        for (u64 linear : universe_) {
            u64 const masked = linear & linear_mask;
            if (scenario_.policy == Policy::sync && !is_shared(linear))
                check_mirrored(linear);
            else if (auto const entry = backend_.find(root_of(linear), masked)) {
                auto const [first, last] = tlb_.equal_range(linear);
                EXPECT_TRUE(std::any_of(first, last,
                                        [&](auto const& e) { return covered(*entry, e.second); }))
                    << std::hex << linear;
            }
        }
    }

    // The table that has the entry for a small page there.
    std::optional<u64> last_table(x86::Paging const& paging, u64 linear) const {
        unsigned const bits = small_entries() ? 10 : 9;
        bool const by_pdpte = scenario_.mode == PagingMode::pae;
        u64 entry = by_pdpte ? paging.pdpte[linear >> 30 & 3] : paging.cr3 | 1;
        for (unsigned level = scenario_.mode == PagingMode::four_level ? 4 : 2; level > 1;
             --level) {
            u64 const page = (entry & 0x000ffffffffff000) >> page_shift;
            if (!(entry & 1) || page >= pages) return std::nullopt;
            u64 const index = linear >> (page_shift + (level - 1) * bits) & ((1 << bits) - 1);
            entry = 0;
            std::memcpy(&entry, &ram_[(page << page_shift) + index * entry_size()], entry_size());
            constexpr u64 large = 0x80;
            if (level == 2 && (entry & large)) return std::nullopt;
        }
        if (!(entry & 1)) return std::nullopt;
        return (entry & 0x000ffffffffff000) >> page_shift;
    }

    // What a loose table says may be dropped late, but not later than at a load of CR3.
    void check_loose(RootId root, u64 linear, FakeBackend::Entry const& entry) {
        EXPECT_EQ(root, shadow_.root(View::processor));
        auto const [first, last] = tlb_.equal_range(linear);
        EXPECT_TRUE(
            std::any_of(first, last, [&](auto const& e) { return covered(entry, e.second); }))
            << std::hex << linear;
    }

    // Policy `sync`: all spaces say what the tables say now, and nobody can write these unseen.
    void check_mirrored(u64 linear) {
        for (auto const& [root, paging] : spaces_) {
            auto const entry = backend_.find(root, linear);
            if (!entry || is_stale(root, paging)) continue;
            x86::Paging now = paging;
            now.cr0 = paging_.cr0;
            now.cr4 = paging_.cr4;
            auto const table = last_table(now, linear);
            if (table && shadow_.is_loose(*table)) {
                check_loose(root, linear, *entry);
                ++loose_entries_;
                continue;
            }
            auto const expected = loadable(now, linear);
            ASSERT_TRUE(expected) << std::hex << linear;
            EXPECT_TRUE(covered(*entry, *expected)) << std::hex << linear;
            GuestTables read(memory_);
            auto const walk = x86::walk(now, linear, read);
            for (unsigned i = 0; i < walk->count; ++i)
                EXPECT_FALSE(is_writable_somewhere(walk->entries[i].at.value >> page_shift));
        }
    }

    // Another root took over since, or these are PDPTEs of an earlier load.
    bool is_stale(RootId root, x86::Paging const& paging) {
        for (auto const& [other, latest] : spaces_)
            if (other != root && latest.cr3 == paging.cr3)
                return other == shadow_.root(View::processor);
        return false;
    }

    Scenario scenario_;
    std::mt19937_64 random_;
    std::vector<u8> ram_;
    GuestMemory memory_;
    EngineCounters counters_;
    FakeBackend backend_;
    Shadow shadow_;
    x86::Paging paging_;
    std::vector<u64> universe_, indexes_;
    std::multimap<u64, Loaded> tlb_;
    std::map<RootId, x86::Paging> spaces_;
    u64 loose_entries_{};
};

class RandomGuests : public testing::TestWithParam<Scenario> {};

TEST_P(RandomGuests, GetWhatTheirTablesSay) {
    u64 entries = 0, loose_entries = 0;
    for (u64 seed = 1; seed <= 6; ++seed) {
        SCOPED_TRACE(seed);
        RandomGuest guest(GetParam(), seed);
        for (int step = 0; step < 1600 && !testing::Test::HasFailure(); ++step) guest.step();
        entries += guest.counters().shadow_entries;
        loose_entries += guest.loose_entries();
    }
    EXPECT_GT(entries, 400u); // the guests got somewhere
    bool const has_loose = GetParam().policy == Policy::sync && GetParam().pools.tables > 4;
    EXPECT_EQ(loose_entries > 0, has_loose);
}

constexpr FakeBackend::Pools ample{6, 4096, 400}, tight{3, 40, 12};
INSTANTIATE_TEST_SUITE_P(All, RandomGuests,
                         testing::Values(Scenario{PagingMode::two_level, Policy::fill, ample},
                                         Scenario{PagingMode::two_level, Policy::sync, ample},
                                         Scenario{PagingMode::two_level, Policy::sync, tight},
                                         Scenario{PagingMode::pae, Policy::fill, ample},
                                         Scenario{PagingMode::pae, Policy::sync, ample},
                                         Scenario{PagingMode::pae, Policy::sync, tight},
                                         Scenario{PagingMode::four_level, Policy::fill, ample},
                                         Scenario{PagingMode::four_level, Policy::fill, tight},
                                         Scenario{PagingMode::four_level, Policy::sync, ample},
                                         Scenario{PagingMode::four_level, Policy::sync, tight}));

} // namespace
} // namespace vmm::shadow
