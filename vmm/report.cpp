// SPDX-License-Identifier: Apache-2.0
#include "vmm/report.hpp"

#include <cstdio>

namespace vmm {
namespace {

struct Figure {
    char const* name; // of the JSON field
    char const* text; // behind the number
    u64 EngineCounters::*counter;
};
constexpr Figure figures[] = {
    {"guest_page_table_switches", "guest page-table switches",
     &EngineCounters::guest_page_table_switches},
    {"real_page_table_switches", "real page-table switches",
     &EngineCounters::real_page_table_switches},
    {"shadow_entries", "shadow entries", &EngineCounters::shadow_entries},
    {"emulated_writes", "emulated page-table writes", &EngineCounters::emulated_writes},
    {"evictions", "evictions", &EngineCounters::evictions},
    {"injected_interrupts", "interrupts", &EngineCounters::injected_interrupts},
    {"injected_exceptions", "exceptions", &EngineCounters::injected_exceptions},
    {"patches", "patches", &EngineCounters::patches},
    {"thread_stops", "stops of the thread", &EngineCounters::thread_stops},
    {"translated_blocks", "blocks", &EngineCounters::translated_blocks},
    {"translated_bytes", "bytes translated", &EngineCounters::translated_bytes},
    {"chained_jumps", "jumps chained", &EngineCounters::chained_jumps},
    {"cache_misses", "misses", &EngineCounters::cache_misses},
    {"cache_hits", "misses with a block", &EngineCounters::cache_hits},
    {"emulated_instructions", "emulated", &EngineCounters::emulated_instructions},
    {"invalidated_blocks", "blocks invalidated", &EngineCounters::invalidated_blocks},
    {"cache_evictions", "code evictions", &EngineCounters::cache_evictions},
};

std::string seconds(u64 milliseconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%llu.%03llu",
                  static_cast<unsigned long long>(milliseconds / 1000),
                  static_cast<unsigned long long>(milliseconds % 1000));
    return text;
}

// Calls `use` with the name and number of each cause that happened.
template <class Use> void for_each_cause(Report const& report, Use&& use) {
    for (std::size_t i = 0; i < exit_names.size(); ++i)
        if (report.exits[i] != 0) use(exit_names[i], report.exits[i]);
    for (std::size_t i = 0; i < internal_exit_names.size(); ++i)
        if (report.engine.exits[i] != 0) use(internal_exit_names[i], report.engine.exits[i]);
}

} // namespace

u64 Report::total() const {
    u64 sum = 0;
    for_each_cause(*this, [&](char const*, u64 count) { sum += count; });
    return sum;
}

std::string Report::text() const {
    std::string line = seconds(milliseconds) + " s: ";
    if (mark) line += "mark " + std::to_string(*mark) + ": ";
    line += std::to_string(total()) + " exits";
    char const* separator = ": ";
    for_each_cause(*this, [&](char const* name, u64 count) {
        line += separator + std::string(name) + " " + std::to_string(count);
        separator = ", ";
    });
    separator = "; ";
    for (Figure const& figure : figures) {
        if (engine.*figure.counter == 0) continue;
        line += separator + std::to_string(engine.*figure.counter) + " " + figure.text;
        separator = ", ";
    }
    return line;
}

std::string Report::json() const {
    std::string line = "{\"seconds\": " + seconds(milliseconds) +
                       ", \"mark\": " + (mark ? std::to_string(*mark) : "null") +
                       ", \"exits\": {\"total\": " + std::to_string(total());
    for_each_cause(*this, [&](char const* name, u64 count) {
        line += ", \"" + std::string(name) + "\": " + std::to_string(count);
    });
    line += "}";
    for (Figure const& figure : figures)
        line += ", \"" + std::string(figure.name) + "\": " + std::to_string(engine.*figure.counter);
    return line + "}";
}

} // namespace vmm
