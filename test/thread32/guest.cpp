// SPDX-License-Identifier: Apache-2.0
#include "test/thread32/guest.hpp"

extern "C" std::byte const attacks_end[];

Tables::Tables(Supply& supply) : root(supply.make<user::NestedRoot>()), supply_(&supply) {
    must("assign an ASID", user::AsidPool{abi::initial_slot::asid_pool}.assign(root));
}

void Tables::map(user::Frame frame, u64 address, u64 rights, u64 attributes) {
    for (;;) {
        auto const mapped = frame.map_nested(root, {address}, rights, attributes);
        if (mapped) return;
        switch (mapped.error().missing_level()) {
        case 39: must("map a PDPT", supply_->make<user::NestedPdpt>().map(root, address)); break;
        case 30: must("map a page directory", supply_->make<user::NestedPageDirectory>().map(root, address)); break;
        case 21: must("map a page table", supply_->make<user::NestedPageTable>().map(root, address)); break;
        default: stop("map a frame", mapped.error());
        }
    }
}

Guest::Guest(Supply& supply)
    : tables(supply), code_frame(supply.make<user::Frame>()), data_frame(supply.make<user::Frame>()),
      stack_frame(supply.make<user::Frame>()), code_view(supply.view(code_frame)),
      data_view(reinterpret_cast<u32*>(supply.view(data_frame))) {
    auto const size = static_cast<u64>(attacks_end - attacks_start);
    for (u64 offset = 0; offset < size; offset += page_size) {
        auto const frame = supply.make<user::Frame>();
        u8* const to = supply.view(frame);
        for (u64 i = 0; i < page_size && offset + i < size; ++i) to[i] = static_cast<u8>(attacks_start[offset + i]);
        tables.map(frame, routines + offset, abi::right::read);
    }
    constexpr u64 no_code = 6 | abi::attribute::ExecuteNever::mask;
    tables.map(code_frame, code, abi::right::read);
    tables.map(data_frame, data, read_write, no_code);
    tables.map(stack_frame, stack_top - page_size, read_write, no_code);
    make_thread(supply);
}

Guest::Guest(Supply& supply, Guest const& sibling)
    : tables(sibling.tables), code_frame(sibling.code_frame), data_frame(sibling.data_frame), stack_frame(sibling.stack_frame),
      code_view(sibling.code_view), data_view(sibling.data_view) {
    make_thread(supply);
}

void Guest::make_thread(Supply& supply) {
    tcb = supply.make<user::Tcb>();
    faults = supply.make<user::Endpoint>();
    auto const buffer = supply.make<user::Frame>();
    must("configure it", tcb.configure({faults.cptr, own_cnode, 0, own_space}, {0x7000000}, buffer));
    must("give it its address space", tcb.set_nested_root(tables.root));
    expect("TCB flags", must("make it a 32-bit thread", tcb.set_flags(0, abi::thread_flag::compatibility)),
           abi::thread_flag::compatibility);
}

void Guest::set_code(std::initializer_list<u8> bytes) const {
    u8* to = code_view;
    for (u8 const byte : bytes) *to++ = byte;
}

user::Trap32 Guest::read(user::Message const& message) {
    if (user::is_trap32(message)) return user::trap32_from(message);
    expect("label of a message from a 32-bit thread", message.info.word, 0);
    return {};
}

// With event bit 10 taken off: that it is there is checked.
user::Trap64 Guest::read_wide(user::Message const& message) {
    if (!user::is_trap64(message)) {
        expect("label of a message from a wide thread", message.info.word, 0);
        return {};
    }
    user::Trap64 trap = user::trap64_from(message);
    expect("a wide thread's event says so", trap.event & abi::trap32::event_word::Wide::mask, abi::trap32::event_word::Wide::mask);
    trap.event &= static_cast<u32>(~abi::trap32::event_word::Wide::mask);
    return trap;
}

void Guest::start_alone(user::Registers32 const& registers) const {
    must("start it", tcb.write_registers(user::context_of(registers), true));
}

user::Trap32 Guest::start(user::Registers32 const& registers) const {
    start_alone(registers);
    return wait();
}

user::Trap32 Guest::go_on(user::Registers32 const& registers, bool shared_root_visible) const {
    return answer(user::trap32_reply(registers, shared_root_visible));
}

user::Trap64 Guest::go_on(user::Registers64 const& registers, bool shared_root_visible) const {
    return answer_wide(user::trap64_reply(registers, shared_root_visible));
}

void expect_exception(char const* statement, user::Trap32 const& trap, u32 event, u32 error_code, u32 eip, u64 number) {
    expect(statement, trap.event, event, number);
    expect(statement, trap.error_code, error_code, number);
    expect(statement, trap.registers.eip, eip, number);
}

void expect_exception(char const* statement, user::Trap64 const& trap, u32 event, u32 error_code, u64 rip, u64 number) {
    expect(statement, trap.event, event, number);
    expect(statement, trap.error_code, error_code, number);
    expect(statement, trap.registers.rip, rip, number);
}

bool refused_by_smap(u32 event, u32 error_code) {
    static bool const smap = [] {
        u32 eax = 7, ebx, ecx = 0, edx;
        asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
        return (ebx >> 20 & 1) != 0;
    }();
    return smap && event == 14 && (error_code == 1 || error_code == 3);
}
