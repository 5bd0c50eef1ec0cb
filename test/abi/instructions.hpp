// SPDX-License-Identifier: Apache-2.0
// Addresses in instructions.S.
#pragma once

extern "C" {
extern char do_int3[], do_int_3[], do_int_0[], do_int_32[], do_int_48[], do_int_128[], do_int_157[], do_int_158[], do_int_200[],
    do_int_254[], do_int_255[];
extern char do_in[], do_out[], do_cli[], do_hlt[], do_rdmsr[], do_sysenter[], do_ud2[], do_divide[];
extern char do_read[], do_write[], do_jump[], do_fpu[], do_sse[], do_rdfsbase[], do_read_tls[];
extern char do_read_gs[], do_set_fpu[], do_get_fpu[];
extern char do_single_step[], do_single_step_end[], do_x87_error[], do_x87_wait[], do_simd_error[], do_simd_divide[];
}
