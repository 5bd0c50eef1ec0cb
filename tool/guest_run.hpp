// SPDX-License-Identifier: Apache-2.0
// Running a guest for a measurement: on Tessera or on plain QEMU, until texts were seen; and what its monitor reports on the way.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tool/machine.hpp"
#include "tool/manifest.hpp"
#include "tool/problem.hpp"
#include "tool/script.hpp"
#include "tool/tree.hpp"

struct GuestTalk {
    std::vector<double> times; // seconds from the start of the process at which each expected text was seen
    std::string console;
};

inline ScriptStep expect_text(std::string text) { return {ScriptStep::Kind::expect, std::move(text)}; }
inline ScriptStep send_text(std::string text) { return {ScriptStep::Kind::send, std::move(text)}; }

// Runs a QEMU command until the last text was seen. who: in the message when it was not, within `seconds`.
Checked<GuestTalk> talk(std::vector<std::string> const& command, std::vector<ScriptStep> steps, std::string const& who, double seconds);

// The VM's guest on the machine on which plain QEMU boots it fastest: hardly any firmware, no devices to look for.
std::vector<std::string> plain_command(manifest::Vm const& vm, Tree const& tree, bool instruction_count);

// A Debian guest for measurements, under one of the ways to run it.
struct MeasuredGuest {
    unsigned bits = 32;             // of its kernel: debian-cloud or debian-686
    std::string engine;             // "nested", "shadow-fill", "shadow-sync", "trap", "translate", or "plain": plain QEMU without Tessera
    std::string measurements;       // arguments for bench/engines/guest.cpp; empty: busybox instead, to its shell
    bool instruction_count = false; // the time-stamp counter counts instructions
    bool reports_lines = false;     // the kernel is not quiet, and its monitor reports at each of its lines
};
inline constexpr char const* measured_vm = "guest"; // its name
Checked<manifest::Manifest> manifest_of(MeasuredGuest const& guest);
Checked<GuestTalk> talk(MeasuredGuest const& guest, std::vector<ScriptStep> steps, double seconds);
// "bench NAME OPERATIONS NANOSECONDS TICKS" on the console: ticks of the time-stamp counter for one operation, by name.
std::map<std::string, double> ticks_by_measurement(std::string_view console);

// One report of a monitor with report_json (vmm/report.hpp): counts by cause, and everything else that is a number by its name.
struct GuestReport {
    double seconds{}; // since the VM's start
    std::optional<u32> mark;
    std::map<std::string, double> exits; // "total" among them
    std::map<std::string, double> figures;
};
// The reports of that VM on the console, in order.
std::vector<GuestReport> guest_reports(std::string_view console, std::string_view vm);
