// SPDX-License-Identifier: Apache-2.0
#include "test/abi/check.hpp"

#include "test/abi/console.hpp"
#include "test/abi/world.hpp"

namespace {

using Line = user::Text<400>;

constexpr char const* error_names[] = {"NoError",     "InvalidArgument", "InvalidCapability", "IllegalOperation",
                                       "RangeError",  "AlignmentError",  "FailedLookup",      "TruncatedMessage",
                                       "DeleteFirst", "RevokeFirst",     "NotEnoughMemory"};

char const* group = "";
unsigned group_checks, group_failures, checks, failures;

void end_group() {
    if (group_checks == 0) return;
    Line line;
    print(
        line.add("abi: ").add(group).add(": ").decimal(group_checks).add(" checked, ").decimal(group_failures).add(" failed\n"));
    checks += group_checks;
    failures += group_failures;
    group_checks = group_failures = 0;
}

void describe(Line& line, Answer const& answer) {
    u64 const label = abi::MessageInfo{answer.info}.label();
    if (label < std::size(error_names)) {
        line.add(error_names[label]);
    } else {
        line.add("label ").decimal(label);
    }
    line.add('(');
    for (unsigned i = 0; i < answer.words.count; ++i) {
        if (i != 0) line.add(", ");
        line.hexadecimal(answer.words[i]);
    }
    line.add(") info ").hexadecimal(answer.info).add(" badge ").hexadecimal(answer.badge);
}

Line failure(char const* what) {
    ++group_failures;
    Line line;
    line.add("abi: FAILED ").add(what);
    return line;
}

} // namespace

void begin_group(char const* name) {
    end_group();
    group = name;
}

void check(char const* what, bool holds) {
    ++group_checks;
    if (!holds) print(failure(what).add(": does not hold\n"));
}

void check_equal(char const* what, u64 actual, u64 expected) {
    ++group_checks;
    if (actual == expected) return;
    print(failure(what).add(": expected ").hexadecimal(expected).add(", actual ").hexadecimal(actual).add('\n'));
}

void check_text(char const* what, char const* actual, char const* expected) {
    ++group_checks;
    std::size_t const size = __builtin_strlen(expected);
    if (__builtin_strlen(actual) == size && __builtin_memcmp(actual, expected, size) == 0) return;
    print(failure(what).add(": expected \"").add(expected).add("\", actual \"").add(actual).add("\"\n"));
}

void check_answer(char const* what, Answer const& actual, Answer const& expected) {
    ++group_checks;
    if (actual == expected) return;
    Line line = failure(what);
    line.add(": expected ");
    describe(line, expected);
    line.add(", actual ");
    describe(line, actual);
    print(line.add('\n'));
}

void print_score() {
    end_group();
    Line line;
    print(line.add("abi: ").decimal(checks).add(" checks, ").decimal(failures).add(" failed\n"));
}

void must(char const* what, bool holds) {
    if (holds) return;
    ++group_checks;
    print(failure(what).add(": cannot prepare it\n"));
    print_score();
    for (;;) invoke(initial_tcb, Label::tcb_suspend);
}

void must(char const* what, Answer const& answer) {
    if (answer == done()) return;
    Line line;
    line.add("abi: ");
    describe(line, answer);
    print(line.add('\n'));
    must(what, false);
}
