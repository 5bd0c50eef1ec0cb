// SPDX-License-Identifier: Apache-2.0
// The monitor as a component: one for each virtual machine, with no authority but its grants.
#include "vmm/component_host.hpp"
#include "vmm/engine/nested/nested_engine.hpp"
#include "vmm/engine/shadow/shadow_engine.hpp"
#include "vmm/engine/translate/make_engine.hpp"
#include "vmm/engine/trap/make_engine.hpp"
#include "vmm/guest_ram.hpp"
#include "vmm/monitor.hpp"
#include "vmm/options.hpp"

namespace {

using protocol::GrantInfo;
using protocol::GrantKind;

constexpr u64 most_leaves = 32768; // of shadow page tables

// Ends the component with one line.
struct Failure {
    std::string text;
};

std::expected<GrantInfo const*, Failure> grant(char const* name, GrantKind kind) {
    GrantInfo const* const found = user::component::find_grant(name);
    if (found && found->kind == kind) return found;
    return fail(Failure{std::string("the grant `") + name +
                        "` is missing or of another kind; give it in the manifest"});
}

std::span<u8 const> file(GrantInfo const& grant) {
    return {reinterpret_cast<u8 const*>(grant.address), grant.second};
}

using Image = std::variant<vmm::BzImage, vmm::BootSector>;

template <class Kind> std::expected<Image, Failure> check(GrantInfo const& grant, char const* name) {
    auto const image = Kind::check(file(grant));
    if (!image) return fail(Failure{std::string("the ") + name + " " + image.error().text});
    return *image;
}

// What the guest is booted from.
std::expected<Image, Failure> find_image() {
    if (auto const* const sector = user::component::find_grant("boot_sector"))
        return check<vmm::BootSector>(*sector, "boot sector");
    return check<vmm::BzImage>(*TRY(grant("kernel", GrantKind::file)), "kernel");
}

user::Result<std::unique_ptr<vmm::Engine>> make_engine(vmm::Options const& options,
                                                       GrantInfo const& guest,
                                                       vmm::GuestMemory memory,
                                                       std::vector<user::CPtr> frames) {
    using namespace user::component;
    user::Vcpu const vcpu{guest.first_slot};
    if (options.engine == vmm::EngineKind::nested)
        return std::make_unique<vmm::NestedEngine>(TRY(vmm::NestedEngine::make(
            vcpu, user::NestedRoot{guest.first_slot + 1}, main_thread(), events(), memory)));
    if (options.engine == vmm::EngineKind::trap)
        return vmm::trap::make_engine(memory, std::move(frames), user::AsidPool{guest.second},
                                      options.shadow_memory, most_leaves, options.patch);
    if (options.engine == vmm::EngineKind::translate)
        return vmm::translate::make_engine(memory, std::move(frames), user::AsidPool{guest.second},
                                           options.shadow_memory, most_leaves, options.code_cache);
    auto backend = TRY(vmm::shadow::KernelBackend::make(
        std::move(frames), user::AsidPool{guest.second}, options.shadow_memory, most_leaves));
    return TRY(vmm::ShadowEngine::make(vcpu, main_thread(), events(), memory, std::move(backend),
                                       options.shadow));
}

std::expected<int, Failure> run(vmm::Options const& options, vmm::ComponentHost& host) {
    auto const* const guest = TRY(grant("guest", GrantKind::guest));
    auto const* const initramfs_file = user::component::find_grant("initramfs");
    auto const image = TRY(find_image());

    bool const nested = options.engine == vmm::EngineKind::nested;
    auto ram = vmm::map_guest_ram(*guest, nested);
    if (!ram) return fail(Failure{ram.error().text});
    vmm::GuestMemory const memory(ram->bytes);
    auto const engine = make_engine(options, *guest, memory, std::move(ram->frames));
    if (!engine)
        return fail(Failure{std::string("cannot set up the virtual CPU: ") +
                            engine.error().text().c_str()});

    auto const& info = user::component::info();
    vmm::Monitor monitor({options.name, options.command_line, options.report_at, options.json, image,
                          initramfs_file ? file(*initramfs_file) : std::span<u8 const>{}},
                         memory, **engine, host,
                         {info.tsc_khz, info.wall_clock_base, info.wall_clock_tsc},
                         vmm::host_cpuid);
    return monitor.run();
}

} // namespace

int main(int count, char** arguments) {
    auto const console = grant("console", GrantKind::console);
    auto const timer = grant("timer", GrantKind::timer);
    if (!console || !timer) return 2; // nobody to tell
    vmm::ComponentHost host(**console, **timer);
    auto const options = vmm::parse_options({arguments, static_cast<std::size_t>(count)});
    std::string const name = options ? options->name : "vmm";
    auto const status = options ? run(*options, host) : fail(Failure{options.error()});
    if (status) return *status;
    host.say(name + ": " + status.error().text);
    return 1;
}
