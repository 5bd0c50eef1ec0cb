// SPDX-License-Identifier: Apache-2.0
#include "tool/manifest.hpp"

#include <charconv>
#include <fmt/format.h>

#include "tool/fields.hpp"
#include "tool/file.hpp"

namespace manifest {
namespace {

constexpr u64 page = 4096;
constexpr u64 guest_page = 2 << 20;
constexpr u32 default_priority = 100;
constexpr u64 default_monitor_memory = 4 << 20;
constexpr u64 trap_memory = 8 << 20; // of the monitor's, for copies of code pages and what it knows about them
constexpr u64 default_code_cache = 16 << 20;
// Of the monitor's: translated code, and what it knows about it, two to three times as much.
constexpr u64 translate_memory(u64 code_cache) { return (8 << 20) + 4 * code_cache; }
constexpr u64 default_shadow_memory = 8 << 20;
constexpr u64 least_shadow_memory = 512 << 10;

// Names appear in front of console lines and in tables: short, and nothing that could be mistaken for something else.
Checked<void> check_name(Located<std::string> const& name) {
    bool good = !name.value.empty() && name.value.size() < protocol::name_size;
    for (char const c : name.value) good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_');
    if (good) return {};
    return fail(Problem(name.place, {fmt::format("\"{}\" is no name", name.value),
                                     fmt::format("use 1 to {} of a-z, 0-9, - and _", protocol::name_size - 1)}));
}

Checked<Located<std::string>> read_name(Fields const& fields, std::string_view example) {
    auto name = TRY(fields.required_text("name", example));
    TRY(check_name(name));
    return name;
}

Checked<protocol::Restart> read_restart(Fields const& fields) {
    auto const text = TRY(fields.text("restart"));
    if (!text || text->value == "never") return protocol::Restart::never;
    if (text->value == "on-failure") return protocol::Restart::on_failure;
    return fail(Problem(text->place, {fmt::format("\"{}\" is unknown", text->value), "write \"never\" or \"on-failure\""}));
}

Checked<u32> read_priority(Fields const& fields) {
    auto const priority = TRY(fields.integer("priority", 1, 253));
    return priority ? static_cast<u32>(priority->value) : default_priority;
}

// "0x3f8-0x3ff" or "0x64"
Checked<Located<PortRange>> read_ports(Located<std::string> const& text) {
    auto const number = [](std::string_view digits) -> std::optional<u16> {
        int const base = digits.starts_with("0x") ? 16 : 10;
        if (base == 16) digits.remove_prefix(2);
        u16 value{};
        auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
        if (error != std::errc{} || end != digits.data() + digits.size()) return {};
        return value;
    };
    std::string_view const range = text.value;
    auto const dash = range.find('-');
    auto const first = number(range.substr(0, dash));
    auto const last = dash == std::string_view::npos ? first : number(range.substr(dash + 1));
    if (!first || !last || *first > *last) {
        return fail(Problem(text.place, {fmt::format("\"{}\" is no range of I/O ports", text.value),
                                         "write for example \"0x3f8-0x3ff\""}));
    }
    return Located{PortRange{*first, *last}, text.place};
}

Checked<Located<Irq>> read_irq(Located<toml::table const*> const& entry) {
    auto const fields = TRY(Fields::open(*entry.value, entry.place, {"pin", "level", "active_low"}));
    auto const pin = TRY(fields.integer("pin", 0, 23));
    if (!pin) return fail(Problem(fields.place("pin"), {"is missing", "add the pin of the I/O APIC, for example pin = 4"}));
    auto const level = TRY(fields.boolean("level"));
    auto const low = TRY(fields.boolean("active_low"));
    return Located{Irq{static_cast<u32>(pin->value), level && level->value, low && low->value}, pin->place};
}

Checked<Located<Device>> read_device(Located<toml::table const*> const& entry) {
    auto const fields = TRY(Fields::open(*entry.value, entry.place, {"address", "size"}));
    auto const address = TRY(fields.integer("address", 0, (i64{1} << 47) - 1));
    if (!address) {
        return fail(Problem(fields.place("address"), {"is missing", "add the physical address, for example address = 0xfed00000"}));
    }
    if (static_cast<u64>(address->value) % page != 0) {
        return fail(Problem(address->place, {fmt::format("{:#x} is not a multiple of 4K", address->value), "round it down"}));
    }
    auto const size = TRY(fields.required_size("size", page, "\"4K\""));
    return Located{Device{static_cast<u64>(address->value), size.value}, address->place};
}

Checked<std::vector<Located<NamedFile>>> read_files(Fields const& fields) {
    std::vector<Located<NamedFile>> files;
    auto const table = TRY(fields.table("files"));
    if (!table) return files;
    for (auto const& [key, value] : *table->value) {
        auto where = place_of(value, table->place, key.str());
        TRY(check_name({std::string(key.str()), where}));
        if (!value.is_string()) return fail(Problem(where, {"is no string", "write the path of a file in quotes"}));
        files.push_back({{std::string(key.str()), value.as_string()->get()}, std::move(where)});
    }
    return files;
}

// true, or {keyboard = true}
Checked<std::optional<Located<Console>>> read_console(Fields const& fields) {
    auto const* node = fields.find("console");
    if (node == nullptr) return std::nullopt;
    if (!node->is_table()) {
        auto const wanted = TRY(fields.boolean("console"));
        if (!wanted->value) return std::nullopt;
        return Located{Console{}, wanted->place};
    }
    auto const place = fields.place("console");
    auto const inner = TRY(Fields::open(*node->as_table(), place, {"keyboard"}));
    auto const keyboard = TRY(inner.boolean("keyboard"));
    return Located{Console{keyboard && keyboard->value}, place};
}

Checked<std::optional<Located<Service>>> read_provides(Fields const& fields) {
    auto const text = TRY(fields.text("provides"));
    if (!text) return std::nullopt;
    if (text->value == "console") return Located{Service::console, text->place};
    if (text->value == "timer") return Located{Service::timer, text->place};
    return fail(Problem(text->place, {fmt::format("\"{}\" is no service", text->value), "write \"console\" or \"timer\""}));
}

Checked<Component> read_component(Located<toml::table const*> const& entry) {
    auto const fields = TRY(Fields::open(*entry.value, entry.place,
                                         {"name", "program", "memory", "priority", "arguments", "restart", "service", "ports",
                                          "irqs", "devices", "files", "console", "timer", "provides"}));
    Component result;
    result.name = TRY(read_name(fields, "\"hello\""));
    result.program = TRY(fields.required_text("program", "\"./hello\""));
    result.memory = TRY(fields.required_size("memory", page, "\"4M\""));
    result.priority = TRY(read_priority(fields));
    result.arguments = TRY(fields.texts("arguments"));
    result.arguments_place = fields.place("arguments");
    result.restart = TRY(read_restart(fields));
    for (auto const& text : TRY(fields.texts("ports"))) result.ports.push_back(TRY(read_ports(text)));
    for (auto const& table : TRY(fields.tables("irqs"))) result.irqs.push_back(TRY(read_irq(table)));
    for (auto const& table : TRY(fields.tables("devices"))) result.devices.push_back(TRY(read_device(table)));
    result.files = TRY(read_files(fields));
    result.console = TRY(read_console(fields));
    auto const timer = TRY(fields.boolean("timer"));
    if (timer && timer->value) result.timer = timer->place;
    result.provides = TRY(read_provides(fields));
    auto const service = TRY(fields.boolean("service"));
    bool const stays = service ? service->value : result.provides.has_value();
    result.role = stays ? protocol::Role::service : protocol::Role::work;
    return result;
}

Checked<Located<Engine>> read_engine(Fields const& fields) {
    auto const text = TRY(fields.text("engine"));
    if (!text) return Located{Engine::nested, fields.place("engine")};
    for (auto const engine : {Engine::nested, Engine::shadow, Engine::trap, Engine::translate}) {
        if (text->value == engine_name(engine)) return Located{engine, text->place};
    }
    return fail(Problem(text->place, {fmt::format("\"{}\" is no engine", text->value),
                                      "write engine = \"nested\", \"shadow\", \"trap\" or \"translate\""}));
}

Checked<std::optional<Located<ShadowPolicy>>> read_shadow(Fields const& fields) {
    auto const text = TRY(fields.text("shadow"));
    if (!text) return std::nullopt;
    if (text->value == "fill") return Located{ShadowPolicy::fill, text->place};
    if (text->value == "sync") return Located{ShadowPolicy::sync, text->place};
    return fail(Problem(text->place, {fmt::format("\"{}\" is no policy for shadow page tables", text->value),
                                      "write shadow = \"fill\" or \"sync\""}));
}

// Keys that mean something to other engines only.
Checked<void> check_shadow_fields(Vm const& vm, std::optional<Located<u64>> const& shadow_memory) {
    auto const useless = [&](Place const& place, std::string_view cure) {
        return fail(Problem(place, {fmt::format("means nothing to engine \"{}\"", engine_name(vm.engine.value)), std::string(cure)}));
    };
    if (vm.shadow && vm.engine.value != Engine::shadow) return useless(vm.shadow->place, "remove it, or write engine = \"shadow\"");
    if (vm.patch && vm.engine.value != Engine::trap) return useless(vm.patch->place, "remove it, or write engine = \"trap\"");
    if (!shadow_memory) return {};
    if (!has_shadow(vm.engine.value))
        return useless(shadow_memory->place, "remove it, or write another engine");
    if (shadow_memory->value >= least_shadow_memory) return {};
    return fail(Problem(shadow_memory->place, {"is too little for shadow page tables",
                                               fmt::format("write at least \"{}K\"", least_shadow_memory >> 10)}));
}

// Keys that mean something to a kernel only.
Checked<void> check_kernel_fields(Fields const& fields) {
    for (auto const* key : {"kernel", "initramfs", "command_line"})
        if (fields.find(key) != nullptr)
            return fail(Problem(fields.place(key), {"means nothing beside a boot sector", "remove it, or remove boot_sector"}));
    return {};
}

Checked<void> check_real_mode(Vm const& vm) {
    bool const runs = vm.engine.value == Engine::nested || vm.engine.value == Engine::translate;
    if (!vm.boot_sector || runs) return {};
    return fail(Problem(vm.boot_sector->place, {fmt::format("starts in real mode, and engine \"{}\" runs protected mode only",
                                                            engine_name(vm.engine.value)),
                                                "write engine = \"nested\" or \"translate\""}));
}

Checked<void> check_code_cache(Vm const& vm, std::optional<Located<u64>> const& code_cache) {
    if (!code_cache || vm.engine.value == Engine::translate) return {};
    return fail(Problem(code_cache->place, {fmt::format("means nothing to engine \"{}\"", engine_name(vm.engine.value)),
                                            "remove it, or write engine = \"translate\""}));
}

Checked<Vm> read_vm(Located<toml::table const*> const& entry) {
    auto const fields = TRY(Fields::open(*entry.value, entry.place,
                                         {"name", "kernel", "boot_sector", "initramfs", "command_line", "memory", "monitor_memory", "engine",
                                          "shadow", "shadow_memory", "code_cache", "patch", "keyboard", "priority", "restart", "report_at", "report_json"}));
    Vm result;
    result.name = TRY(read_name(fields, "\"linux\""));
    result.boot_sector = TRY(fields.text("boot_sector"));
    if (result.boot_sector)
        TRY(check_kernel_fields(fields));
    else
        result.kernel = TRY(fields.required_text("kernel", "\"debian-cloud\""));
    result.initramfs = TRY(fields.text("initramfs"));
    auto const command_line = TRY(fields.text("command_line"));
    result.command_line = command_line ? *command_line : Located{std::string(), fields.place("command_line")};
    result.memory = TRY(fields.required_size("memory", guest_page, "\"256M\""));
    result.engine = TRY(read_engine(fields));
    result.shadow = TRY(read_shadow(fields));
    auto const shadow_memory = TRY(fields.size("shadow_memory", page));
    result.patch = TRY(fields.boolean("patch"));
    TRY(check_shadow_fields(result, shadow_memory));
    TRY(check_real_mode(result));
    auto const code_cache = TRY(fields.size("code_cache", guest_page));
    TRY(check_code_cache(result, code_cache));
    if (result.engine.value == Engine::translate) result.code_cache = code_cache ? code_cache->value : default_code_cache;
    if (has_shadow(result.engine.value)) result.shadow_memory = shadow_memory ? shadow_memory->value : default_shadow_memory;
    auto const monitor = TRY(fields.size("monitor_memory", page));
    // A capability is 32 bytes; the CNode is a power of two, and half of its slots are the library OS's.
    // The rest is what the monitor remembers of its shadow tables, however the guest uses them.
    u64 const usual = default_monitor_memory + result.shadow_memory + 384 * shadow_slots(result.shadow_memory) +
                      (result.engine.value == Engine::trap ? trap_memory : 0) +
                      (result.engine.value == Engine::translate ? translate_memory(result.code_cache) : 0);
    result.monitor_memory = monitor ? *monitor : Located{usual, fields.place("monitor_memory")};
    auto const keyboard = TRY(fields.boolean("keyboard"));
    result.console = {Console{keyboard && keyboard->value}, fields.place("keyboard")};
    result.priority = TRY(read_priority(fields));
    result.restart = TRY(read_restart(fields));
    auto const report_at = TRY(fields.text("report_at"));
    if (report_at) result.report_at = report_at->value;
    auto const json = TRY(fields.boolean("report_json"));
    result.json = json && json->value;
    return result;
}

Checked<toml::table> parse_toml(std::string_view text, std::filesystem::path const& path) {
    auto parsed = toml::parse(text, path.string());
    if (parsed) return std::move(parsed).table();
    auto const& error = parsed.error();
    return fail(Problem({path.string(), static_cast<u32>(error.source().begin.line), ""},
                        {std::string(error.description()), "correct the TOML syntax"}));
}

Checked<std::string> read_text(std::filesystem::path const& path, Place const& place) {
    auto const bytes = TRY(read_file(path, place));
    return std::string(bytes.begin(), bytes.end());
}

Checked<void> add_parts(Manifest& manifest, Fields const& fields) {
    for (auto const& table : TRY(fields.tables("component"))) {
        auto entry = table;
        entry.place.field = "component";
        manifest.components.push_back(TRY(read_component(entry)));
    }
    for (auto const& table : TRY(fields.tables("vm"))) {
        auto entry = table;
        entry.place.field = "vm";
        manifest.vms.push_back(TRY(read_vm(entry)));
    }
    return {};
}

// An included file holds components and VMs only.
Checked<void> include(Manifest& manifest, Located<std::string> const& name) {
    auto const path = (manifest.path.parent_path() / name.value).lexically_normal();
    auto const text = TRY(read_text(path, name.place));
    auto const table = TRY(parse_toml(text, path));
    auto const fields = TRY(Fields::open(table, {path.string(), 0, ""}, {"component", "vm"}));
    return add_parts(manifest, fields);
}

} // namespace

std::string_view engine_name(Engine engine) {
    switch (engine) {
    case Engine::nested: return "nested";
    case Engine::shadow: return "shadow";
    case Engine::trap: return "trap";
    case Engine::translate: return "translate";
    }
    return "?";
}

Checked<Manifest> Manifest::parse(std::string_view text, std::filesystem::path const& path) {
    auto const table = TRY(parse_toml(text, path));
    auto const fields = TRY(Fields::open(table, {path.string(), 0, ""}, {"system", "component", "vm"}));
    auto const system = TRY(fields.table("system"));
    if (!system) {
        return fail(Problem({path.string(), 1, "system"}, {"is missing", "add [system] with name = \"...\""}));
    }
    auto const head = TRY(Fields::open(*system->value, system->place, {"name", "memory", "include"}));
    Manifest manifest{.path = path, .name = TRY(read_name(head, "\"linux\"")), .memory = {}, .components = {}, .vms = {}};
    manifest.memory = TRY(head.size("memory", 1 << 20));
    for (auto const& name : TRY(head.texts("include"))) TRY(include(manifest, name));
    TRY(add_parts(manifest, fields));
    return manifest;
}

Checked<Manifest> Manifest::read(std::filesystem::path const& path) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
        return fail(Problem({path.string(), 0, ""}, {"there is no such file", "name a manifest, for example system/linux.toml"}));
    }
    auto const text = TRY(read_text(path, {path.string(), 0, ""}));
    return parse(text, path);
}

} // namespace manifest
