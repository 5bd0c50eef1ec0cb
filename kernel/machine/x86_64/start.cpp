// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/start.hpp"

#include "kernel/machine/machine.hpp"
#include "kernel/machine/print.hpp"
#include "kernel/machine/x86_64/acpi.hpp"
#include "kernel/machine/x86_64/address_space.hpp"
#include "kernel/machine/x86_64/clock.hpp"
#include "kernel/machine/x86_64/console.hpp"
#include "kernel/machine/x86_64/descriptors.hpp"
#include "kernel/machine/x86_64/features.hpp"
#include "kernel/machine/x86_64/io_apic.hpp"
#include "kernel/machine/x86_64/local_apic.hpp"
#include "kernel/machine/x86_64/multiboot.hpp"
#include "kernel/machine/x86_64/paging.hpp"
#include "kernel/machine/x86_64/processor.hpp"
#include "kernel/machine/x86_64/svm.hpp"

namespace machine {
namespace {

constinit Features the_features{};

constexpr PhysAddr usual_io_apic{0xfec00000};
constexpr MemoryRange msi_word{{0xfffffff8}, {0x100000000}};

void print_processor(ClockRates const& rates) {
    Features const& have = features();
    print_line("Processor: ", have.brand[0] ? have.brand : "unnamed", " (", have.vendor, "), ",
               u64{rates.tsc_mhz}, " MHz TSC");
    struct {
        bool there;
        char const* name;
    } const list[] = {
        {have.svm, "SVM"},       {have.nested_paging, "NPT"}, {have.vmx, "VMX"},
        {have.no_execute, "NX"}, {have.smep, "SMEP"},         {have.smap, "SMAP"},
        {have.umip, "UMIP"},     {have.pcid, "PCID"},         {have.one_gib_pages, "1GiB-pages"}};
    for (bool const there : {true, false}) {
        print(there ? "  has" : "; lacks");
        for (auto const& feature : list) {
            if (feature.there == there) print(" "), print(feature.name);
        }
    }
    print("\n");
}

void print_memory(Environment const& environment) {
    u64 bytes = 0;
    for (auto const& range : environment.ram) bytes += range.end - range.start;
    print_line("RAM: ", bytes >> 20, " MiB in ", u64{environment.ram.size()}, " ranges up to ",
               Hex{environment.ram[environment.ram.size() - 1].end.value}, "; kernel image ",
               (environment.kernel_image.end - environment.kernel_image.start) >> 10, " KiB; root task ",
               (environment.root_module.end - environment.root_module.start) >> 10, " KiB; debug calls: ",
               name_of(environment.command_line.debug_calls));
}

void start_io_apics(FixedVector<PhysAddr, 16> const& devices, Environment& environment) {
    for (unsigned i = 1; i < devices.size(); ++i) {
        if (!start_io_apic(device_page(i))) {
            print_line("No I/O APIC at ", Hex{devices[i].value}, ": ignored");
            continue;
        }
        environment.kernel_devices.push({devices[i], devices[i] + 4096});
        print_line("I/O APIC ", u64{io_apic_count() - 1}, ": ", Hex{devices[i].value}, ", ",
                   u64{io_apic_pins(io_apic_count() - 1)}, " pins");
    }
}

} // namespace

Features const& features() { return the_features; }

void start(u32 magic, PhysAddr information, Environment& environment) {
    start_console();
    print_line("\nTessera");
    load_descriptors();
    the_features = detect_features();
    enable_no_execute();

    read_loader_information(magic, information, environment);
    Acpi const acpi = read_acpi();
    environment.has_rsdp = acpi.has_rsdp;
    for (unsigned i = 0; i < sizeof acpi.rsdp; ++i) environment.rsdp[i] = acpi.rsdp[i];

    // Page 0 of the device mappings is the local APIC, the rest are I/O APICs.
    FixedVector<PhysAddr, 16> devices;
    devices.push(find_local_apic());
    for (auto const address : acpi.io_apics) devices.push(address);
    if (acpi.io_apics.empty()) devices.push(usual_io_apic);
    load_kernel_tables(environment.ram, devices);
    harden_processor();
    enable_address_space_ids();
    enable_syscall();
    start_guests();
    environment.kernel_image = image_range();
    environment.boot_only = boot_tables_range();

    mask_legacy_controllers();
    start_local_apic(device_page(0));
    environment.kernel_devices.push({devices[0], devices[0] + 4096});
    environment.kernel_devices.push(msi_word);
    ClockRates const rates = measure_clocks();
    environment.tsc_mhz = rates.tsc_mhz;
    print_processor(rates);
    print_memory(environment);
    start_io_apics(devices, environment);
    start_tick(rates.timer_per_tick);
}

} // namespace machine
