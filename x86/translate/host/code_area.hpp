// SPDX-License-Identifier: Apache-2.0
// The memory of generated code in this process, far above the guest's:
//
//   guard | State page | guard | return stack | guard | code (executable here; writable elsewhere) | guard
#pragma once

#include "x86/translate/host/runner.hpp"

namespace x86::translate::hosted {

class CodeArea {
public:
    explicit CodeArea(u64 code_bytes);
    ~CodeArea();
    CodeArea(CodeArea const&) = delete;
    CodeArea& operator=(CodeArea const&) = delete;

    CodeMemory memory();
    StatePage& page();
    std::span<u8 const> code() const; // as generated, to look at

private:
    u64 code_bytes_;
    u8* area_{};
    u8* writable_{};
};

} // namespace x86::translate::hosted
