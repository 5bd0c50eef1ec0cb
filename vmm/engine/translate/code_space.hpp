// SPDX-License-Identifier: Apache-2.0
// What generated code has beside the guest's memory, in an address space of its own (which the
// guest's thread reaches in 64-bit mode only) and in the monitor's:
//
//   512 GiB      return stack   read and write   nothing is mapped below it
//                State          read and write
//   + 2 MiB      code           execute          the monitor writes it
#pragma once

#include "user/component/component.hpp"
#include "x86/translate/translator.hpp"

namespace vmm::translate {

class CodeSpace {
public:
    // bytes: for code, a multiple of 2 MiB, of the component's own memory. asids: one for the
    // address space.
    static user::Result<CodeSpace> make(u64 bytes, user::AsidPool asids);

    user::VSpace space() const { return space_.object(); }
    x86::translate::CodeMemory const& memory() const { return memory_; }

private:
    explicit CodeSpace(user::Handle<user::VSpace> space) : space_(std::move(space)) {}

    user::Handle<user::VSpace> space_;
    x86::translate::CodeMemory memory_{};
};

} // namespace vmm::translate
