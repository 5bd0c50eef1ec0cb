// SPDX-License-Identifier: Apache-2.0
// Virtual CPUs: kernel/machine/guest.hpp by AMD SVM.
#pragma once

#include "kernel/event.hpp"
#include "kernel/machine/guest.hpp"

namespace machine {

// Switches SVM on if the processor has it; afterwards guest_support() says so.
// After detect_features(); once.
void start_guests();

// Runs the guest until the processor leaves it. Interrupts off, before and after. The VMCB is
// prepared (Vcpu::prepare), the FPU's state is nobody's: the guest's is loaded and saved again. An
// interrupt that ended the run is returned, not acknowledged.
Event run_guest(GuestFrame& frame);

} // namespace machine
