// SPDX-License-Identifier: Apache-2.0
// Where svm.S finds what in a GuestFrame; svm.cpp asserts each of them against the class.
#pragma once

#define GUEST_RBX 8
#define GUEST_RCX 16
#define GUEST_RDX 24
#define GUEST_RSI 32
#define GUEST_RDI 40
#define GUEST_RBP 48
#define GUEST_R8 56
#define GUEST_R9 64
#define GUEST_R10 72
#define GUEST_R11 80
#define GUEST_R12 88
#define GUEST_R13 96
#define GUEST_R14 104
#define GUEST_R15 112
#define GUEST_VMCB 120
