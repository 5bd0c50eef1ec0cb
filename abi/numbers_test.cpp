// SPDX-License-Identifier: Apache-2.0
// Every number of every table against abi/numbers.json, in both directions: what a table names is there with this number, and what
// is there for the profile is in the table.
#include "base/gtest.hpp"

#include <fstream>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "abi/profile.hpp"
#include "abi/profile/mcs.hpp"

namespace {

using Numbers = std::map<std::string, i64>; // by name

// Names are compared as letters alone: TCBSetMCPriority is tcb_set_mc_priority, X86VCPUSetTCB is vcpu_set_tcb.
std::string plain(std::string_view name) {
    std::string letters;
    for (char const c : name)
        if (c != '_') letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return letters.starts_with("x86") ? letters.substr(3) : letters;
}

// What the compiler calls this value, at the end of a longer text.
template <auto value> constexpr char const* text_of() { return __PRETTY_FUNCTION__; }

// The name in it: "tcb_suspend" from "abi::reference::Label::tcb_suspend", or nothing for a value without a name,
// "(abi::reference::Label)99".
std::string_view enumerator(std::string_view text) {
    text = text.substr(text.find("value = ") + 8);
    text = text.substr(0, text.find_first_of(";]"));
    return text.starts_with('(') ? std::string_view{} : text.substr(text.rfind(':') + 1);
}

template <class Enum, i64 first, i64... offsets>
constexpr std::array<char const*, sizeof...(offsets)> texts(std::integer_sequence<i64, offsets...>) {
    return {text_of<static_cast<Enum>(first + offsets)>()...};
}

// The enumerators with numbers from `first` on.
template <class Enum, i64 first, i64 count> Numbers numbers_from() {
    static constexpr auto values = texts<Enum, first>(std::make_integer_sequence<i64, count>());
    Numbers numbers;
    for (i64 i = 0; i < count; ++i)
        if (auto const name = enumerator(values[static_cast<std::size_t>(i)]); !name.empty()) numbers[plain(name)] = first + i;
    return numbers;
}

// seL4's own numbers.
template <class Enum> Numbers table() {
    return numbers_from<Enum, std::is_signed_v<std::underlying_type_t<Enum>> ? -64 : 0, 128>();
}

// The numbers of our extensions.
template <class Enum> Numbers extensions() { return numbers_from<Enum, 0x1000, 0x400>(); }

Numbers operator+(Numbers one, Numbers const& other) {
    one.insert(other.begin(), other.end());
    return one;
}

Numbers operator-(Numbers one, Numbers const& other) {
    std::erase_if(one, [&](auto const& entry) { return other.contains(entry.first); });
    return one;
}

std::vector<std::string> names(Numbers const& numbers) {
    std::vector<std::string> result;
    for (auto const& [name, number] : numbers) result.push_back(name);
    return result;
}

Numbers size_table(std::initializer_list<std::pair<char const*, unsigned>> sizes) {
    Numbers numbers;
    for (auto const& [name, bits] : sizes) numbers[plain(name)] = bits;
    return numbers;
}

class AbiNumbers : public testing::Test {
protected:
    void SetUp() override {
        std::ifstream file("abi/numbers.json");
        ASSERT_TRUE(file) << "run this from the root of the tree";
        witness_ = nlohmann::json::parse(file);
    }

    Numbers witness(std::initializer_list<char const*> path) const {
        nlohmann::json const* at = &witness_;
        for (auto const* step : path) at = &at->at(step);
        Numbers numbers;
        for (auto const& [name, number] : at->items()) numbers[plain(name)] = number.get<i64>();
        return numbers;
    }

private:
    nlohmann::json witness_;
};

} // namespace

TEST_F(AbiNumbers, LabelsOfEveryProfile) {
    EXPECT_EQ(table<abi::reference::Label>(), witness({"labels", "Base"}));
    EXPECT_EQ(table<abi::vtx64::Label>(), witness({"labels", "VTX64"}));
    EXPECT_EQ(table<abi::mcs::Label>(), witness({"labels", "MCS"}));
}

TEST_F(AbiNumbers, ObjectTypesOfEveryProfile) {
    EXPECT_EQ(table<abi::reference::ObjectType>(), witness({"object_types", "Base"}));
    EXPECT_EQ(table<abi::vtx64::ObjectType>(), witness({"object_types", "VTX64"}));
    EXPECT_EQ(table<abi::mcs::ObjectType>(), witness({"object_types", "MCS"}));
}

TEST_F(AbiNumbers, SystemCalls) {
    EXPECT_EQ(table<abi::classic::Syscall>() + table<abi::classic::ReservedSyscall>(), witness({"syscalls_classic"}));
    EXPECT_EQ(table<abi::mcs::Syscall>(), witness({"syscalls_mcs"}));
}

TEST_F(AbiNumbers, FaultsErrorsAndLookupFailures) {
    EXPECT_EQ(table<abi::classic::FaultLabel>(), witness({"fault_labels", "classic"}));
    EXPECT_EQ(table<abi::mcs::FaultLabel>(), witness({"fault_labels", "MCS"}));
    EXPECT_EQ(table<abi::Error>(), witness({"errors"}));
    EXPECT_EQ(table<abi::LookupFailureType>(), witness({"lookup_failures"}));
}

TEST_F(AbiNumbers, CapabilityTypes) {
    EXPECT_EQ(table<abi::classic::CapType>(), witness({"cap_types", "classic"}) + witness({"cap_types", "VTX"}));
}

TEST_F(AbiNumbers, SizesOfObjects) {
    namespace classic = abi::classic::size_bits;
    namespace mcs = abi::mcs::size_bits;
    EXPECT_EQ(size_table({{"slot", classic::slot}, {"tcb", classic::tcb}, {"endpoint", classic::endpoint},
                          {"notification", classic::notification}, {"small_page", classic::small_page},
                          {"large_page", classic::large_page}, {"huge_page", classic::huge_page},
                          {"page_table", classic::page_table}, {"asid_pool", classic::asid_pool}, {"vcpu", classic::vcpu},
                          {"min_untyped", classic::min_untyped}, {"max_untyped", classic::max_untyped}}),
              witness({"size_bits", "classic"}));
    EXPECT_EQ(size_table({{"notification", mcs::notification}, {"min_sched_context", mcs::min_sched_context}, {"reply", mcs::reply}}),
              witness({"size_bits", "MCS"}));
}

// Extension 1 is what VTX with 64-bit guests adds, under other numbers; what no seL4 kernel has is numbered alike in both profiles.
TEST_F(AbiNumbers, ExtensionsAreAboveEveryNumberOfSel4) {
    auto const of_vtx64 = witness({"labels", "VTX64"}) - witness({"labels", "Base"});
    Numbers const ours = {{"tcbsetupcall", 0x1100}, {"framecarve", 0x1300}, {"tcbsetsharedroot", 0x1301}};
    EXPECT_EQ(names(extensions<abi::reference::Label>() - ours), names(of_vtx64));
    EXPECT_EQ(extensions<abi::vtx64::Label>(), ours);
    EXPECT_EQ(names(extensions<abi::reference::ObjectType>()),
              names(witness({"object_types", "VTX64"}) - witness({"object_types", "Base"})));
    EXPECT_EQ(extensions<abi::vtx64::ObjectType>(), Numbers{});
    EXPECT_EQ(extensions<abi::classic::FaultLabel>(), (Numbers{{"trap32", 0x1000}}));
    EXPECT_EQ(extensions<abi::mcs::FaultLabel>(), (Numbers{{"trap32", 0x1000}}));
    for (auto const* column : {"Base", "SMP", "HWDEBUG", "IOMMU", "VTX", "VTX64", "ALL", "MCS", "MCS-ALL"}) {
        for (auto const& [name, number] : witness({"labels", column})) EXPECT_LT(number, 0x1000) << column << " " << name;
    }
}
