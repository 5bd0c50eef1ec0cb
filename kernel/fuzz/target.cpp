// SPDX-License-Identifier: Apache-2.0
// The fuzzer's entry points, and a mutator that knows where records begin.
// TESSERA_FUZZ_CALLS: end after so many system calls. TESSERA_FUZZ_COUNT: a file for the count, written once a second.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "kernel/fuzz/program.hpp"
#include "kernel/fuzz/world.hpp"

extern "C" std::size_t LLVMFuzzerMutate(u8* data, std::size_t size, std::size_t limit);

namespace {

using fuzz::Record;
using Clock = std::chrono::steady_clock;

u64 call_limit;
char const* count_file;
Clock::time_point const started = Clock::now();
Clock::time_point last_written = started;

void write_count(bool done) {
    double const seconds = std::chrono::duration<double>(Clock::now() - started).count();
    auto const number = [](u64 value) { return static_cast<unsigned long long>(value); };
    char line[256];
    std::snprintf(line, sizeof line, "%s %llu system calls, %llu events, %llu programs, %.0f s, %.0f calls a second\n",
                  done ? "done:" : "so far:", number(fuzz::count.system_calls), number(fuzz::count.events), number(fuzz::count.programs),
                  seconds, static_cast<double>(fuzz::count.system_calls) / seconds);
    if (done) std::fputs(line, stderr);
    if (!count_file) return;
    if (std::FILE* const file = std::fopen(count_file, "w")) {
        std::fputs(line, file);
        std::fclose(file);
    }
}

void after_program() {
    if (call_limit && fuzz::count.system_calls >= call_limit) {
        write_count(true);
        std::_Exit(0);
    }
    if (fuzz::count.programs % 256 || Clock::now() - last_written < std::chrono::seconds(1)) return;
    last_written = Clock::now();
    write_count(false);
}

std::size_t whole(std::size_t size) { return size / sizeof(Record) * sizeof(Record); }

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    if (char const* const text = std::getenv("TESSERA_FUZZ_CALLS")) call_limit = std::strtoull(text, nullptr, 0);
    count_file = std::getenv("TESSERA_FUZZ_COUNT");
    fuzz::make_world();
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, std::size_t size) {
    fuzz::run_program(data, size);
    after_program();
    return 0;
}

// The beginning of one program, then the end of the other.
extern "C" std::size_t LLVMFuzzerCustomCrossOver(u8 const* one, std::size_t one_size, u8 const* other, std::size_t other_size, u8* out,
                                                 std::size_t limit, unsigned seed) {
    std::minstd_rand random(seed);
    std::size_t const most = whole(limit);
    std::size_t const head = std::min(whole(one_size - (random() % 2 ? random() % (one_size + 1) : 0)), most);
    std::size_t const skipped = whole(random() % 2 ? random() % (other_size + 1) : 0);
    std::size_t const tail = std::min(whole(other_size) - std::min(skipped, whole(other_size)), most - head);
    std::memcpy(out, one, head);
    std::memcpy(out + head, other + skipped, tail);
    return std::max<std::size_t>(head + tail, 1);
}

extern "C" std::size_t LLVMFuzzerCustomMutator(u8* data, std::size_t size, std::size_t limit, unsigned seed) {
    std::minstd_rand random(seed);
    auto const below = [&](std::size_t bound) { return static_cast<std::size_t>(random()) % bound; };
    std::size_t const count = size / sizeof(Record);
    std::size_t const room = std::min<std::size_t>(limit / sizeof(Record), fuzz::longest_program);
    auto const record = [&](std::size_t i) { return data + i * sizeof(Record); };
    auto const fill = [&](std::size_t i) {
        for (std::size_t byte = 0; byte < sizeof(Record); ++byte) record(i)[byte] = static_cast<u8>(random() >> 8);
        if (below(4)) record(i)[1] &= 0x7f; // whoever runs
        record(i)[3] = below(8) ? record(i)[3] & 0x7f : record(i)[3];
    };
    if (room == 0) return LLVMFuzzerMutate(data, size, limit);
    if (count == 0) {
        fill(0);
        return sizeof(Record);
    }
    std::size_t const at = below(count);
    switch (below(10)) {
    case 0:
    case 1: // new records at the end, or in between
    case 2: {
        std::size_t const more = std::min(room - std::min(room, count), 1 + below(16));
        std::size_t const place = below(2) ? count : at;
        std::memmove(record(place + more), record(place), (count - place) * sizeof(Record));
        for (std::size_t i = 0; i < more; ++i) fill(place + i);
        return (count + more) * sizeof(Record);
    }
    case 3: { // some are left out
        std::size_t const gone = std::min(count - at, 1 + below(4));
        if (gone == count) break;
        std::memmove(record(at), record(at + gone), (count - at - gone) * sizeof(Record));
        return (count - gone) * sizeof(Record);
    }
    case 4: { // some once more, elsewhere
        std::size_t const again = std::min({count - at, 1 + below(8), room - std::min(room, count)});
        if (again == 0) break;
        std::memcpy(record(count), record(at), again * sizeof(Record));
        return (count + again) * sizeof(Record);
    }
    case 5: { // two change places
        Record aside;
        std::size_t const other = below(count);
        std::memcpy(&aside, record(at), sizeof aside);
        std::memcpy(record(at), record(other), sizeof aside);
        std::memcpy(record(other), &aside, sizeof aside);
        return count * sizeof(Record);
    }
    case 6: // another operation or label with the same numbers
        record(at)[below(4)] = static_cast<u8>(random() >> 8);
        return count * sizeof(Record);
    case 7: // some of its numbers
        for (std::size_t i = 1 + below(3); i > 0; --i) record(at)[4 + below(sizeof(Record) - 4)] = static_cast<u8>(random() >> 8);
        return count * sizeof(Record);
    default: break;
    }
    LLVMFuzzerMutate(record(at), sizeof(Record), sizeof(Record)); // what it learned from comparisons
    return whole(size);
}
