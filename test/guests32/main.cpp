// SPDX-License-Identifier: Apache-2.0
// A 32-bit guest without an operating system. Its command line says what it does.
#include "test/guests32/behaviours.hpp"
#include "test/guests32/machine.hpp"

namespace guest {
namespace {

struct Behaviour {
    char const* name;
    void (*run)();
};

constexpr Behaviour behaviours[] = {
    {"flags", flags_and_registers},
    {"paging", paging},
    {"user", user_mode},
    {"timer", timer},
    {"long-handler", long_handler},
    {"exceptions", exceptions},
    {"own-code", own_code},
    {"middle", middle_of_instruction},
    {"hostile-code", hostile_code},
    {"forward-loop", forward_loop},
    {"refused", refused_instructions},
    {"hostile-tables", hostile_tables},
    {"base-segments", base_segments},
    {"end-of-ram", end_of_ram},
    {"table-nowhere", table_nowhere},
    {"table-in-device", table_in_device},
    {"triple-fault", triple_fault},
    {"virtual-8086", virtual8086},
    {"task-switch", task_switch},
    {"segment-with-base", segment_with_base},
    {"short-stack", short_stack},
};

} // namespace
} // namespace guest

extern "C" [[noreturn]] void guest_main(u8 const* boot_parameters) {
    using namespace guest;
    constexpr unsigned command_line_pointer = 0x228;
    auto const* const line = reinterpret_cast<char const*>(
        *reinterpret_cast<u32 const*>(boot_parameters + command_line_pointer));
    set_up_tables();
    for (auto const& behaviour : behaviours)
        if (same(behaviour.name, line)) {
            behaviour.run();
            power_off();
        }
    print_line("no behaviour is called \"", line, "\"");
    power_off();
}
