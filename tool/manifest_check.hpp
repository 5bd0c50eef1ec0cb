// SPDX-License-Identifier: Apache-2.0
// What a manifest alone can be asked: does it contradict itself, or the machine it is to run on?
#pragma once

#include "tool/machine.hpp"
#include "tool/manifest.hpp"

// Names, services, keyboard, I/O ports, interrupts, device memory, engines. The first thing that is wrong.
Checked<void> check_manifest(manifest::Manifest const& manifest, Machine const& machine);

// Who has the keyboard at start: who asks for it, otherwise the first VM, otherwise the first component with a console.
// Empty when nobody has a console. The manifest was checked.
std::string keyboard_owner(manifest::Manifest const& manifest);
