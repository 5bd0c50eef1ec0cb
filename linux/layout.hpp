// SPDX-License-Identifier: Apache-2.0
// Where the library OS puts what it makes, inside the areas that protocol/component.hpp gives it.
#pragma once

#include "protocol/component.hpp"

namespace libos::layout {

inline constexpr u64 page_size = 4096;

// The program's memory: three windows, whose pages have numbers one after the other (page_number).
struct Window {
    u64 start, end;
    constexpr bool contains(u64 address) const { return address >= start && address < end; }
};
inline constexpr Window program{0x1000, 0x100000000}; // program and brk
inline constexpr Window anonymous{0x100000000000, 0x100000000000 + (u64{64} << 30)}; // mmap
inline constexpr u64 main_stack_size = 8 << 20;
inline constexpr Window main_stack{protocol::main_stack_top - main_stack_size,
                                   protocol::main_stack_top};

inline constexpr u64 first_anonymous_page = program.end / page_size;
inline constexpr u64 first_stack_page =
    first_anonymous_page + (anonymous.end - anonymous.start) / page_size;
inline constexpr u64 page_count = first_stack_page + main_stack_size / page_size;

// Number of the page that contains an address of a window; page_count for other addresses.
constexpr u64 page_number(u64 address) {
    if (program.contains(address)) return address / page_size;
    if (anonymous.contains(address))
        return first_anonymous_page + (address - anonymous.start) / page_size;
    if (main_stack.contains(address))
        return first_stack_page + (address - main_stack.start) / page_size;
    return page_count;
}

// Each thread: its page and the stack for its upcalls. Number 0 is the main thread, whose memory
// root made.
inline constexpr unsigned max_threads = 256;
inline constexpr u64 thread_page(unsigned number) {
    return protocol::thread_page_address + number * page_size;
}
inline constexpr u64 thread_stack_stride =
    2 * protocol::os_stack_size; // half of it guards the next stack
inline constexpr u64 thread_stack_top(unsigned number) {
    return protocol::os_stack_top + number * thread_stack_stride;
}

// The library OS's own tables (tables.hpp), each with room to grow.
inline constexpr u64 tables = 0x0000700500000000;
inline constexpr u64 backing_table = tables;
inline constexpr u64 block_table = tables + 0x10000000;
inline constexpr u64 region_table = tables + 0x20000000;
inline constexpr u64 record_table = tables + 0x30000000;

} // namespace libos::layout
