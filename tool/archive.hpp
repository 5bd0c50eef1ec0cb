// SPDX-License-Identifier: Apache-2.0
// The boot archive (protocol/system.hpp) and the boot module made of service/root and it.
#pragma once

#include "tool/plan.hpp"

Bytes make_archive(ValidManifest const& plan);

// The root task with the plan's archive in it. `place` names the root task's file in messages.
Checked<Bytes> make_boot_module(Bytes const& root_task, ValidManifest const& plan, Place const& place);
