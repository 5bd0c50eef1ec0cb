// SPDX-License-Identifier: Apache-2.0
// The state of a test world as bytes: kept, put back, and compared. What a test names here is all of the state that its
// system calls may change; the rest is watched for writes that should not have happened.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernel/testing/test_kernel.hpp"

// A copy of the state.
struct KernelImage {
    std::vector<std::byte> bytes;
    HostMachineState machine;
};

class KernelState {
public:
    explicit KernelState(TestKernel& world) : world_(world) {}

    // `name` is what a difference is reported under; `fields` names the parts of the object by their offsets, in order.
    struct Field {
        std::size_t offset;
        char const* name;
    };
    void add(std::string name, void* start, std::size_t bytes, std::span<Field const> fields = {});
    void add_thread(std::string name, Tcb& thread);
    // The Kernel and the Cpu, without the tables that never change here (I/O ports, Vcpus).
    void add_kernel();
    // Nothing writes there. Of the arena: whatever was not added, up to the end of the objects.
    void watch(std::string name, void const* start, std::size_t bytes);
    void watch_rest_of_arena(PhysAddr start, PhysAddr end);
    std::size_t size() const { return size_; }

    void save(KernelImage& image) const;
    void restore(KernelImage const& image);
    bool is(KernelImage const& image) const;
    // One line for each word that differs: `image` has the first value, the state the second.
    std::string differences(KernelImage const& image) const;
    // Empty, or where a watched byte has changed.
    std::string written() const;

private:
    struct Region {
        std::string name;
        std::byte* start;
        std::size_t bytes;
        std::span<Field const> fields;
    };
    struct Watched {
        std::string name;
        std::byte const* start;
        std::vector<std::byte> before;
    };
    TestKernel& world_;
    std::vector<Region> regions_;
    std::vector<Watched> watched_;
    std::vector<std::span<std::byte>> padding_; // bytes without a meaning: cleared before they are looked at
    std::size_t size_{};
};
