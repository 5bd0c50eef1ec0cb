// SPDX-License-Identifier: Apache-2.0
#include "linux/process.hpp"

#include <elf.h>

#include <cstring>

#include "linux/entry.hpp"
#include "linux/ipc_buffer_guard.hpp"

namespace libos {
namespace {

constexpr u64 exit_cannot_start = 127; // as a shell reports a program that cannot be run
constexpr u64 page_fault_vector = 14;
namespace fault_code { // the processor's page-fault error code
using Write = Bits<1>;
using Fetch = Bits<4>;
} // namespace fault_code

// Writes downward from the top of the stack, as Linux builds it.
class StackBuilder {
public:
    explicit StackBuilder(u64 top) : at_(top) {}
    u64 push_bytes(void const* bytes, u64 size) {
        at_ -= size;
        std::memcpy(reinterpret_cast<void*>(at_), bytes, size);
        return at_;
    }
    void push(u64 word) { push_bytes(&word, sizeof word); }
    void align() { at_ &= ~u64{15}; }
    u64 at() const { return at_; }

private:
    u64 at_;
};

} // namespace

Process::Process(protocol::ComponentInfo const& info)
    : info_(info), memory_(info), frames_(memory_), space_(memory_, frames_), clock_(info),
      console_(grant(protocol::GrantKind::console)), timer_(grant(protocol::GrantKind::timer)) {
    std::memcpy(random_, info.random_seed, sizeof random_);
}

void Process::start() {
    Thread& main = Thread::at(protocol::thread_page_address);
    main = {};
    main.tcb = {protocol::slot::tcb};
    threads_ = &main;
    auto const bell = memory_.objects().make(user::Notification::type);
    auto const lock_bell = memory_.objects().make(user::Notification::type);
    auto const program =
        read_program({reinterpret_cast<u8 const*>(info_.program_address), info_.program_size},
                     layout::program.start, layout::program.end);
    if (!program) {
        log(user::Text<256>().add("cannot run the program: ").add(program.error()));
        end(exit_cannot_start);
    }
    auto const registered = register_upcalls(main);
    if (!bell || !lock_bell || !registered) {
        user::Error const error = !bell        ? bell.error()
                                  : !lock_bell ? lock_bell.error()
                                               : registered.error();
        log(user::Text<256>().add("cannot start: ").add(error.text().c_str()));
        end(exit_cannot_start);
    }
    main.bell = {bell->cptr};
    lock_.set_bell({lock_bell->cptr});
    load(*program);
    libos_enter_program(program->entry, make_start_stack(*program));
}

void Process::load(Program const& program) {
    u64 needed = space_.reserve();
    for (Segment const& segment : program.segments) needed += segment.memory_size;
    auto const no_memory = [&]() {
        log(user::Text<256>()
                .add("cannot run the program: it needs ")
                .decimal(needed / 1024)
                .add(" KiB, and of the component's memory ")
                .decimal(frames_.available() * layout::page_size / 1024)
                .add(" KiB are left to it: give it more in the manifest"));
        end(exit_cannot_start);
    };
    for (Segment const& segment : program.segments) {
        VirtAddr const start = VirtAddr{segment.address}.align_down(12);
        VirtAddr const end = VirtAddr{segment.address + segment.memory_size}.align_up(12);
        u64 const source = info_.program_address + segment.file_offset;
        u64 const lead = segment.address - start.value;       // bytes of its first page before it
        bool const whole_pages = lead <= segment.file_offset; // true for every linker's output
        Region const region{.start = start.value,
                            .end = end.value,
                            .file = source - lead,
                            .file_end = source + segment.file_size,
                            .protection = segment.protection,
                            .uncounted = false,
                            .padding = {}};
        if (!whole_pages || !space_.map(region)) no_memory();
    }
    heap_start_ = heap_end_ = VirtAddr{program.end}.align_up(12).value;
    Region const stack{.start = layout::main_stack.start,
                       .end = layout::main_stack.end,
                       .file = 0,
                       .file_end = 0,
                       .protection = protection::read | protection::write,
                       .uncounted = true,
                       .padding = {}};
    constexpr u64 start_stack = 0x2000; // what make_start_stack() may write
    if (!space_.map(stack) || !space_.touch_range(stack.end - start_stack, start_stack, true))
        no_memory();
}

// Linux' initial stack: argc, argv, environment (empty), auxiliary vector, then the strings.
u64 Process::make_start_stack(Program const& program) {
    StackBuilder stack(layout::main_stack.end);
    char const* const end = info_.arguments + sizeof info_.arguments;
    u64 argv[128];
    u64 argc = 0;
    for (char const* text = info_.arguments;
         argc < info_.argument_count && argc < std::size(argv) && text < end;) {
        u64 const size = std::strlen(text) + 1; // root wrote them and terminated each
        argv[argc++] = stack.push_bytes(text, size);
        text += size;
    }
    u64 const random = stack.push_bytes(random_, 16);
    random_[0] ^= random_[2] + 1; // what the program knows is not used again
    random_[1] ^= random_[3] + 1;
    stack.align();
    u64 const auxiliary[][2] = {{AT_PHDR, program.headers},
                                {AT_PHENT, sizeof(Elf64_Phdr)},
                                {AT_PHNUM, program.header_count},
                                {AT_PAGESZ, layout::page_size},
                                {AT_ENTRY, program.entry},
                                {AT_CLKTCK, 100},
                                {AT_SECURE, 0},
                                {AT_UID, 0},
                                {AT_EUID, 0},
                                {AT_GID, 0},
                                {AT_EGID, 0},
                                {AT_RANDOM, random},
                                {AT_NULL, 0}};
    if ((argc + 1) % 2 != 0) stack.push(0); // argc, argv, null, null: keeps argc 16-byte aligned
    stack.push_bytes(auxiliary, sizeof auxiliary);
    stack.push(0); // end of the environment
    stack.push(0); // end of argv
    stack.push_bytes(argv, argc * sizeof(u64));
    stack.push(argc);
    return stack.at();
}

bool Process::upcall(abi::UpcallBlock& block) {
    Thread& thread = Thread::of(block);
    IpcBufferGuard<2 + user::Tcb::register_count> const
        guard; // the longest message: WriteRegisters
    lock_.lock();
    bool restore_all = true;
    switch (static_cast<abi::UpcallCause>(block.cause)) {
    case abi::UpcallCause::system_call: {
        Outcome const outcome = system_call(thread);
        block.saved.rax = outcome ? *outcome : static_cast<u64>(-i64{outcome.error().number});
        restore_all = false;
        break;
    }
    case abi::UpcallCause::page_fault: on_page_fault(thread); break;
    case abi::UpcallCause::exception: report_fault(thread);
    case abi::UpcallCause::time_slice:
    case abi::UpcallCause::none: break; // not asked for
    }
    if (ended_) bury_ended();
    lock_.unlock();
    return restore_all;
}

void Process::on_page_fault(Thread& thread) {
    abi::UpcallBlock const& block = thread.upcall();
    bool const write = fault_code::Write::get(block.error_code) != 0;
    bool const fetch = fault_code::Fetch::get(block.error_code) != 0;
    if (layout::page_number(block.fault_address) == layout::page_count) report_fault(thread);
    switch (space_.touch(block.fault_address, write, fetch)) {
    case AddressSpace::Touch::ok: return;
    case AddressSpace::Touch::forbidden: report_fault(thread);
    case AddressSpace::Touch::no_memory:
        log(user::Text<256>()
                .add("out of memory at ")
                .hexadecimal(block.fault_address)
                .add(": give the component more memory in the manifest"));
        report_fault(thread);
    }
}

void Process::end(u64 status) {
    for (LineBuffer& line : lines_) line.flush();
    for (;;)
        user::send(protocol::slot::root,
                   user::Message::make(std::to_underlying(protocol::RootLabel::exit), 1, status));
}

void Process::report_fault(Thread& thread) {
    for (LineBuffer& line : lines_) line.flush();
    abi::UpcallBlock const& block = thread.upcall();
    bool const page_fault = block.cause == std::to_underlying(abi::UpcallCause::page_fault);
    user::ipc_buffer().message[4] = block.saved.rip;
    user::Message const message =
        user::Message::make(std::to_underlying(protocol::RootLabel::fault), 5, thread.number,
                            page_fault ? page_fault_vector : block.exception_number,
                            block.error_code, page_fault ? block.fault_address : 0);
    for (;;) user::send(protocol::slot::root, message);
}

protocol::GrantInfo const* Process::grant(protocol::GrantKind kind) const {
    for (u32 i = 0; i < info_.grant_count; ++i)
        if (info_.grants[i].kind == kind) return &info_.grants[i];
    return nullptr;
}

} // namespace libos
