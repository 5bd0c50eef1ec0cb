// SPDX-License-Identifier: Apache-2.0
#include "tool/manifest_check.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "protocol/component.hpp"

using namespace manifest;

namespace {

std::string line_of(Place const& place) { return fmt::format("{}:{}", place.file, place.line); }

Checked<void> check_names(Manifest const& manifest) {
    std::vector<Located<std::string>> names;
    for (auto const& component : manifest.components) names.push_back(component.name);
    for (auto const& vm : manifest.vms) names.push_back(vm.name);
    if (names.empty()) {
        return fail(Problem({manifest.path.string(), 1, ""}, {"has nothing to run", "add a [[component]] or a [[vm]]"}));
    }
    for (auto name = names.begin(); name != names.end(); ++name) {
        auto const other = std::find_if(names.begin(), name, [&](auto const& earlier) { return earlier.value == name->value; });
        if (other == name) continue;
        return fail(Problem(name->place, {fmt::format("\"{}\" is already a name ({})", name->value, line_of(other->place)),
                                          "give each component and VM a name of its own"}));
    }
    return {};
}

Component const* provider(Manifest const& manifest, Service service) {
    for (auto const& component : manifest.components) {
        if (component.provides && component.provides->value == service) return &component;
    }
    return nullptr;
}

Checked<void> need(Manifest const& manifest, Service service, Place const& place) {
    if (provider(manifest, service) != nullptr) return {};
    auto const name = service == Service::console ? "console" : "timer";
    return fail(Problem(place, {fmt::format("needs the {} service, and no component provides it", name),
                                "add include = [\"services.toml\"] to [system]"}));
}

Checked<void> check_services(Manifest const& manifest) {
    for (auto const& component : manifest.components) {
        if (component.provides && provider(manifest, component.provides->value) != &component) {
            return fail(Problem(component.provides->place, {"another component provides this already", "remove one of the two"}));
        }
        if (component.console) TRY(need(manifest, Service::console, component.console->place));
        if (component.timer) TRY(need(manifest, Service::timer, *component.timer));
    }
    for (auto const& vm : manifest.vms) {
        TRY(need(manifest, Service::console, vm.name.place));
        TRY(need(manifest, Service::timer, vm.name.place));
    }
    return {};
}

// Everyone with a console, VMs first.
struct ConsoleClient {
    std::string name;
    bool keyboard;
    Place place;
};
std::vector<ConsoleClient> console_clients(Manifest const& manifest) {
    std::vector<ConsoleClient> clients;
    for (auto const& vm : manifest.vms) clients.push_back({vm.name.value, vm.console.value.keyboard, vm.console.place});
    for (auto const& component : manifest.components) {
        if (!component.console) continue;
        clients.push_back({component.name.value, component.console->value.keyboard, component.console->place});
    }
    return clients;
}

Checked<void> check_console(Manifest const& manifest) {
    auto const clients = console_clients(manifest);
    auto const first = std::ranges::find(clients, true, &ConsoleClient::keyboard);
    if (first != clients.end()) {
        auto const second = std::find_if(first + 1, clients.end(), [](auto const& client) { return client.keyboard; });
        if (second != clients.end()) {
            return fail(Problem(second->place, {fmt::format("\"{}\" has the keyboard at start already", first->name),
                                                "leave keyboard = true to one of them"}));
        }
    }
    if (clients.size() <= protocol::max_clients) return {};
    return fail(Problem(clients.back().place, {fmt::format("is console client number {}", clients.size()),
                                               fmt::format("at most {} can share the console", protocol::max_clients)}));
}

// One kind of thing that belongs to one component at most.
template <class Item> class Exclusive {
public:
    // Gives `item` to the owner. `clash(a, b)`: they can't be given to two; `text` says what an item is.
    template <class Clash, class Text>
    Checked<void> give(Located<Item> const& item, std::string const& owner, char const* cure, Clash clash, Text text) {
        for (auto const& [other, other_owner] : given_) {
            if (!clash(item.value, other.value)) continue;
            return fail(Problem(item.place, {fmt::format("{} clashes with {} of \"{}\" ({})", text(item.value), text(other.value),
                                                         other_owner, line_of(other.place)),
                                             cure}));
        }
        given_.emplace_back(item, owner);
        return {};
    }

private:
    std::vector<std::pair<Located<Item>, std::string>> given_;
};

Checked<void> check_ports(Manifest const& manifest) {
    Exclusive<PortRange> ports;
    for (auto const& component : manifest.components) {
        for (auto const& range : component.ports) {
            TRY(ports.give(range, component.name.value, "give each port to one component",
                           [](PortRange a, PortRange b) { return a.first <= b.last && b.first <= a.last; },
                           [](PortRange a) { return fmt::format("ports {:#x}-{:#x}", a.first, a.last); }));
        }
    }
    return {};
}

Checked<void> check_irqs(Manifest const& manifest) {
    Exclusive<Irq> irqs;
    for (auto const& component : manifest.components) {
        for (auto const& irq : component.irqs) {
            TRY(irqs.give(irq, component.name.value, "give each interrupt to one component",
                          [](Irq const& a, Irq const& b) { return a.pin == b.pin; },
                          [](Irq const& a) { return fmt::format("interrupt {}", a.pin); }));
        }
    }
    return {};
}

Checked<void> check_devices(Manifest const& manifest, Machine const& machine) {
    Exclusive<Device> devices;
    for (auto const& component : manifest.components) {
        for (auto const& device : component.devices) {
            if (device.value.address < machine.memory) {
                return fail(Problem(device.place, {fmt::format("{:#x} is RAM of the machine", device.value.address),
                                                   "give the address of a device"}));
            }
            TRY(devices.give(device, component.name.value, "give each device to one component",
                             [](Device const& a, Device const& b) { return a.address < b.address + b.size && b.address < a.address + a.size; },
                             [](Device const& a) { return fmt::format("device memory {:#x}", a.address); }));
        }
    }
    return {};
}

Checked<void> check_engine(Vm const& vm, Machine const& machine) {
    auto const refuse = [&](std::string_view needed, std::string_view cure) {
        return fail(Problem(vm.engine.place, {fmt::format("engine \"{}\" needs {}, which --cpu {} does not have",
                                                          engine_name(vm.engine.value), needed, cpu_name(machine.cpu)),
                                              std::string(cure)}));
    };
    switch (vm.engine.value) {
    case Engine::nested:
        if (has_nested_paging(machine.cpu)) return {};
        return refuse("SVM with nested paging", "run with --cpu amd, or write engine = \"shadow\" or \"translate\"");
    case Engine::shadow:
        if (has_svm(machine.cpu)) return {};
        return refuse("SVM", "run with --cpu amd, or write engine = \"translate\"");
    case Engine::trap:
    case Engine::translate: break;
    }
    return {};
}

// Each takes an ASID pool of its own, of which the kernel has eight; root takes the first.
Checked<void> check_shadow_count(Manifest const& manifest) {
    constexpr unsigned most = 7;
    unsigned count = 0;
    for (auto const& vm : manifest.vms)
        if (has_shadow(vm.engine.value) && ++count > most)
            return fail(Problem(vm.engine.place, {"is the eighth virtual machine with shadow page tables", fmt::format("use at most {}", most)}));
    return {};
}

} // namespace

Checked<void> check_manifest(Manifest const& manifest, Machine const& machine) {
    TRY(check_names(manifest));
    TRY(check_services(manifest));
    TRY(check_console(manifest));
    TRY(check_ports(manifest));
    TRY(check_irqs(manifest));
    TRY(check_devices(manifest, machine));
    for (auto const& vm : manifest.vms) TRY(check_engine(vm, machine));
    TRY(check_shadow_count(manifest));
    return {};
}

std::string keyboard_owner(Manifest const& manifest) {
    auto const clients = console_clients(manifest);
    auto const asking = std::ranges::find(clients, true, &ConsoleClient::keyboard);
    if (asking != clients.end()) return asking->name;
    return clients.empty() ? "" : clients.front().name;
}
