// SPDX-License-Identifier: Apache-2.0
// What root asks the processor itself: which guests it can run, and for random numbers where it
// has them.
#pragma once

#include "protocol/system.hpp"

struct CpuidResult {
    u32 eax, ebx, ecx, edx;
};

inline CpuidResult cpuid(u32 leaf) {
    CpuidResult result{};
    asm volatile("cpuid"
                 : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                 : "a"(leaf), "c"(0));
    return result;
}

namespace cpuid_bit {
using Rdrand = Bits<30>;      // leaf 1, ecx
using Svm = Bits<2>;          // leaf 0x80000001, ecx: AMD APM vol. 3, E.4
using NestedPaging = Bits<0>; // leaf 0x8000000a, edx
} // namespace cpuid_bit

// What runs a guest of this kind. `read` is cpuid, or a test's.
template <class Read> bool can_run_guests(protocol::GuestKind kind, Read read) {
    constexpr u32 extended = 0x80000000, features = 0x80000001, svm_features = 0x8000000a;
    if (kind == protocol::GuestKind::deprivileged) return true;
    bool const svm = read(extended).eax >= svm_features && cpuid_bit::Svm::get(read(features).ecx) != 0;
    if (!svm || kind == protocol::GuestKind::shadow) return svm;
    return cpuid_bit::NestedPaging::get(read(svm_features).edx) != 0;
}

// Random words for the components' seeds: the processor's generator where there is one, mixed with
// the clock (SplitMix64).
class SeedSource {
public:
    explicit SeedSource(u64 start)
        : state_(start), has_rdrand_(cpuid_bit::Rdrand::get(cpuid(1).ecx) != 0) {}
    u64 next() {
        state_ += 0x9e3779b97f4a7c15 + hardware();
        u64 word = state_;
        word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
        word = (word ^ word >> 27) * 0x94d049bb133111eb;
        return word ^ word >> 31;
    }

private:
    u64 hardware() const {
        u64 word = 0;
        if (has_rdrand_) asm volatile("rdrand %0" : "=r"(word) : : "cc");
        return word;
    }
    u64 state_;
    bool has_rdrand_;
};
