// SPDX-License-Identifier: Apache-2.0
// How fast code is translated.
#pragma once

#include "x86/translate/host/linux/program.hpp"
#include "x86/translate/host/translated.hpp"

namespace x86::translate::hosted {

// Translates a loaded program's code from the start of every basic block that a linear sweep finds, with an empty cache, for about a second of
// processor time; prints "translate MEGABYTES-PER-SECOND BLOCKS GUEST-BYTES CODE-BYTES", the last three of one pass.
void print_translation_speed(TranslatorRunner& runner, LoadedProgram const& program);

} // namespace x86::translate::hosted
