// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/host/linux/system_calls.hpp"

#include <algorithm>
#include <asm/ldt.h>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

// int 80h from 64-bit code: rdi number, rsi six words. The registers above the 32-bit ones may be lost.
extern "C" u32 host_system_call32(u32 number, u32 const* words);
asm(R"(
.text
host_system_call32:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %edi, %eax
    mov 0(%rsi), %ebx
    mov 4(%rsi), %ecx
    mov 8(%rsi), %edx
    mov 16(%rsi), %edi
    mov 20(%rsi), %ebp
    mov 12(%rsi), %esi
    int $0x80
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
)");

namespace x86::translate::hosted {
namespace {

constexpr u32 error(int number) { return static_cast<u32>(-number); }
constexpr u32 descriptor_table = 0xfffff000; // the last page: the kernel's
constexpr unsigned code_entry = linux_code_selector >> 3, data_entry = linux_data_selector >> 3;
constexpr unsigned first_thread_entry = 12, thread_entries = 3; // as on x86-64
constexpr unsigned table_entries = first_thread_entry + thread_entries;
constexpr u32 map_top = stack_top - stack_bytes - 0x100000;

constexpr u64 whole_pages(u64 bytes) { return (bytes + page_bytes - 1) / page_bytes * page_bytes; }
u8 rights_of(u32 protection) {
    u8 result = rights::none;
    if ((protection & PROT_READ) != 0) result |= rights::read;
    if ((protection & PROT_WRITE) != 0) result |= rights::read | rights::write;
    if ((protection & PROT_EXEC) != 0) result |= rights::read | rights::execute;
    return result;
}

sigjmp_buf no_32_bit_calls;
void on_refused(int) { siglongjmp(no_32_bit_calls, 1); }

} // namespace

bool kernel_has_32_bit_calls() {
    struct sigaction action {}, before {};
    action.sa_handler = on_refused;
    sigaction(SIGSEGV, &action, &before);
    constexpr u32 getpid_number = 20;
    u32 const nothing[6]{};
    bool const there = sigsetjmp(no_32_bit_calls, 1) == 0 && host_system_call32(getpid_number, nothing) == static_cast<u32>(getpid());
    sigaction(SIGSEGV, &before, nullptr);
    return there;
}

LinuxProcess::LinuxProcess(Memory& memory, Runner& runner, LoadedProgram const& program, bool verbose)
    : memory_(memory), runner_(runner), heap_start_(program.heap), heap_end_(program.heap), taken_(guest_bytes / page_bytes), verbose_(verbose) {
    memory_.map(descriptor_table, page_bytes, rights::read | rights::supervisor);
    use_descriptor(code_entry, 0, 0xfffff, 0xfb, 0xc);
    use_descriptor(data_entry, 0, 0xfffff, 0xf3, 0xc);
    runner_.processor().set_gdtr({.base = descriptor_table, .limit = table_entries * 8 - 1});
    runner_.state().eip = program.entry;
    runner_.state().general[4] = program.stack;
}

// Intel SDM vol. 3, 3.4.5. flags: G, D/B, L, AVL.
void LinuxProcess::use_descriptor(unsigned entry, u32 base, u32 limit, u8 access, u8 flags) {
    u64 const word = (limit & 0xffff) | u64{base & 0xffffff} << 16 | u64{access} << 40 | u64{limit >> 16 & 0xf} << 48 | u64{flags} << 52 |
                     u64{base >> 24} << 56;
    u8 bytes[8];
    std::memcpy(bytes, &word, sizeof word);
    memory_.poke(descriptor_table + 8 * entry, bytes);
}

u32 LinuxProcess::set_thread_area(Arguments const& arguments) {
    user_desc wanted; // the same layout for 32 and 64 bits
    u32 const at = arguments.word[0];
    if (!memory_.allows(at, sizeof wanted, rights::read | rights::write)) return error(EFAULT);
    std::memcpy(&wanted, Memory::at(at), sizeof wanted);
    u32 const entry = wanted.entry_number == ~u32{0} ? first_thread_entry : wanted.entry_number;
    if (entry < first_thread_entry || entry >= table_entries || wanted.seg_32bit == 0 || wanted.contents != 0) return error(EINVAL);
    constexpr u8 accessed_data = 0xf1, writable = 2, page_granular = 8, big = 4;
    use_descriptor(entry, wanted.base_addr, wanted.limit, static_cast<u8>(accessed_data | (wanted.read_exec_only != 0 ? 0 : writable)),
                   static_cast<u8>(big | (wanted.limit_in_pages != 0 ? page_granular : 0)));
    wanted.entry_number = entry;
    std::memcpy(Memory::at(at), &wanted, sizeof wanted);
    return 0;
}

u32 LinuxProcess::brk(Arguments const& arguments) {
    u32 const wanted = arguments.word[0];
    if (wanted < heap_start_ || wanted > map_top / 2) return heap_end_;
    u32 const mapped = static_cast<u32>(whole_pages(heap_end_)), needed = static_cast<u32>(whole_pages(wanted));
    if (needed > mapped) memory_.map(mapped, needed - mapped, rights::read | rights::write);
    if (needed < mapped) memory_.unmap(needed, mapped - needed);
    return heap_end_ = wanted;
}

// Highest first; 0 if there is no room.
u32 LinuxProcess::find_free(u64 bytes) const {
    u64 const pages = bytes / page_bytes;
    u64 free = 0;
    for (u32 page = map_top / page_bytes; page > map_top / 2 / page_bytes; --page) {
        free = taken_[page] ? 0 : free + 1;
        if (free == pages) return static_cast<u32>(page * page_bytes);
    }
    return 0;
}

u32 LinuxProcess::mmap2(Arguments const& arguments) {
    auto const [address, length, protection, flags, file, offset] = arguments.word;
    u64 const bytes = whole_pages(length);
    if (bytes == 0 || address % page_bytes != 0) return error(EINVAL);
    if ((flags & MAP_SHARED) != 0) return error(ENODEV);
    bool const fixed = (flags & MAP_FIXED) != 0;
    u32 const at = fixed ? address : find_free(bytes);
    if (at < page_bytes || at + bytes > stack_top) return error(ENOMEM);
    memory_.map(at, bytes, rights::read | rights::write);
    if ((flags & MAP_ANONYMOUS) == 0 && pread(static_cast<int>(file), Memory::at(at), length, off_t{offset} * 4096) < 0) return error(errno);
    memory_.protect(at, bytes, rights_of(protection));
    std::fill_n(taken_.begin() + at / page_bytes, bytes / page_bytes, true);
    return at;
}

u32 LinuxProcess::munmap(Arguments const& arguments) {
    auto const [address, length, a, b, c, d] = arguments.word;
    u64 const bytes = whole_pages(length);
    if (address < page_bytes || address % page_bytes != 0 || bytes == 0 || address + bytes > stack_top) return error(EINVAL);
    memory_.unmap(address, bytes);
    std::fill_n(taken_.begin() + address / page_bytes, bytes / page_bytes, false);
    return 0;
}

u32 LinuxProcess::mprotect(Arguments const& arguments) {
    auto const [address, length, protection, a, b, c] = arguments.word;
    u64 const bytes = whole_pages(length);
    if (address < page_bytes || address % page_bytes != 0 || address + bytes > stack_top) return error(EINVAL);
    memory_.protect(address, bytes, rights_of(protection));
    return 0;
}

u32 LinuxProcess::pass(u32 number, Arguments const& arguments) {
    u32 const result = host_system_call32(number, arguments.word);
    if (result != error(EFAULT)) return result;
    // Perhaps only because code lies where the kernel was to write.
    memory_.release_all();
    return host_system_call32(number, arguments.word);
}

struct SystemCall {
    u16 number;
    char const* name;
    u32 (LinuxProcess::*handler)(LinuxProcess::Arguments const&); // null: the kernel's own
    bool accepted{};                                              // without effect: 0
};

namespace {

constexpr unsigned exit_number = 1, exit_group_number = 252;

constexpr SystemCall passed(u16 number, char const* name) { return {number, name, nullptr}; }
constexpr SystemCall ignored(u16 number, char const* name) { return {number, name, nullptr, true}; }

} // namespace

std::optional<int> LinuxProcess::system_call() {
    static constexpr SystemCall calls[] = {
        passed(3, "read"), passed(4, "write"), passed(5, "open"), passed(6, "close"), passed(10, "unlink"), passed(13, "time"), passed(15, "chmod"),
        passed(19, "lseek"), passed(20, "getpid"), passed(33, "access"), passed(38, "rename"), passed(41, "dup"),
        {45, "brk", &LinuxProcess::brk}, passed(54, "ioctl"), passed(60, "umask"), passed(63, "dup2"), passed(78, "gettimeofday"), passed(85, "readlink"),
        {91, "munmap", &LinuxProcess::munmap}, passed(94, "fchmod"), passed(95, "fchown"), passed(122, "uname"),
        {125, "mprotect", &LinuxProcess::mprotect}, passed(140, "_llseek"), passed(145, "readv"), passed(146, "writev"), passed(162, "nanosleep"),
        ignored(174, "rt_sigaction"), ignored(175, "rt_sigprocmask"), passed(183, "getcwd"), passed(191, "ugetrlimit"),
        {192, "mmap2", &LinuxProcess::mmap2}, passed(195, "stat64"), passed(196, "lstat64"), passed(197, "fstat64"), passed(199, "getuid32"),
        passed(200, "getgid32"), passed(201, "geteuid32"), passed(202, "getegid32"), passed(207, "fchown32"), passed(220, "getdents64"),
        passed(221, "fcntl64"), passed(224, "gettid"), {243, "set_thread_area", &LinuxProcess::set_thread_area}, passed(265, "clock_gettime"),
        passed(271, "utimes"), passed(295, "openat"), passed(305, "readlinkat"), passed(320, "utimensat"), passed(340, "prlimit64"),
        passed(355, "getrandom"), passed(383, "statx"), passed(403, "clock_gettime64"), passed(412, "utimensat_time64"),
    };
    auto& general = runner_.state().general; // eax ecx edx ebx esp ebp esi edi
    u32 const number = general[0];
    if (number == exit_number || number == exit_group_number) return static_cast<int>(general[3] & 0xff);
    Arguments const arguments{{general[3], general[1], general[2], general[6], general[7], general[5]}};
    auto const* const found = std::ranges::find(calls, number, &SystemCall::number);
    if (found == std::end(calls)) {
        if (verbose_) std::fprintf(stderr, "system call %u is not there\n", number);
        general[0] = error(ENOSYS);
    } else if (found->handler != nullptr) {
        general[0] = (this->*found->handler)(arguments);
    } else {
        general[0] = found->accepted ? 0 : pass(number, arguments);
    }
    return std::nullopt;
}

} // namespace x86::translate::hosted
