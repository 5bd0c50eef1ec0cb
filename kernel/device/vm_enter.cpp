// SPDX-License-Identifier: Apache-2.0
// VMEnter where no Vcpu can exist: no thread has one, so these are never reached.
#include "kernel/kernel.hpp"

void Kernel::enter_vm() {}
void Kernel::on_vm_exit() {}
void Kernel::end_vm_enter(Tcb&, u64) {}
