// SPDX-License-Identifier: Apache-2.0
// Where root's lines go: to the kernel's debug console, or, while the console service runs, into
// root's page there. Writing never waits; a line that finds no room is counted and the count is
// printed when there is room again.
#pragma once

#include <concepts>
#include <string_view>

#include "protocol/console.hpp"
#include "service/root/text.hpp"

// put: a character on the debug console. ring: tells the console service that there is output.
template <class T>
concept OutputDevice = requires(T& device, char c) {
    device.put(c);
    device.ring();
};

template <OutputDevice Device> class Output {
public:
    explicit Output(Device device) : device_(device) {}

    // The console service has said that it runs.
    void use(protocol::ConsolePage& page) {
        page_ = &page;
        report_lost();
    }
    // It runs no more: what it has not taken yet is printed now.
    void leave() {
        if (!page_) return;
        char bytes[64];
        while (u32 const count = page_->output.read(bytes))
            for (u32 i = 0; i < count; ++i) device_.put(bytes[i]);
        page_ = nullptr;
        report_lost();
    }
    bool uses_console() const { return page_ != nullptr; }

    void line(std::string_view text) {
        report_lost();
        if (!write(text)) ++lost_;
    }
    // There may be room again.
    void report_lost() {
        if (lost_ == 0) return;
        user::Text<64> text;
        text.add("root: ").decimal(lost_).add(" lines were lost, the console was too slow");
        if (write(view(text))) lost_ = 0;
    }

private:
    bool write(std::string_view text) {
        if (!page_) {
            for (char const c : text) device_.put(c);
            device_.put('\r');
            device_.put('\n');
            return true;
        }
        bool const fits = page_->output.room() >= text.size() + 1;
        if (fits) {
            page_->output.write(text);
            page_->output.write(std::string_view("\n"));
        } else {
            page_->output_waiting = 1;
        }
        device_.ring();
        return fits;
    }

    Device device_;
    protocol::ConsolePage* page_{};
    u64 lost_{}; // lines
};
