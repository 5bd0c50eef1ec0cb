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

class Mutation {
public:
    Mutation(u8* data, std::size_t count, std::size_t room, unsigned seed) : data_(data), count_(count), room_(room), random_(seed) {}
    std::size_t size() const { return count_ * sizeof(Record); }

    void append() {
        if (count_ && below(3) == 0) return;
        for (std::size_t more = std::min(room_ - count_, 1 + below(below(4) ? 8 : 48)); more > 0; --more) fill(count_++);
    }

    void change() {
        if (count_ == 0) return append();
        std::size_t const at = below(count_);
        switch (below(8)) {
        case 0: return insert(at);
        case 1: return leave_out(at, std::min(count_ - 1, std::min(count_ - at, 1 + below(4))));
        case 2: return repeat(at, std::min({count_ - at, 1 + below(8), room_ - count_}));
        case 3: return exchange(at, below(count_));
        case 4: // another operation or label with the same numbers
            record(at)[below(4)] = byte();
            return;
        case 5: // some numbers of some records
            for (std::size_t i = 1 + below(6); i > 0; --i) record(below(count_))[4 + below(sizeof(Record) - 4)] = byte();
            return;
        case 6: return fill(at);
        default: LLVMFuzzerMutate(record(at), sizeof(Record), sizeof(Record)); // what it learned from comparisons
        }
    }

private:
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_()) % bound; }
    u8 byte() { return static_cast<u8>(random_() >> 8); }
    u8* record(std::size_t i) { return data_ + i * sizeof(Record); }
    void fill(std::size_t i) {
        for (std::size_t at = 0; at < sizeof(Record); ++at) record(i)[at] = byte();
        if (below(4)) record(i)[1] &= 0x7f;           // whoever runs
        if (below(8)) record(i)[3] &= 0x7f;           // a message of the right length
        if (below(4)) record(i)[5] &= 0x7f;           // a capability of the right kind
        if (below(8) == 0) record(i)[0] = record(below(i + 1))[0]; // or what one before did, ...
        if (below(8) == 0) record(i)[2] = record(below(i + 1))[2];
        if (below(4) == 0) std::memcpy(record(i) + 4, record(below(i + 1)) + 4, 2); // ... to the same object
    }
    void insert(std::size_t at) {
        if (count_ == room_) return fill(at);
        std::memmove(record(at + 1), record(at), (count_ - at) * sizeof(Record));
        ++count_;
        fill(at);
    }
    void leave_out(std::size_t at, std::size_t gone) {
        std::memmove(record(at), record(at + gone), (count_ - at - gone) * sizeof(Record));
        count_ -= gone;
    }
    void repeat(std::size_t at, std::size_t again) {
        std::memcpy(record(count_), record(at), again * sizeof(Record));
        count_ += again;
    }
    void exchange(std::size_t one, std::size_t other) {
        Record aside;
        std::memcpy(&aside, record(one), sizeof aside);
        std::memmove(record(one), record(other), sizeof aside);
        std::memcpy(record(other), &aside, sizeof aside);
    }

    u8* data_;
    std::size_t count_, room_; // records
    std::minstd_rand random_;
};

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

// One change of a program, and often new records behind it: what the program did leads to states in which anything is tried.
extern "C" std::size_t LLVMFuzzerCustomMutator(u8* data, std::size_t size, std::size_t limit, unsigned seed) {
    std::size_t const room = std::min<std::size_t>(limit / sizeof(Record), fuzz::longest_program);
    if (room == 0) return LLVMFuzzerMutate(data, size, limit);
    Mutation program(data, std::min(size / sizeof(Record), room), room, seed);
    program.change();
    program.append();
    return program.size();
}
