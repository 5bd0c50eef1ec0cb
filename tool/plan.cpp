// SPDX-License-Identifier: Apache-2.0
#include "tool/plan.hpp"

#include <algorithm>
#include <bit>
#include <fmt/format.h>

#include "protocol/component.hpp"
#include "tool/boot_sector.hpp"
#include "tool/bzimage.hpp"
#include "tool/elf.hpp"
#include "tool/manifest_check.hpp"
#include "tool/size.hpp"

namespace fs = std::filesystem;
using namespace manifest;
using protocol::GrantKind;

namespace {

fs::path beside(Place const& place, fs::path const& written) {
    return (fs::path(place.file).parent_path() / written).lexically_normal();
}

} // namespace

fs::path guest_file(Located<std::string> const& written, Tree const& tree) {
    constexpr std::pair<std::string_view, std::string_view> made[] = {
        {"debian-cloud", "vmlinuz"}, {"debian-686", "vmlinuz-686"},      {"debian-686-pae", "vmlinuz-686-pae"},
        {"memtest86+", "memtest86+"}, {"busybox", "initramfs"},         {"busybox-i386", "initramfs-i386"},
    };
    for (auto const& [name, file] : made)
        if (written.value == name) return tree.guest / file;
    return beside(written.place, written.value);
}

// Turns a manifest into a plan, one check after the other; the first that fails is the user's answer.
class Planner {
public:
    Planner(Manifest const& manifest, MachineOptions const& options, Tree const& tree) : manifest_(manifest), tree_(tree) {
        plan_.name_ = manifest.name.value;
        plan_.machine_ = {.cpu = options.cpu,
                          .memory = options.memory ? *options.memory : manifest.memory ? manifest.memory->value : default_memory,
                          .instruction_count = options.instruction_count,
                          .debugger = options.debugger};
    }

    Checked<ValidManifest> run() {
        TRY(check_manifest(manifest_, plan_.machine_));
        keyboard_ = keyboard_owner(manifest_);
        TRY(add_program("libos", tree_.program("linux/libos"), {tree_.program("linux/libos").string(), 0, ""}));
        for (auto const& component : manifest_.components) TRY(add(component));
        for (auto const& vm : manifest_.vms) TRY(add(vm));
        TRY(check_image_size());
        TRY(check_memory());
        return std::move(plan_);
    }

private:
    // Root has a capability for each page of its image, and its first CNode has only so many slots.
    Checked<void> check_image_size() const {
        constexpr u64 limit = u64{28} << 20;
        u64 size = 0;
        for (auto const& file : plan_.files_) size += file.bytes.size();
        if (size <= limit) return {};
        auto const largest = std::ranges::max_element(plan_.files_, {}, [](auto const& file) { return file.bytes.size(); });
        return fail(Problem({manifest_.path.string(), 1, ""},
                            {fmt::format("its files are {} MiB, most of it {}", mebibytes_up(size), largest->name),
                             fmt::format("use smaller ones: at most {} MiB fit into a boot image", limit >> 20)}));
    }

    Checked<void> check_memory() const {
        // The boot loader's copy of the image and the root task made from it; the kernel and root's own objects.
        u64 total = u64{32} << 20;
        for (auto const& file : plan_.files_) total += 2 * file.bytes.size();
        for (auto const& component : manifest_.components) TRY(count(total, component.memory));
        for (auto const& vm : manifest_.vms) {
            TRY(count(total, vm.monitor_memory));
            TRY(count(total, vm.memory));
        }
        return {};
    }

    Checked<void> count(u64& total, Located<u64> const& memory) const {
        u64 const room = plan_.machine_.memory > total ? plan_.machine_.memory - total : 0;
        if (memory.value > room) {
            return fail(Problem(memory.place, {fmt::format("{} are more than the {} MiB that are left of the machine's {}",
                                                           size_text(memory.value), room >> 20,
                                                           size_text(plan_.machine_.memory)),
                                               "lower it, or raise memory in [system] or --memory"}));
        }
        total += memory.value;
        return {};
    }

    // --- files ---

    // "./x", "../x" and "/x" are files (relative to the manifest); everything else is a program of the project.
    Checked<fs::path> program_path(Located<std::string> const& written) const {
        std::string_view const text = written.value;
        if (text.starts_with("./") || text.starts_with("../") || text.starts_with("/")) return beside(written.place, text);
        auto const path = tree_.program(text);
        std::error_code error;
        if (fs::is_regular_file(path, error)) return path;
        return fail(Problem(written.place, {fmt::format("the project has no program \"{}\"", text),
                                            "write a path that begins with ./ for a program of your own"}));
    }

    // Reads a file once, however many use it.
    Checked<u32> add_file(std::string name, fs::path const& path, Place const& place, bool program = false) {
        std::error_code error;
        Source const source{fs::weakly_canonical(path, error), program};
        auto const known = std::ranges::find(sources_, source);
        if (known != sources_.end()) return static_cast<u32>(known - sources_.begin());
        auto bytes = TRY(read_file(path, place));
        if (program) {
            auto const checked = CheckedElf::check(bytes);
            if (!checked) return fail(Problem(place, {path.string() + " " + checked.error().what, checked.error().cure}));
            bytes = checked->stripped();
        }
        name.resize(std::min(name.size(), sizeof(protocol::ArchiveFile::name) - 1));
        plan_.files_.push_back({std::move(name), std::move(bytes)});
        sources_.push_back(source);
        return static_cast<u32>(sources_.size() - 1);
    }

    Checked<u32> add_program(std::string const& name, fs::path const& path, Place const& place) {
        return add_file(name, path, place, true);
    }

    // --- components ---

    // Slots: what root hands out, and one for each page that the library OS may map by itself. Half of them are the program's
    // own: a monitor needs two for each large frame of its guest's RAM, and one for each page that shadow tables map.
    static u32 cnode_radix(u64 memory, u64 guest_memory = 0, u64 shadow_memory = 0) {
        u64 const slots = 256 + 2 * ((memory - shadow_memory) >> 12) + 4 * (guest_memory >> 21) + 2 * shadow_slots(shadow_memory);
        return std::clamp(static_cast<u32>(std::bit_width(slots - 1)), 8U, 16U);
    }

    Checked<void> add(Component const& component) {
        auto const path = TRY(program_path(component.program));
        PlannedComponent result{.name = component.name.value,
                                .program = TRY(add_program(component.program.value, path, component.program.place)),
                                .memory = component.memory.value,
                                .priority = component.priority,
                                .cnode_radix = cnode_radix(component.memory.value),
                                .role = component.role,
                                .restart = component.restart,
                                .arguments = {component.name.value},
                                .grants = {}};
        for (auto const& argument : component.arguments) result.arguments.push_back(argument.value);
        TRY(add_grants(result, component));
        return finish(std::move(result), component.name.place, component.arguments_place);
    }

    Checked<void> add_grants(PlannedComponent& result, Component const& component) {
        auto& grants = result.grants;
        for (auto const& [range, place] : component.ports) {
            grants.push_back({GrantKind::io_ports, numbered("ports", grants), range.first, range.last});
        }
        for (auto const& [irq, place] : component.irqs) {
            u64 const flags = (irq.level ? 1U : 0U) | (irq.active_low ? 2U : 0U);
            grants.push_back({GrantKind::irq, numbered("irq", grants), irq.pin, flags});
        }
        if (component.irqs.size() > 8) {
            return fail(Problem(component.irqs[8].place, {"is the component's ninth interrupt", "use at most 8"}));
        }
        for (auto const& [device, place] : component.devices) {
            grants.push_back({GrantKind::device_memory, numbered("device", grants), device.address, device.size});
        }
        for (auto const& [file, place] : component.files) {
            u64 const index = TRY(add_file(file.path, beside(place, file.path), place));
            grants.push_back({GrantKind::file, file.name, index, 0});
        }
        if (component.console) grants.push_back(console_grant(component.name.value));
        if (component.timer) grants.push_back({GrantKind::timer, "timer", 0, 0});
        if (component.provides) {
            bool const console = component.provides->value == Service::console;
            grants.push_back({console ? GrantKind::serve_console : GrantKind::serve_timer, "serve", 0, 0});
        }
        return {};
    }

    static std::string numbered(std::string_view kind, std::vector<PlannedGrant> const& grants) {
        auto const same = std::ranges::count_if(grants, [&](auto const& grant) { return grant.name.starts_with(kind); });
        return fmt::format("{}{}", kind, same);
    }

    PlannedGrant console_grant(std::string const& name) const {
        return {GrantKind::console, "console", 0, name == keyboard_ ? 1U : 0U};
    }

    static protocol::GuestKind guest_kind(Engine engine) {
        switch (engine) {
        case Engine::nested: return protocol::GuestKind::nested;
        case Engine::shadow: return protocol::GuestKind::shadow;
        case Engine::trap:
        case Engine::translate: break;
        }
        return protocol::GuestKind::deprivileged;
    }

    Checked<void> add(Vm const& vm) {
        PlannedComponent result{.name = vm.name.value,
                                .program = TRY(add_program("vmm", tree_.program("vmm"), vm.name.place)),
                                .memory = vm.monitor_memory.value,
                                .priority = vm.priority,
                                .cnode_radix = cnode_radix(vm.monitor_memory.value, vm.memory.value, vm.shadow_memory),
                                .role = protocol::Role::work,
                                .restart = vm.restart,
                                .arguments = {vm.name.value, vm.command_line.value},
                                .grants = {}};
        auto const add_arguments = [&](std::initializer_list<std::string> more) {
            result.arguments.insert(result.arguments.end(), more);
        };
        if (!vm.report_at.empty()) add_arguments({"--report-at", vm.report_at});
        if (vm.json) add_arguments({"--json"});
        if (vm.engine.value != Engine::nested) add_arguments({"--engine", std::string(engine_name(vm.engine.value))});
        if (has_shadow(vm.engine.value)) add_arguments({"--shadow-memory", std::to_string(vm.shadow_memory)});
        if (vm.code_cache != 0) add_arguments({"--code-cache", std::to_string(vm.code_cache)});
        if (vm.shadow) add_arguments({"--shadow", vm.shadow->value == ShadowPolicy::fill ? "fill" : "sync"});
        if (vm.patch && !vm.patch->value) add_arguments({"--no-patch"});
        result.grants = {console_grant(vm.name.value), {GrantKind::timer, "timer", 0, 0},
                         {GrantKind::guest, "guest", vm.memory.value, std::to_underlying(guest_kind(vm.engine.value))},
                         TRY(vm.boot_sector ? add_boot_sector(*vm.boot_sector) : add_kernel(vm))};
        if (vm.initramfs) result.grants.push_back({GrantKind::file, "initramfs", TRY(add_initramfs(vm)), 0});
        return finish(std::move(result), vm.name.place, vm.command_line.place);
    }

    Checked<PlannedGrant> add_boot_sector(Located<std::string> const& written) {
        auto const path = guest_file(written, tree_);
        u32 const index = TRY(add_file(written.value, path, written.place));
        auto const checked = check_boot_sector(plan_.files_[index].bytes);
        if (!checked) return fail(Problem(written.place, {path.string() + " " + checked.error().what, checked.error().cure}));
        return PlannedGrant{GrantKind::file, "boot_sector", index, 0};
    }

    Checked<PlannedGrant> add_kernel(Vm const& vm) {
        auto const path = guest_file(vm.kernel, tree_);
        u32 const index = TRY(add_file(vm.kernel.value, path, vm.kernel.place));
        auto const kernel = check_bzimage(plan_.files_[index].bytes);
        if (!kernel) return fail(Problem(vm.kernel.place, {path.string() + " " + kernel.error().what, kernel.error().cure}));
        if (is_deprivileged(vm.engine.value) && kernel->has_64_bit_entry)
            return fail(Problem(vm.kernel.place, {fmt::format("{} is a 64-bit kernel, and engine \"{}\" runs 32-bit guests",
                                                              path.string(), engine_name(vm.engine.value)),
                                                  "write kernel = \"debian-686\", or engine = \"shadow\" or \"nested\""}));
        kernel_end_ = kernel_load_address + kernel->run_size;
        if (kernel_end_ <= vm.memory.value) return PlannedGrant{GrantKind::file, "kernel", index, 0};
        return fail(Problem(vm.memory.place, {fmt::format("{} are too little for the kernel, which needs {} MiB",
                                                          size_text(vm.memory.value), mebibytes_up(kernel_end_)),
                                              "raise the VM's memory"}));
    }

    Checked<u32> add_initramfs(Vm const& vm) {
        auto const& written = *vm.initramfs;
        auto const path = guest_file(written, tree_);
        u32 const index = TRY(add_file(written.value, path, written.place));
        u64 const size = plan_.files_[index].bytes.size();
        u64 const needed = mebibytes_up(kernel_end_ + size);
        if (kernel_end_ + size <= vm.memory.value) return index;
        return fail(Problem(written.place, {fmt::format("{} MiB do not fit into the VM's {} beside the kernel",
                                                        mebibytes_up(size), size_text(vm.memory.value)),
                                            fmt::format("raise the VM's memory to at least \"{}M\"", (needed + 1) / 2 * 2)}));
    }

    static u64 mebibytes_up(u64 bytes) { return (bytes + (1 << 20) - 1) >> 20; }

    // What holds for every component, whatever it came from.
    Checked<void> finish(PlannedComponent component, Place const& place, Place const& arguments_place) {
        if (component.grants.size() > protocol::max_grants) {
            return fail(Problem(place, {fmt::format("has {} grants", component.grants.size()),
                                        fmt::format("use at most {}", protocol::max_grants)}));
        }
        for (auto grant = component.grants.begin(); grant != component.grants.end(); ++grant) {
            auto const same = std::find_if(component.grants.begin(), grant, [&](auto const& other) { return other.name == grant->name; });
            if (same == grant) continue;
            return fail(Problem(place, {fmt::format("has two grants called \"{}\"", grant->name), "rename the file"}));
        }
        std::size_t size = 0;
        for (auto const& argument : component.arguments) size += argument.size() + 1;
        if (size > protocol::max_arguments_size) {
            return fail(Problem(arguments_place, {fmt::format("{} bytes are too long", size),
                                                  fmt::format("use at most {} bytes", protocol::max_arguments_size)}));
        }
        plan_.components_.push_back(std::move(component));
        return {};
    }

    static constexpr u64 kernel_load_address = 16 << 20; // at most; monitors load kernels at 1 MiB or 16 MiB

    Manifest const& manifest_;
    Tree const& tree_;
    ValidManifest plan_;
    struct Source { // of a file of the plan; a program is stripped, so the same file as data is another one
        fs::path path;
        bool program;
        bool operator==(Source const&) const = default;
    };
    std::vector<Source> sources_; // of plan_.files_
    std::string keyboard_;
    u64 kernel_end_{}; // in guest RAM, of the VM being added
};

Checked<ValidManifest> ValidManifest::check(Manifest const& manifest, MachineOptions const& options, Tree const& tree) {
    return Planner(manifest, options, tree).run();
}
