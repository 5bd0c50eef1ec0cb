// SPDX-License-Identifier: Apache-2.0
// What a TLB miss costs under nested paging: each entry of the guest's tables has a guest-physical address, which the second-stage
// tables translate first. The tables are those of a machine that ran Linux under the engine `nested`: its memory is a file of ours,
// in which the virtual CPU's control block (VMCB) names both roots.
#include <cstring>
#include <fmt/format.h>

#include "tool/boot_image.hpp"
#include "tool/guest_run.hpp"
#include "tool/lab.hpp"
#include "tool/memory_file.hpp"
#include "x86/emulate/page_walk.hpp"
#include "x86/registers.hpp"
#include "x86/vmcb.hpp"

namespace {

constexpr double time_limit = 120; // seconds
constexpr u64 page = 4096;
// A machine of more than 3 GiB has its memory in two places; ours has less.
constexpr u64 machine_memory = u64{1} << 30;

// The machine's memory as it was when the machine went off. Counts the references.
class MachineMemory : public x86::TableMemory {
public:
    explicit MachineMemory(std::span<u8 const> bytes) : bytes_(bytes) {}
    u64 read_entry(GuestPhys at, unsigned size) override {
        ++references;
        u64 value = ~u64{0};
        if (at.value <= bytes_.size() && size <= bytes_.size() - at.value) {
            value = 0;
            std::memcpy(&value, bytes_.data() + at.value, size);
        }
        return value;
    }
    void write_entry(GuestPhys, unsigned, u64) override {} // what happened stays
    u64 references{};

private:
    std::span<u8 const> bytes_;
};

// The guest's memory through the second-stage tables: each entry costs a walk there first.
class GuestView : public x86::TableMemory {
public:
    GuestView(MachineMemory& machine, u64 nested_cr3)
        : machine_(machine), nested_{.cr0 = cr0::Paging::mask | cr0::ProtectedMode::mask, .cr3 = nested_cr3,
                                     .cr4 = cr4::PhysicalAddressExtension::mask,
                                     .efer = efer::LongModeEnable::mask | efer::LongModeActive::mask | efer::NoExecuteEnable::mask} {}
    // Empty: no memory there.
    std::optional<GuestPhys> to_machine(GuestPhys at) {
        auto const walk = x86::walk(nested_, at.value, machine_);
        if (!walk) return {};
        levels = walk->count;
        return walk->address;
    }
    u64 read_entry(GuestPhys at, unsigned size) override {
        auto const place = to_machine(at);
        return place ? machine_.read_entry(*place, size) : ~u64{0};
    }
    void write_entry(GuestPhys, unsigned, u64) override {}
    unsigned levels{}; // of the last second-stage walk

private:
    MachineMemory& machine_;
    x86::Paging nested_;
};

// The one page that is a VMCB in use: it runs a guest with paging, under second-stage tables.
svm::Vmcb const* find_vmcb(std::span<u8 const> memory) {
    for (u64 at = 0; at + sizeof(svm::Vmcb) <= memory.size(); at += page) {
        auto const* const vmcb = reinterpret_cast<svm::Vmcb const*>(memory.data() + at);
        bool const roots = vmcb->nested_cr3 != 0 && vmcb->nested_cr3 % page == 0 && vmcb->nested_cr3 < memory.size();
        if (vmcb->nested_enable == 1 && roots && svm::EferSvme::get(vmcb->efer) && cr0::Paging::get(vmcb->cr0) && vmcb->asid != 0 &&
            svm::intercept1::Shutdown::get(vmcb->intercepts[0]))
            return vmcb;
    }
    return nullptr;
}

Checked<void> add_rows(LabTable& table, unsigned bits) {
    fmt::print(stderr, "{}-bit guest ...\n", bits);
    auto const manifest = TRY(manifest_of({.bits = bits, .engine = "nested", .measurements = "page-fault"}));
    auto const image = TRY(image_of_system(manifest, {.cpu = CpuModel::amd, .memory = machine_memory, .debug_calls = DebugCalls::root_task,
                                                      .instruction_count = false, .debugger = false}));
    MemoryFile const module(image.module);
    MemoryFile const memory(machine_memory);
    auto command = qemu_command(image.machine, image.kernel, module.path(), ConsoleTo::pipes);
    command.insert(command.end(), {"-machine", "memory-backend=ram", "-object",
                                   fmt::format("memory-backend-file,id=ram,size={},mem-path={},share=on", machine_memory, memory.path().string())});
    TRY(talk(command, {expect_text("bench done")}, "the guest", time_limit));

    auto const bytes = memory.map();
    auto const* const vmcb = find_vmcb(bytes);
    if (!vmcb) return fail(Problem({"lab", 0, "walk"}, {"the machine's memory holds no VMCB in use", "see what happens with ./tessera run"}));
    x86::Paging const paging{.cr0 = vmcb->cr0, .cr3 = vmcb->cr3, .cr4 = vmcb->cr4, .efer = vmcb->efer};
    struct Place {
        char const* name;
        u64 address;
    };
    // The guest's own program is linked there; where the kernel is, the VMCB says.
    Place const places[] = {{"program", bits == 64 ? 0x401000U : 0x8049000U}, {"kernel", vmcb->rip}};
    for (auto const& [name, address] : places) {
        MachineMemory machine(bytes);
        GuestView guest(machine, vmcb->nested_cr3);
        auto const walk = x86::walk(paging, address, guest);
        auto const place = walk ? guest.to_machine(walk->address) : std::nullopt;
        if (!place) return fail(Problem({"lab", 0, "walk"}, {fmt::format("the guest has not mapped {:#x}", address), "see what happens with ./tessera run"}));
        double const g = walk->count, h = guest.levels, expected = (g + 1) * (h + 1) - 1;
        if (static_cast<double>(machine.references) != expected)
            return fail(Problem({"lab", 0, "walk"}, {fmt::format("{} references were counted, and the formula says {}", machine.references, expected),
                                                     "look for tables of mixed page sizes"}));
        table.rows.push_back({fmt::format("{} ({}-bit Linux)", name, bits), g, h, static_cast<double>(machine.references), expected, g});
    }
    return {};
}

} // namespace

Checked<LabTable> lab_walk() {
    LabTable table{.title = "Memory references of one page walk under nested paging, counted over the live tables",
                   .columns = {"what is translated", "guest levels", "host levels", "counted", "(g+1)(h+1)-1", "without a host"},
                   .rows = {},
                   .notes = {"levels: entries read in one walk; a large page saves the last one, on either side",
                             "guest RAM is mapped by large pages of 2 MiB: host walks end one level early. With 4 KiB pages on both sides:"}};
    TRY(add_rows(table, 64));
    TRY(add_rows(table, 32));
    for (double const guest : {2.0, 4.0})
        for (double const host : {2.0, 4.0})
            table.notes.push_back(fmt::format("  {} levels over {} levels: ({}+1)({}+1)-1 = {}", guest, host, guest, host, (guest + 1) * (host + 1) - 1));
    table.notes.push_back("a host of two levels is a 32-bit one: this kernel, and every row above, has the four of 64 bits");
    return table;
}
