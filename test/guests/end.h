// SPDX-License-Identifier: Apache-2.0
// The end of a guest kernel; include it last.
    .balign 4096
payload_end:
