// SPDX-License-Identifier: Apache-2.0
// A guest in generated code, in this process; the emulator does what is not translated.
#pragma once

#include "x86/translate/host/code_area.hpp"
#include "x86/translate/host/signals.hpp"

namespace x86::translate::hosted {

class TranslatorRunner : public Runner, private FaultCatcher, private Code {
public:
    static constexpr u64 usual_code_bytes = 32 << 20;
    explicit TranslatorRunner(Memory& memory, Options options = {}, u64 code_bytes = usual_code_bytes)
        : TranslatorRunner(memory, options, std::make_unique<CodeArea>(code_bytes)) {}
    ~TranslatorRunner() override;

    Stop run() override;
    void changed(u32 first, u32 last) override;

    Translator& translator() { return translator_; }
    CodeArea const& area() const { return *area_; }

private:
    TranslatorRunner(Memory& memory, Options options, std::unique_ptr<CodeArea> area);
    bool caught(mcontext_t& registers) override;
    OrException<Page> fetch(u32 linear) override;
    void protect(u64 page) override { memory_.watch(static_cast<u32>(page)); }
    std::optional<Stop> fault();
    Stop at_the_end() const;

    std::unique_ptr<CodeArea> area_;
    Translator translator_;
    GuestMode mode_{};
    Exception raised_{}; // with Reason::fault
};

} // namespace x86::translate::hosted
