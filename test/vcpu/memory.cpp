// SPDX-License-Identifier: Apache-2.0
#include "test/vcpu/tests.hpp"

using vmx::ExitReason;
using vmx::Field;

namespace {

constexpr u64 read_write = abi::right::read | abi::right::write;

void expect_error(char const* statement, user::Result<> const& result, abi::Error code) {
    expect(statement, result ? 0 : static_cast<u64>(result.error().code), static_cast<u64>(code));
}

void test_violations() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::memory());
    constexpr u64 there = 0x203008;
    bench.write_registers({.rdi = there});
    Stop at = bench.run();
    expect("memory: what is not mapped exits", at.reason(), reason_of(ExitReason::ept_violation));
    expect("memory: where", at.physical(), there);
    expect("memory: it was a read of data", at.qualification() & 0x3f, 1);
    auto page = must("make a frame", objects().make<user::Frame>());
    must("map it", user::map_nested(objects(), bench.root.object(), page.object(), {0x203000},
                                    abi::right::read));
    at = enter(at.rip());
    expect("memory: mapped, the guest goes on", at.reason(), reason_of(ExitReason::vmcall));
    expect("memory: and reads fresh memory", at.rax(), 0);
    at = bench.on(at);
    expect("memory: a read-only page is not written", at.reason(),
           reason_of(ExitReason::ept_violation));
    expect("memory: a write where reading is allowed", at.qualification() & 0x1b, 0x0a);
    must("unmap it", page.object().unmap());
    must("map it",
         user::map_nested(objects(), bench.root.object(), page.object(), {0x203000}, read_write));
    at = enter(at.rip());
    expect("memory: with more rights it is", at.reason(), reason_of(ExitReason::vmcall));
    must("unmap it", page.object().unmap());
    at = bench.on(at);
    expect("memory: unmapped again, the TLB has forgotten it", at.reason(),
           reason_of(ExitReason::ept_violation));
    expect("memory: a fetch", at.qualification() & 7, 4);
}

void test_map_checks() {
    Bench bench;
    auto const root = bench.root.object();
    auto small = must("make a frame", objects().make<user::Frame>());
    auto large = must("make a large frame", objects().make<user::LargeFrame>());
    auto other = must("make an EPT PML4", objects().make<user::NestedRoot>());
    auto pdpt = must("make a PDPT", objects().make<user::NestedPdpt>());
    expect_error("checks: a root without ASID",
                 small.object().map_nested(other.object(), {0}, read_write),
                 abi::Error::invalid_capability);
    expect_error("checks: no root", small.object().map_nested({small.cptr()}, {0}, read_write),
                 abi::Error::invalid_capability);
    auto const missing = small.object().map_nested(root, {u64{1} << 40}, read_write);
    expect("checks: a missing PDPT is named", missing ? 0 : missing.error().missing_level(), 39);
    expect_error("checks: large pages are aligned",
                 large.object().map_nested(root, {0x1000}, read_write),
                 abi::Error::alignment_error);
    expect_error("checks: what is there stays", large.object().map_nested(root, {0}, read_write),
                 abi::Error::delete_first);
    expect_error("checks: a PDPT is there", pdpt.object().map(root, 0), abi::Error::delete_first);
    must("map a PDPT", pdpt.object().map(root, u64{1} << 39));
    expect_error("checks: a mapped structure", pdpt.object().map(root, u64{2} << 39),
                 abi::Error::invalid_capability);
    must("map a frame", user::map_nested(objects(), root, small.object(), {0x400000}, read_write));
    expect_error("checks: a mapped frame", small.object().map_nested(root, {0x401000}, read_write),
                 abi::Error::invalid_capability);
    expect_error("checks: not in an address space either",
                 small.object().map({abi::initial_slot::vspace}, {0x190000000}, read_write),
                 abi::Error::illegal_operation);
    must("unmap the PDPT", pdpt.object().unmap());
    must("unmapping twice is nothing", pdpt.object().unmap());
    expect_error("checks: EPT PML4s have no invocations",
                 user::perform(root.cptr, abi::Label::ept_pt_map, {0, 0}, {root.cptr}),
                 abi::Error::illegal_operation);
}

// Two guests with the same addresses: neither TLB entries nor memory are shared.
void test_two_guests() {
    Bench one, other;
    for (Bench* bench : {&one, &other}) bench->load(guest::memory());
    one.word(0x6000) = 1;
    other.word(0x6000) = 2;
    for (int round = 0; round < 3; ++round) {
        for (Bench* bench : {&one, &other}) {
            bench->use(own_thread);
            bench->write_registers({.rdi = 0x6000});
            expect("two guests: each reads its own memory", bench->run().rax(),
                   bench == &one ? 1 : 2);
        }
    }
}

void test_lost_root() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::count());
    bench.root = {};
    Stop at = bench.run();
    check("lost root: VMEnter returns for an exit", at.exit);
    expect("lost root: a failed entry", at.reason(), ~u64{0});
}

} // namespace

void test_memory() {
    test_violations();
    test_map_checks();
    test_two_guests();
    test_lost_root();
}
