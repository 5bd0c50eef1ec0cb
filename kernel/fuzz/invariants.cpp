// SPDX-License-Identifier: Apache-2.0
#include "kernel/fuzz/invariants.hpp"

#include "kernel/fuzz/inventory.hpp"
#include "kernel/fuzz/tables.hpp"

namespace fuzz::invariants {

namespace {
List<Slot*, 4096> slots_at_start;
TranslationList translations_at_start;
} // namespace

void start_from(Slot& slot) {
    inventory.slots.push({.slot = &slot, .type = {}, .has_extent = false, .start = 0, .end = 0, .object = Object::none});
}

void check() {
    if (!inventory.is_current()) {
        inventory.collect();
        check_lists();
    }
    check_threads();
    check_queues();
    check_address_spaces();
    check_devices();
    check_processor();
}

void remember() {
    for (Found const& found : inventory.slots) slots_at_start.push(found.slot);
    translations_at_start = translations;
}

void restore() {
    inventory.forget();
    inventory.slots.clear();
    for (Slot* const slot : slots_at_start) start_from(*slot);
    translations.clear();
    for (Translation const& translation : translations_at_start) translations.push(translation);
    translations.guest_generation = translations_at_start.guest_generation;
}

} // namespace fuzz::invariants
