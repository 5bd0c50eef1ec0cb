// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/host/host_machine.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

HostMachine* newest_machine;

[[noreturn]] void die(char const* what, u64 value) {
    std::fprintf(stderr, "host machine: %s: 0x%lx\n", what, value);
    std::abort();
}

} // namespace

HostMachine::HostMachine() : older_(newest_machine) {
    void* const memory_of_host = mmap(nullptr, memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory_of_host == MAP_FAILED) die("no address space for an arena of bytes", memory);
    arena_ = static_cast<std::byte*>(memory_of_host);
    newest_machine = this;
}

HostMachine::~HostMachine() {
    munmap(arena_, memory);
    newest_machine = older_;
}

HostMachine& HostMachine::newest() {
    if (!newest_machine) die("none exists", 0);
    return *newest_machine;
}

namespace machine {

namespace {
HostMachine& host() { return HostMachine::newest(); }
} // namespace

std::byte* window(PhysAddr address) {
    if (address.value >= HostMachine::memory) die("window() of an address outside the arena", address.value);
    return host().arena() + address.value;
}

PhysAddr physical(void const* in_window) {
    auto const offset = static_cast<u64>(static_cast<std::byte const*>(in_window) - host().arena());
    if (offset >= HostMachine::memory) die("physical() of a pointer outside the arena", reinterpret_cast<u64>(in_window));
    return {offset};
}

void clear(void* start, u64 bytes) {
    if (reinterpret_cast<u64>(start) % 16 != 0 || bytes % 16 != 0) die("clear() of bytes that are no multiple of 16", bytes);
    std::memset(start, 0, bytes);
}

void copy_words(u64* to, u64 const* from, u64 count) { std::memmove(to, from, count * sizeof *to); }

void load_address_space(PhysAddr root, Asid asid) { host().loads.push_back({root, asid}); }
PhysAddr kernel_address_space() { return HostMachine::kernel_root; }
void add_kernel_part(u64* pml4) { pml4[511] = HostMachine::kernel_entry; }
void invalidate(Asid asid, VirtAddr address) { host().invalidations.push_back({asid, address}); }
void invalidate(Asid asid) { host().invalidations.push_back({asid, std::nullopt}); }
bool execute_never_works() { return host().execute_never; }

void compose_space_32(u64 const (&gibibytes)[4]) {
    std::copy(std::begin(gibibytes), std::end(gibibytes), host().space_32.begin());
    ++host().compositions;
}
void load_space_32(u64 upper) {
    host().loads.push_back({HostMachine::root_32, {}});
    host().upper_32 = upper;
}
void begin_32_bit(bool wide) {
    host().in_32_bit = true;
    host().wide = wide;
}
void end_32_bit() { host().in_32_bit = false; }

void load_segment_bases(u64 fs_base, u64 gs_base) {
    host().fs_base = fs_base;
    host().gs_base = gs_base;
}

void save_fpu(std::byte* image) { std::memcpy(image, host().fpu, sizeof host().fpu); }
void load_fpu(std::byte const* image) { std::memcpy(host().fpu, image, sizeof host().fpu); }
void initial_fpu(std::byte* image) {
    std::memset(image, 0, sizeof host().fpu);
    u16 const control = 0x37f;
    u32 const mxcsr = 0x1f80;
    std::memcpy(image, &control, sizeof control);
    std::memcpy(image + 24, &mxcsr, sizeof mxcsr); // Intel SDM vol. 1, 10.5.1
}
void enable_fpu(bool on) { host().fpu_enabled = on; }

unsigned io_apic_count() { return host().io_apics; }
unsigned io_apic_pins(unsigned) { return 24; }
void route_io_apic(unsigned io_apic, unsigned pin, bool level, bool active_low, u8 vector) {
    host().lines[{io_apic, pin}] = {level, active_low, false, vector};
}
void mask_io_apic(unsigned io_apic, unsigned pin, bool masked) {
    auto const line = host().lines.find({io_apic, pin});
    if (line == host().lines.end()) die("mask_io_apic() of a pin without a route", pin);
    line->second.masked = masked;
}
void end_of_interrupt() { ++host().ends_of_interrupt; }
void run_tick(bool on) { host().tick_runs = on; }
bool interrupt_pending() { return host().interrupt_pending; }
GuestSupport const& guest_support() { return host().guests; }
Ticks now() { return host().clock; }

u32 port_in(u16 port, unsigned bytes) {
    host().port_accesses.push_back({port, bytes, std::nullopt});
    return host().port_value;
}
void port_out(u16 port, unsigned bytes, u32 value) { host().port_accesses.push_back({port, bytes, value}); }

void put_char(char c) { host().console += c; }
void halt() { throw HostMachine::Halted{}; }

} // namespace machine
