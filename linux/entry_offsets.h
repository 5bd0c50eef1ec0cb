/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets in a thread's page and in abi::UpcallBlock for entry.S; start.cpp asserts them. */
#pragma once

#define UPCALL_OFFSET 1024
#define BLOCK_ACTIVE 0
#define SAVED_RIP 40
#define SAVED_RSP 48
#define SAVED_RFLAGS 56
#define SAVED_RAX 64
#define SAVED_RBX 72
#define SAVED_RCX 80
#define SAVED_RDX 88
#define SAVED_RSI 96
#define SAVED_RDI 104
#define SAVED_RBP 112
#define SAVED_R8 120
#define SAVED_R9 128
#define SAVED_R10 136
#define SAVED_R11 144
#define SAVED_R12 152
#define SAVED_R13 160
#define SAVED_R14 168
#define SAVED_R15 176
