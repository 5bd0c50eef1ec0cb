// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/translate/code_places.hpp"

#include <optional>

#include "x86/paging.hpp"
#include "x86/registers.hpp"

namespace vmm::translate {
namespace {

constexpr unsigned page_bits = 12;
constexpr unsigned largest_bits = 22; // of a page with 32-bit paging

// A walk that is good for all of a large page.
class Walks {
public:
    Walks(x86::Paging const& paging, x86::TableMemory& tables) : paging_(paging), tables_(tables) {}

    struct Found {
        u64 number;
        bool global;
    };
    std::optional<Found> find(u32 page, bool user) {
        u32 const linear = page << page_bits;
        if (!last_ || ((linear ^ last_linear_) >> last_->page_bits) != 0) {
            auto const walk = x86::walk(paging_, linear, tables_);
            if (!walk) return std::nullopt;
            last_ = *walk;
            last_linear_ = linear;
        }
        if (!x86::allows(paging_, *last_, x86::Access::execute, !user)) return std::nullopt;
        u64 const inside = (u64{1} << last_->page_bits) - 1;
        u64 const address = (last_->address.value & ~inside) | (linear & inside);
        return Found{.number = address >> page_bits,
                     .global = last_->global && cr4::GlobalPages::get(paging_.cr4) != 0};
    }

private:
    x86::Paging const& paging_;
    x86::TableMemory& tables_;
    std::optional<x86::Walk> last_;
    u32 last_linear_{};
};

} // namespace

// A page that was mapped elsewhere without a word may be fetched from before the guest says so:
// then it is to be looked for where the code is from now. What user mode executed needs its right
// as long as it is there.
void CodePlaces::add(x86::Paging const& paging, u32 page, u64 number, bool user) {
    for (Places* places : {&local_, &global_}) {
        auto const at = places->find(page);
        if (at == places->end()) continue;
        if (at->second.number == number && (at->second.user || !user)) return;
        places->erase(at);
    }
    auto const found = Walks(paging, tables_).find(page, user);
    (found && found->global ? global_ : local_)[page] = {.number = number, .user = user};
}

// A large page is one entry of the TLB.
void CodePlaces::invalidate(x86::Paging const& paging, u32 linear) {
    constexpr u32 pages = u32{1} << (largest_bits - page_bits);
    u32 const first = (linear >> page_bits) & ~(pages - 1);
    check(local_, paging, first, first + pages - 1);
    check(global_, paging, first, first + pages - 1);
}

void CodePlaces::check(Places& places, x86::Paging const& paging, u32 first, u32 last) {
    Walks walks(paging, tables_);
    bool const global = &places == &global_;
    for (auto at = places.lower_bound(first); at != places.end() && at->first <= last;) {
        auto const& [page, place] = *at;
        auto const found = walks.find(page, place.user);
        if (found && found->number == place.number) {
            if (found->global == global) {
                ++at;
                continue;
            }
            (global ? local_ : global_)[page] = place;
        } else {
            changed_(page);
        }
        at = places.erase(at);
    }
}

} // namespace vmm::translate
