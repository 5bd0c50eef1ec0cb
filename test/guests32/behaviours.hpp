// SPDX-License-Identifier: Apache-2.0
// What the 32-bit test guest can do; its command line chooses one. A behaviour that returns powers
// the machine off.
#pragma once

namespace guest {

// Each says on one line whether all was as a processor does it.
void flags_and_registers();
void paging();
void user_mode();
void timer();
void long_handler();
void exceptions();
void own_code();
void middle_of_instruction();
void hostile_code();
void forward_loop();
void refused_instructions();
void hostile_tables();
void base_segments();

// Stopped by the monitor, with a reason. Each prints a line first; the last ones go on where every
// segment is supported.
void end_of_ram();
void table_nowhere();
void table_in_device();
void triple_fault();
void virtual8086();
void task_switch();
void segment_with_base();
void short_stack();

} // namespace guest
