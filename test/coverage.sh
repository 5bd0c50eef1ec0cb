#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints how many lines of the kernel core the hosted tests run, by file and in all. Exit status 1 if it is less than 85 %.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v gcovr >/dev/null || { echo "test/coverage.sh: gcovr is missing: apt-get install gcovr" >&2; exit 2; }
build=.build/coverage
cmake --preset coverage >/dev/null
cmake --build --preset coverage >/dev/null
find "$build" -name '*.gcda' -delete
TESSERA_RANDOM_CALLS=${TESSERA_RANDOM_CALLS:-20000} "$build/kernel/kernel_tests" --gtest_brief=1
gcovr --root . --filter 'kernel/' --exclude '.*_test\.cpp' --exclude 'kernel/testing/' --exclude 'kernel/machine/host/' \
    --exclude-unreachable-branches --fail-under-line 85 "$@" "$build"
