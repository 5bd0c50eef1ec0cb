// SPDX-License-Identifier: Apache-2.0
// A processor for tests: registers in variables, some RAM that is mapped one to one at `ram_at`,
// page rights in a map, and a log of what reached devices. It starts in flat 32-bit protected mode
// at level 0.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "x86/emulate/emulator.hpp"
#include "x86/emulate/instruction.hpp"
#include "x86/registers.hpp"

namespace x86 {

struct TestProcessor : Processor {
    static constexpr u64 page = 4096;
    enum class Rights : u8 { none, read_only, supervisor, device };

    explicit TestProcessor(u64 ram_bytes = 0x40000, u64 at = 0) : ram(ram_bytes), ram_at(at) {
        for (auto const name :
             {SegmentName::es, SegmentName::ss, SegmentName::ds, SegmentName::fs, SegmentName::gs})
            segments[index(name)] = flat(0x10, 0xc093);
        segments[index(SegmentName::cs)] = flat(0x08, 0xc09b);
        state.rip = 0x1000;
        state.registers.value[4] = 0x8000;
    }
    static Segment flat(u16 selector, u32 rights) { return {selector, rights, 0xffffffff, 0}; }
    static std::size_t index(SegmentName name) { return static_cast<std::size_t>(name); }
    void use_long_mode() {
        efer_value = efer::LongModeEnable::mask | efer::LongModeActive::mask;
        segments[index(SegmentName::cs)] = flat(0x08, 0xa09b);
    }
    void use_level(unsigned level) {
        auto& code = segments[index(SegmentName::cs)];
        auto& stack = segments[index(SegmentName::ss)];
        for (auto* segment : {&code, &stack}) {
            segment->selector = static_cast<u16>((segment->selector & ~3u) | level);
            segment->access_rights = (segment->access_rights & ~0x60u) | level << 5;
        }
    }

    // RAM by linear address.
    template <class T> T get(u64 at) const {
        T value;
        std::memcpy(&value, &ram.at(at - ram_at), sizeof value);
        return value;
    }
    template <class T> void put(u64 at, T value) {
        std::memcpy(&ram.at(at - ram_at), &value, sizeof value);
    }
    void put_code(std::vector<u8> const& code) {
        std::copy(code.begin(), code.end(), &ram.at(state.rip - ram_at));
    }

    OrException<GuestPhys> translate(u64 linear, Access access, bool supervisor) override {
        auto const found = pages.find(linear / page);
        bool const in_ram = linear >= ram_at && linear - ram_at < ram.size();
        bool present = in_ram, allowed = true;
        if (found != pages.end()) {
            present = found->second != Rights::none;
            if (found->second == Rights::read_only) allowed = access != Access::write;
            if (found->second == Rights::supervisor) allowed = supervisor;
        }
        if (present && allowed) return GuestPhys{linear};
        u32 const code =
            (present ? 1u : 0u) | (access == Access::write ? 2u : 0u) | (supervisor ? 0u : 4u);
        return fail(Exception{vector::page_fault, code, linear});
    }
    bool read(GuestPhys at, std::span<u8> to) override {
        ++reads;
        if (is_device(at)) {
            log += "r" + std::to_string(to.size()) + " ";
            std::fill(to.begin(), to.end(), 0xdd);
            return true;
        }
        if (at.value < ram_at || at.value - ram_at + to.size() > ram.size()) return false;
        std::memcpy(to.data(), &ram[at.value - ram_at], to.size());
        return true;
    }
    bool write(GuestPhys at, std::span<u8 const> from) override {
        if (is_device(at)) {
            log += "w" + std::to_string(from.size()) + " ";
            return true;
        }
        if (at.value < ram_at || at.value - ram_at + from.size() > ram.size()) return false;
        std::memcpy(&ram[at.value - ram_at], from.data(), from.size());
        return true;
    }
    bool is_device(GuestPhys at) const {
        auto const found = pages.find(at.value / page);
        return found != pages.end() && found->second == Rights::device;
    }

    CoreState core() override { return state; }
    void set_core(CoreState const& core) override { state = core; }
    Segment segment(SegmentName name) override { return segments[index(name)]; }
    void set_segment(SegmentName name, Segment const& segment) override {
        segments[index(name)] = segment;
    }
    TableRegister gdtr() override { return gdt; }
    TableRegister idtr() override { return idt; }
    void set_gdtr(TableRegister const& value) override { gdt = value; }
    void set_idtr(TableRegister const& value) override { idt = value; }
    unsigned cpl() override {
        return static_cast<unsigned>(
            access_rights::Dpl::get(segments[index(SegmentName::ss)].access_rights));
    }
    u64 control_register(unsigned number) override { return control[number]; }
    OrException<> set_control_register(unsigned number, u64 value) override {
        if (value == refused) return fail(Exception{vector::general_protection, 0});
        control[number] = value;
        return {};
    }
    u64 debug_register(unsigned number) override { return debug[number]; }
    OrException<> set_debug_register(unsigned number, u64 value) override {
        if (value == refused) return fail(Exception{vector::general_protection, 0});
        debug[number] = value;
        return {};
    }
    u64 efer() override { return efer_value; }
    std::optional<u64> read_msr(u32 msr) override {
        auto const found = msrs.find(msr);
        return found == msrs.end() ? std::nullopt : std::optional(found->second);
    }
    bool write_msr(u32 msr, u64 value) override {
        if (!msrs.contains(msr)) return false;
        msrs[msr] = value;
        return true;
    }
    u32 read_port(u16 port, u8 size) override {
        log += "in" + std::to_string(size) + ":" + std::to_string(port) + " ";
        return 0xaabbccdd;
    }
    void write_port(u16 port, u8 size, u32 value) override {
        log += "out" + std::to_string(size) + ":" + std::to_string(port) + "=" +
               std::to_string(value) + " ";
    }
    std::array<u32, 4> cpuid(u32 leaf, u32 subleaf) override {
        return {leaf + 1, 2, subleaf + 3, 4};
    }
    u64 time_stamp() override { return 0x1122334455667788; }
    void invalidate_page(u64 linear) override { log += "invlpg:" + std::to_string(linear) + " "; }
    void flush_caches() override { log += "flush "; }
    void block_interrupts() override { log += "block "; }

    static constexpr u64 refused =
        0x80000001'00000000; // a value that control and debug registers don't take
    std::vector<u8> ram;
    u64 ram_at;
    std::map<u64, Rights> pages; // by page number; else RAM, open to all
    CoreState state;
    std::array<Segment, 8> segments{};
    TableRegister gdt{}, idt{};
    std::array<u64, 9> control{cr0::ProtectedMode::mask | cr0::ExtensionType::mask};
    std::array<u64, 8> debug{};
    u64 efer_value{};
    std::map<u32, u64> msrs;
    std::string log; // of devices, ports and notices
    u64 reads{};
};

} // namespace x86
