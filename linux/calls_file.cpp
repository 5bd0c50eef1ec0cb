// SPDX-License-Identifier: Apache-2.0
// File descriptors: 0 to 2 are the console or root's log, the others granted files, read-only,
// named /files/NAME.
#include <asm/ioctls.h>
#include <asm/stat.h>
#include <asm/termbits.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "linux/process.hpp"

namespace libos {
namespace {

constexpr u64 at_empty_path = 0x1000; // AT_EMPTY_PATH
constexpr std::string_view files_directory = "/files/";
constexpr u64 may_write = 2; // W_OK
constexpr u64 largest_path = 256;
constexpr u64 largest_vector = 1024;

struct IoVector {
    u64 address, size;
};

} // namespace

Process::OpenFile* Process::file(u64 descriptor) {
    if (descriptor < first_file || descriptor >= max_files || !files_[descriptor].grant)
        return nullptr;
    return &files_[descriptor];
}

Outcome Process::write(Thread& thread, Arguments const& arguments) {
    return write_bytes(thread, arguments.a[0], arguments.a[1], arguments.a[2]);
}

Outcome Process::read(Thread& thread, Arguments const& arguments) {
    return read_bytes(thread, arguments.a[0], arguments.a[1], arguments.a[2]);
}

Outcome Process::writev(Thread& thread, Arguments const& arguments) {
    if (arguments.a[2] > largest_vector) return fail_with(EINVAL);
    u64 written = 0;
    for (u64 i = 0; i < arguments.a[2]; ++i) {
        IoVector const piece = TRY(fetch<IoVector>(arguments.a[1] + i * sizeof(IoVector)));
        written += TRY(write_bytes(thread, arguments.a[0], piece.address, piece.size));
    }
    return written;
}

Outcome Process::readv(Thread& thread, Arguments const& arguments) {
    if (arguments.a[2] > largest_vector) return fail_with(EINVAL);
    u64 total = 0;
    for (u64 i = 0; i < arguments.a[2]; ++i) {
        IoVector const piece = TRY(fetch<IoVector>(arguments.a[1] + i * sizeof(IoVector)));
        if (piece.size == 0) continue;
        u64 const count = TRY(read_bytes(thread, arguments.a[0], piece.address, piece.size));
        total += count;
        if (count < piece.size) break;
    }
    return total;
}

std::expected<u64, Errno> Process::write_bytes(Thread& thread, u64 descriptor, u64 address,
                                               u64 size) {
    if (descriptor != 1 && descriptor != 2) return fail_with(EBADF);
    TRY(space_.touch_range(address, size, false));
    if (console_) {
        TRY(write_console(thread, address, size));
    } else {
        lines_[descriptor - 1].write({reinterpret_cast<char const*>(address), size});
    }
    return size;
}

Done Process::write_console(Thread& thread, u64 address, u64 size) {
    auto& page = *reinterpret_cast<protocol::ConsolePage*>(console_->address);
    while (size != 0) {
        u32 const count = page.output.write({reinterpret_cast<char const*>(address), size});
        address += count;
        size -= count;
        if (size != 0) page.output_waiting.store(1);
        user::signal(console_->first_slot);
        if (size == 0 || page.output.room() != 0) continue;
        wait_for_console(thread);
        TRY(space_.touch_range(address, size, false)); // it may have been unmapped meanwhile
    }
    return {};
}

std::expected<u64, Errno> Process::read_bytes(Thread& thread, u64 descriptor, u64 address,
                                              u64 size) {
    if (descriptor == 0) return read_console(thread, address, size);
    OpenFile* const open = file(descriptor);
    if (!open) return fail_with(EBADF);
    u64 const length = open->grant->second;
    u64 const count = open->offset < length ? std::min(size, length - open->offset) : 0;
    TRY(space_.touch_range(address, count, true));
    std::memcpy(reinterpret_cast<void*>(address),
                reinterpret_cast<void const*>(open->grant->address + open->offset), count);
    open->offset += count;
    return count;
}

std::expected<u64, Errno> Process::read_console(Thread& thread, u64 address, u64 size) {
    if (!console_ || size == 0) return 0; // end of file
    auto& page = *reinterpret_cast<protocol::ConsolePage*>(console_->address);
    for (terminal_.take_input(page); !terminal_.ready(); terminal_.take_input(page)) {
        user::signal(console_->first_slot); // for the echo
        wait_for_console(thread);
    }
    user::signal(console_->first_slot);
    size = std::min<u64>(size, terminal_.size());
    TRY(space_.touch_range(address, size, true));
    auto const line = terminal_.read(size);
    std::copy(line.begin(), line.end(), reinterpret_cast<char*>(address));
    return line.size();
}

Outcome Process::pread64(Thread&, Arguments const& arguments) {
    auto const [descriptor, address, size, offset, a4, a5] = arguments.a;
    OpenFile const* const open = file(descriptor);
    if (!open) return fail_with(descriptor < first_file ? ESPIPE : EBADF);
    u64 const length = open->grant->second;
    u64 const count = offset < length ? std::min(size, length - offset) : 0;
    TRY(space_.touch_range(address, count, true));
    std::memcpy(reinterpret_cast<void*>(address),
                reinterpret_cast<void const*>(open->grant->address + offset), count);
    return count;
}

Outcome Process::open(Thread& thread, Arguments const& arguments) {
    return openat(thread, {{static_cast<u64>(AT_FDCWD), arguments.a[0], arguments.a[1]}});
}

// The granted file that a path in the program's memory names.
std::expected<protocol::GrantInfo const*, Errno> Process::find_file(u64 address) {
    char path[largest_path];
    for (u64 i = 0;; ++i) {
        if (i == sizeof path) return fail_with(ENAMETOOLONG);
        path[i] = TRY(fetch<char>(address + i));
        if (path[i] == 0) break;
    }
    std::string_view const name(path);
    for (u32 i = 0; i < info_.grant_count && name.starts_with(files_directory); ++i) {
        protocol::GrantInfo const& grant = info_.grants[i];
        if (grant.kind == protocol::GrantKind::file &&
            name.substr(files_directory.size()) == grant.name)
            return &grant;
    }
    return fail_with(ENOENT);
}

Outcome Process::openat(Thread&, Arguments const& arguments) {
    protocol::GrantInfo const* const grant = TRY(find_file(arguments.a[1]));
    if ((arguments.a[2] & O_ACCMODE) != O_RDONLY) return fail_with(EROFS);
    for (u64 descriptor = first_file; descriptor < max_files; ++descriptor) {
        if (files_[descriptor].grant) continue;
        files_[descriptor] = {grant, 0};
        return descriptor;
    }
    return fail_with(EMFILE);
}

Outcome Process::close(Thread&, Arguments const& arguments) {
    if (arguments.a[0] < first_file) return 0; // stays open: there is nothing else it could become
    OpenFile* const open = file(arguments.a[0]);
    if (!open) return fail_with(EBADF);
    *open = {};
    return 0;
}

Outcome Process::fstat(Thread&, Arguments const& arguments) {
    OpenFile const* const open = file(arguments.a[0]);
    if (!open && arguments.a[0] >= first_file) return fail_with(EBADF);
    TRY(store_status(arguments.a[1], open ? open->grant : nullptr));
    return 0;
}

Outcome Process::stat(Thread&, Arguments const& arguments) {
    protocol::GrantInfo const* const grant = TRY(find_file(arguments.a[0]));
    TRY(store_status(arguments.a[1], grant));
    return 0;
}

Outcome Process::newfstatat(Thread& thread, Arguments const& arguments) {
    if ((arguments.a[3] & at_empty_path) != 0)
        return fstat(thread, {{arguments.a[0], arguments.a[2]}});
    return stat(thread, {{arguments.a[1], arguments.a[2]}});
}

Outcome Process::access(Thread&, Arguments const& arguments) {
    TRY(find_file(arguments.a[0]));
    return (arguments.a[1] & may_write) != 0 ? fail_with(EROFS) : Outcome(0);
}

Outcome Process::faccessat(Thread& thread, Arguments const& arguments) {
    return access(thread, {{arguments.a[1], arguments.a[2]}});
}

// The program is always in "/", which has nothing but the granted files.
Outcome Process::getcwd(Thread&, Arguments const& arguments) {
    constexpr char root[2] = {'/', 0};
    if (arguments.a[1] < sizeof root) return fail_with(ERANGE);
    TRY(store(arguments.a[0], root));
    return sizeof root;
}

// grant: a file; null: the terminal, which standard input and output say they are, so that programs
// write line by line.
Done Process::store_status(u64 address, protocol::GrantInfo const* grant) {
    struct stat status {};
    status.st_nlink = 1;
    status.st_blksize = layout::page_size;
    status.st_mode = grant ? S_IFREG | 0444 : S_IFCHR | 0620;
    if (grant) {
        status.st_ino = static_cast<u64>(grant - info_.grants) + first_file;
        status.st_size = static_cast<long>(grant->second);
        status.st_blocks = static_cast<long>((grant->second + 511) / 512);
    } else {
        status.st_rdev = 0x8800; // pts/0
    }
    return store(address, status);
}

Outcome Process::lseek(Thread&, Arguments const& arguments) {
    OpenFile* const open = file(arguments.a[0]);
    if (!open) return fail_with(arguments.a[0] < first_file ? ESPIPE : EBADF);
    u64 const base[] = {0, open->offset, open->grant->second}; // SEEK_SET, SEEK_CUR, SEEK_END
    if (arguments.a[2] >= std::size(base)) return fail_with(EINVAL);
    u64 const offset = base[arguments.a[2]] + arguments.a[1];
    if (static_cast<i64>(offset) < 0) return fail_with(EINVAL);
    open->offset = offset;
    return offset;
}

Outcome Process::ioctl(Thread&, Arguments const& arguments) {
    if (arguments.a[0] >= first_file && !file(arguments.a[0])) return fail_with(EBADF);
    if (arguments.a[0] >= first_file || arguments.a[1] != TCGETS) return fail_with(ENOTTY);
    // The kernel's termios: input, output, control and local modes as a Linux console has them
    // (terminal.hpp).
    struct {
        u32 input = ICRNL, output = OPOST | ONLCR, control = B38400 | CS8 | CREAD,
            local = ICANON | ECHO | ECHOE;
        u8 rest[20]{};
    } const modes;
    TRY(store(arguments.a[2], modes));
    return 0;
}

Outcome Process::fcntl(Thread&, Arguments const& arguments) {
    if (arguments.a[0] >= first_file && !file(arguments.a[0])) return fail_with(EBADF);
    switch (arguments.a[1]) {
    case F_GETFD:
    case F_SETFD:
    case F_SETFL: return 0;
    case F_GETFL: return arguments.a[0] == 0 || arguments.a[0] >= first_file ? O_RDONLY : O_WRONLY;
    default: return fail_with(EINVAL);
    }
}

Outcome Process::readlink(Thread&, Arguments const&) {
    return fail_with(ENOENT);
} // there are no links
Outcome Process::readlinkat(Thread&, Arguments const&) { return fail_with(ENOENT); }

} // namespace libos
