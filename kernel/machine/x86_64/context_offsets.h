// SPDX-License-Identifier: Apache-2.0
// Where entry.S finds what in a Context; trap.cpp asserts each of them against the class.
#pragma once

#define CONTEXT_RIP 0
#define CONTEXT_RSP 8
#define CONTEXT_RFLAGS 16
#define CONTEXT_RAX 24
#define CONTEXT_RBX 32
#define CONTEXT_RCX 40
#define CONTEXT_RDX 48
#define CONTEXT_RSI 56
#define CONTEXT_RDI 64
#define CONTEXT_RBP 72
#define CONTEXT_R8 80
#define CONTEXT_R9 88
#define CONTEXT_R10 96
#define CONTEXT_R11 104
#define CONTEXT_R12 112
#define CONTEXT_R13 120
#define CONTEXT_R14 128
#define CONTEXT_R15 136
#define CONTEXT_NEXT_IP 160
#define CONTEXT_RESTORE_ALL 168
#define CONTEXT_CODE_SELECTOR 176
#define CONTEXT_STACK_SELECTOR 184
