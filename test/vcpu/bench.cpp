// SPDX-License-Identifier: Apache-2.0
#include "test/vcpu/bench.hpp"

#include "test/vcpu/score.hpp"
#include "user/bare/print.hpp"

using vmx::Field;

namespace {

unsigned passed, failed;
constinit user::ObjectAllocator* the_objects{};

constexpr u64 guest_window =
    0x100000000; // where this program sees the memory of its guests, 2 MiB each
constexpr u64 buffer_window = 0x180000000;
constinit u64 guests_made = 0;

u64 volatile helper_running;
alignas(16) u8 helper_stack[16384];

constexpr user::VSpace own_space{abi::initial_slot::vspace};
constexpr u64 read_write = abi::right::read | abi::right::write;

void fill(u8* memory, u64 bytes) {
    for (u64 i = 0; i < bytes; ++i) memory[i] = 0;
}

} // namespace

void set_objects(user::ObjectAllocator& allocator) { the_objects = &allocator; }
user::ObjectAllocator& objects() { return *the_objects; }

void print_score() {
    user::Text<96> text;
    text.add("vcpu: ").decimal(passed).add(" passed, ").decimal(failed).add(" failed\n");
    user::print(text);
}

void expect(char const* statement, u64 found, u64 wanted) {
    user::Text<256> text;
    bool const right = found == wanted;
    ++(right ? passed : failed);
    text.add(right ? "PASS " : "FAIL ").add(statement);
    if (!right) text.add(": found ").hexadecimal(found).add(", not ").hexadecimal(wanted);
    user::print(text.add("\n"));
}

void stop(char const* what, user::Error const& error) {
    user::print(
        user::Text<256>{}.add("FAIL ").add(what).add(": ").add(error.text().c_str()).add("\n"));
    ++failed;
    print_score();
    user::debug_halt();
}

void must(char const* what, user::Result<> result) {
    if (!result) stop(what, result.error());
}

Stop enter(u64 rip, u64 controls, u64 event) {
    user::Message const message = user::vm_enter(rip, controls, event);
    Stop stop{.exit = message.info.word == abi::vm_entry_exit, .badge = message.badge, .words = {}};
    for (unsigned i = 0; i < abi::vm_message::words; ++i)
        stop.words[i] =
            i < abi::register_message_words ? message.words[i] : user::ipc_buffer().message[i];
    return stop;
}

bool has_nested_paging() {
    auto const vcpu = must("make a Vcpu", objects().make<user::Vcpu>());
    u64 const possible = must("VCPUReadMSR", vcpu.object().read_msr(vmx::msr_vmx_secondary)) >> 32;
    return vmx::secondary::NestedPaging::get(possible) != 0;
}

Bench::Bench() {
    vcpu = must("make a Vcpu", objects().make<user::Vcpu>());
    root = must("make an EPT PML4", objects().make<user::NestedRoot>());
    must("assign an ASID", user::perform(abi::initial_slot::asid_pool,
                                         abi::Label::x86_asid_pool_assign, {}, {root.cptr()}));
    frame = must("make guest memory", objects().make<user::LargeFrame>());
    VirtAddr const address{guest_window + guests_made++ % 16 * 0x200000};
    must("map guest memory", user::map(objects(), own_space, frame.object(), address, read_write));
    memory = reinterpret_cast<u8*>(address.value);
    // A frame capability is mapped in one place at a time: the guest gets a copy.
    u64 const copy = must("take a slot", objects().slots().take());
    must("copy the frame", objects().cnode().copy(copy, objects().cnode().at(frame.cptr())));
    must("map it for the guest",
         user::map_nested(objects(), root.object(), user::Frame{copy}, {0}, read_write));
    fill(memory, 0x10000);
}

void Bench::use(user::Tcb thread) {
    must("VCPUSetTCB", vcpu.object().bind(thread));
    must("TCBSetEPTRoot", thread.set_nested_root(root.object()));
}

void Bench::copy(u64 to, std::span<u8 const> bytes) {
    for (u64 i = 0; i < bytes.size(); ++i) memory[to + i] = bytes[i];
}

void Bench::write_segment(unsigned index, u64 selector, u64 access_rights, u64 limit) {
    write(segment_field(Field::guest_es_selector, index), selector);
    write(segment_field(Field::guest_es_access_rights, index), access_rights);
    write(segment_field(Field::guest_es_limit, index), limit);
    write(segment_field(Field::guest_es_base, index), 0);
}

void Bench::load_real_mode(std::span<u8 const> guest) {
    copy(code, guest);
    write_segment(1, 0, 0x9b, 0xffff);
    for (unsigned i : {0, 2, 3, 4, 5}) write_segment(i, 0, 0x93, 0xffff);
    write(Field::guest_cr0, 0x10);
    write(Field::guest_cr4, 0);
    write(Field::guest_efer, 0);
    write(Field::guest_rflags, 2);
    write(Field::guest_rsp, 0x7000);
    write(Field::guest_idtr_limit, 0);
}

void Bench::load(std::span<u8 const> guest) {
    copy(code, guest);
    word(0x1000) = 0x2007;
    word(0x2000) = 0x3007;
    for (u64 i = 0; i < 512; ++i) word(0x3000 + 8 * i) = i * 0x200000 | 0x87;
    word(0x5008) = 0x00af9b000000ffff;
    word(0x5010) = 0x00cf93000000ffff;
    write_segment(1, 8, 0xa09b, 0xffffffff);
    for (unsigned i : {0, 2, 3, 4, 5}) write_segment(i, 0x10, 0xc093, 0xffffffff);
    write(Field::guest_gdtr_base, 0x5000);
    write(Field::guest_gdtr_limit, 0xffff);
    write(Field::guest_idtr_base, 0x4000);
    write(Field::guest_idtr_limit, 0xfff);
    write(Field::guest_cr3, 0x1000);
    write(Field::guest_cr4, 0x620);
    write(Field::guest_cr0, 0x80000013);
    write(Field::guest_efer, 0x501);
    write(Field::guest_rflags, 2);
    write(Field::guest_rsp, 0x7000);
    write(Field::exception_bitmap, 0);
    write(Field::secondary_controls, vmx::secondary::NestedPaging::mask);
    write(Field::cr0_mask, 0);
    write(Field::guest_interruptibility, 0);
}

void Bench::load_shadow(std::span<u8 const> guest) {
    load(guest);
    write(Field::secondary_controls, 0);
    write(Field::guest_cr0, 0x80010013);
    write(Field::guest_efer, 0xd01);
    write(Field::exception_bitmap, 1u << 14);
}

void Bench::load_pae(std::span<u8 const> guest) {
    load_shadow(guest);
    write_segment(1, 8, 0xc09b, 0xffffffff);
    write(Field::guest_efer, 0x801);
}

void Bench::enter_user_mode() {
    for (unsigned const i : {1u, 2u}) {
        Field const rights = segment_field(Field::guest_es_access_rights, i);
        write(rights, read(rights) | 0x60);
    }
}

void Bench::handle(u8 vector, std::span<u8 const> handler) {
    u64 const address = 0x9000 + u64{vector} * 16;
    copy(address, handler);
    word(0x4000 + u64{vector} * 16) = (address & 0xffff) | 8 << 16 | u64{0x8e} << 40;
    word(0x4008 + u64{vector} * 16) = 0;
}

Helper::Helper(void (*function)()) : function_(function) {
    tcb = must("make a thread", objects().make<user::Tcb>());
    buffer_ = must("make its buffer", objects().make<user::Frame>());
    VirtAddr const address{buffer_window};
    must("map its buffer", user::map(objects(), own_space, buffer_.object(), address, read_write));
    user::Tcb const self{abi::initial_slot::tcb};
    must("configure it", tcb.object().configure({.fault_endpoint = 0,
                                                 .cnode = user::CNode{abi::initial_slot::cnode},
                                                 .cnode_guard = 0,
                                                 .vspace = own_space},
                                                address, buffer_.object()));
    must("give it a priority", tcb.object().set_priority(self, 255));
}

Helper::~Helper() { must("unmap its buffer", buffer_.object().unmap()); }

void Helper::start() {
    abi::UserContext registers{};
    registers.rip = reinterpret_cast<u64>(function_);
    registers.rsp = reinterpret_cast<u64>(helper_stack + sizeof helper_stack) - 8;
    must("start it", tcb.object().write_registers(registers, true));
}
