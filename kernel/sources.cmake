# SPDX-License-Identifier: Apache-2.0
# The kernel core: compiled once for the machine and once for the host's tests. Paths from the root of the tree.
set(KERNEL_CORE_SOURCES)
