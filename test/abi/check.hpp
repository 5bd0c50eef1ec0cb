// SPDX-License-Identifier: Apache-2.0
// Checks, counted by group. `what` begins with the section of the ABI document that the check proves.
#pragma once

#include "test/abi/answer.hpp"

void begin_group(char const* name);
void check(char const* what, bool holds);
void check_equal(char const* what, u64 actual, u64 expected);
void check_text(char const* what, char const* actual, char const* expected);
void check_answer(char const* what, Answer const& actual, Answer const& expected);
void print_score(); // the last line: "abi: N checks, M failed"

// The preparations of a check, which must succeed; otherwise the program ends with a failure.
void must(char const* what, bool holds);
void must(char const* what, Answer const& answer);

// One invocation and what it should answer. `words` and `caps` are the arguments in order.
struct Case {
    char const* what;
    CPtr object;
    Label label;
    Words words;
    Words caps;
    Answer expected;
};
template <unsigned count> void check_cases(Case const (&cases)[count]) {
    for (Case const& c : cases) check_answer(c.what, invoke(c.object, c.label, c.words, c.caps), c.expected);
}
