// SPDX-License-Identifier: Apache-2.0
#include "kernel/fuzz/machine.hpp"

#include <cstring>

namespace fuzz {

Machine machine_state;

alignas(4096) std::byte arena_memory[large_frame_end - ram_start];

namespace {
GuestSupport const guests{.present = true,
                          .nested_paging = true,
                          .next_rip = true,
                          .decode_assists = true,
                          .asids = 4,
                          .cr4_bits = 0x7ff,
                          .efer_bits = 0xd01,
                          .physical_mask = 0xffffffffff,
                          .xcr0_bits = 7,
                          .msr_permissions = {0x3000},
                          .composed_root = {composed_tables}};
} // namespace

} // namespace fuzz

using fuzz::machine_state, fuzz::stop;

namespace machine {

std::byte* window(PhysAddr address) {
    u64 const offset = address.value - fuzz::ram_start;
    if (offset >= sizeof fuzz::arena_memory) stop("window() of an address that is no RAM", address.value);
    if (address.value >= fuzz::large_frame) {
        u64 const page = (address.value - fuzz::large_frame) / 4096;
        machine_state.large_pages_touched[page / 64] |= u64{1} << page % 64;
    } else if (address.value >= fuzz::ram_end && address.value != fuzz::composed_tables) {
        stop("window() of an address between the RAM and the large frame", address.value);
    }
    return fuzz::arena_memory + offset;
}

PhysAddr physical(void const* in_window) {
    u64 const offset = fuzz::arena_offset(in_window);
    if (offset >= sizeof fuzz::arena_memory) stop("physical() of a pointer outside the RAM", offset);
    return {fuzz::ram_start + offset};
}

void clear(void* start, u64 bytes) {
    u64 const offset = fuzz::arena_offset(start);
    if (offset % 16 != 0 || bytes % 16 != 0) stop("clear() of what is no multiple of 16", bytes);
    if (offset >= sizeof fuzz::arena_memory || bytes > sizeof fuzz::arena_memory - offset) stop("clear() outside the RAM", bytes);
    std::memset(start, 0, bytes);
}

void copy_words(u64* to, u64 const* from, u64 count) {
    u64 const bytes = count * sizeof *to;
    for (u64 const offset : {fuzz::arena_offset(to), fuzz::arena_offset(from)})
        if (offset >= sizeof fuzz::arena_memory || bytes > sizeof fuzz::arena_memory - offset) stop("copy_words() outside the RAM", offset);
    bool const apart = to == from || to + count <= from || from + count <= to;
    if (!apart) stop("copy_words() of words that overlap", count);
    std::memmove(to, from, bytes);
}

void load_address_space(PhysAddr root, Asid asid) {
    machine_state.loaded_root = root;
    machine_state.loaded_asid = asid;
}
PhysAddr kernel_address_space() { return fuzz::kernel_root; }
void add_kernel_part(u64* pml4) { pml4[511] = fuzz::kernel_entry; }
void invalidate(Asid asid, VirtAddr address) {
    if (!machine_state.invalidations.push({asid, false, address})) machine_state.many_invalidations = true;
}
void invalidate(Asid asid) {
    if (!machine_state.invalidations.push({asid, true, {}})) machine_state.many_invalidations = true;
}
bool execute_never_works() { return true; }

void compose_space_32(u64 const (&gibibytes)[4]) { std::memcpy(machine_state.space_32, gibibytes, sizeof gibibytes); }
void load_space_32(u64 upper) {
    load_address_space(fuzz::root_32, {});
    machine_state.upper_32 = upper;
}
void begin_32_bit(bool wide) {
    machine_state.in_32_bit = true;
    machine_state.wide = wide;
}
void end_32_bit() {
    if (!machine_state.in_32_bit) stop("end_32_bit() of what did not begin");
    machine_state.in_32_bit = false;
}

void load_segment_bases(u64 fs_base, u64 gs_base) {
    if (!is_canonical(fs_base) || !is_canonical(gs_base)) stop("a segment base that is not canonical", fs_base);
}
void save_fpu(std::byte* image) { std::memcpy(image, machine_state.fpu, sizeof machine_state.fpu); }
void load_fpu(std::byte const* image) { std::memcpy(machine_state.fpu, image, sizeof machine_state.fpu); }
void initial_fpu(std::byte* image) {
    std::memset(image, 0, sizeof machine_state.fpu);
    image[0] = std::byte{0x7f};
    image[1] = std::byte{0x03};
    image[24] = std::byte{0x80};
    image[25] = std::byte{0x1f};
}
void enable_fpu(bool on) { machine_state.fpu_enabled = on; }

unsigned io_apic_count() { return 1; }
unsigned io_apic_pins(unsigned io_apic) {
    if (io_apic != 0) stop("io_apic_pins() of no I/O APIC", io_apic);
    return fuzz::io_apic_pins;
}
void route_io_apic(unsigned io_apic, unsigned pin, bool, bool, u8) {
    if (io_apic != 0 || pin >= fuzz::io_apic_pins) stop("route_io_apic() of no pin", pin);
    machine_state.io_apic_routed[pin] = true;
}
void mask_io_apic(unsigned io_apic, unsigned pin, bool) {
    if (io_apic != 0 || pin >= fuzz::io_apic_pins || !machine_state.io_apic_routed[pin]) stop("mask_io_apic() of no route", pin);
}
void end_of_interrupt() { ++machine_state.ends_of_interrupt; }
void run_tick(bool on) { machine_state.tick_runs = on; }
bool interrupt_pending() { return machine_state.interrupt_pending; }
GuestSupport const& guest_support() { return fuzz::guests; }
Ticks now() { return ++machine_state.clock; }

u32 port_in(u16 port, unsigned bytes) {
    if (bytes != 1 && bytes != 2 && bytes != 4) stop("port_in() of a wrong size", bytes);
    return port;
}
void port_out(u16, unsigned bytes, u32) {
    if (bytes != 1 && bytes != 2 && bytes != 4) stop("port_out() of a wrong size", bytes);
}

void put_char(char) {}
void halt() { throw fuzz::Halted{}; }

} // namespace machine
