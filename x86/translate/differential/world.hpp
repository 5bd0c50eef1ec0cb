// SPDX-License-Identifier: Apache-2.0
// The arena in this process, and the three ways to run a case in it.
#pragma once

#include <map>
#include <random>
#include <string>

#include "x86/translate/differential/native32.hpp"
#include "x86/translate/host/translated.hpp"

namespace x86::translate::differential {

class World {
public:
    World(u64 seed, Options const& options);
    ~World();
    World(World const&) = delete;
    World& operator=(World const&) = delete;

    // Empty: all ways agree.
    std::string compare(Case const& test);

    struct Counts {
        u64 cases, exceptions, incomparable /* reads a flag that is not defined, or wants alignment checks */, not_translated, not_emulated;
        u64 too_long; // of those not comparable: the processor did not come to an end
        std::map<std::string, u64> why;
    };
    Counts counts{};
    hosted::TranslatorRunner& translated() { return translated_; }

private:
    // Everything that a case may write.
    static constexpr std::size_t bytes = (arena::data_pages + 1 + arena::code_pages + 1) * arena::page;
    using Image = std::vector<u8>;

    void map(std::mt19937_64& random);
    void put(Case const& test);
    void save(Image& to) const;
    void restore(Image const& from);
    Outcome run(hosted::Runner& runner, Case const& test, unsigned ticks);
    std::string difference(Case const& test, u32 undefined, char const* name, Outcome const& native, Outcome const& other, bool compare_fpu) const;

    hosted::Memory memory_;
    hosted::TranslatorRunner translated_;
    hosted::EmulatorRunner emulated_;
    Native native_;
    Watchdog watchdog_;
    u8* code_{}; // the pages at arena::code, writable
    u8* exits_{};
    alignas(16) u8 fpu_[512]{};
    std::span<u8> last_code_; // of the case before
    Image before_ = Image(bytes), native_memory_ = Image(bytes), other_memory_ = Image(bytes);
};

std::string describe(Case const& test);

} // namespace x86::translate::differential
