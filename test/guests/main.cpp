// SPDX-License-Identifier: Apache-2.0
// A guest without an operating system. Its command line, "BEHAVIOUR [ARGUMENT]", says what it does.
#include "test/guests/behaviours.hpp"
#include "test/guests/machine.hpp"

namespace guest {
namespace {

struct Behaviour {
    std::string_view name;
    void (*run)(std::string_view argument);
};

constexpr Behaviour behaviours[] = {
    {"hello", hello},
    {"echo", echo},
    {"triple-fault", triple_fault},
    {"bad-instruction", bad_instruction},
    {"read-unmapped", read_unmapped},
    {"write-unmapped", write_unmapped},
    {"execute-unmapped", execute_unmapped},
    {"missing-device", missing_device},
    {"vector-device", vector_device},
    {"halt", halt},
    {"flood", flood},
    {"flood-blindly", flood_blindly},
    {"spin", spin},
    {"debug-storm", debug_storm},
    {"reboot", reboot},
    {"msr", msr},
    {"ports", ports},
    {"privileged", privileged},
    {"strings", strings},
    {"state", state},
    {"tables", tables},
    {"wild", wild},
};

} // namespace
} // namespace guest

extern "C" [[noreturn]] void guest_main(u8 const* boot_parameters) {
    using namespace guest;
    constexpr unsigned command_line_pointer = 0x228;
    catch_exceptions();
    std::string_view const line(reinterpret_cast<char const*>(
        u64{*reinterpret_cast<u32 const*>(boot_parameters + command_line_pointer)}));
    std::size_t space = 0;
    while (space < line.size() && line[space] != ' ') ++space;
    std::string_view const name(line.data(), space);
    std::string_view const argument(line.data() + space + (space != line.size()));
    for (auto const& behaviour : behaviours) {
        if (behaviour.name != name) continue;
        behaviour.run(argument);
        power_off();
    }
    print_line("no behaviour is called \"", name, "\"");
    power_off();
}
