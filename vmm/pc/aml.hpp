// SPDX-License-Identifier: Apache-2.0
// The few words of ACPI machine language that our DSDT needs (ACPI specification 6.4, chapter 20).
// Each function returns finished bytes; terms are nested by passing them as the body of another.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/types.hpp"

namespace vmm::aml {

using Bytes = std::vector<u8>;

Bytes concatenate(std::initializer_list<Bytes> parts);
Bytes integer(u64 value);
// A path of four-letter names: `\_SB_` or `_HID`.
Bytes path(std::string_view text);
Bytes name(std::string_view path, Bytes const& value);
Bytes scope(std::string_view path, Bytes const& body);
Bytes device(std::string_view path, Bytes const& body);
Bytes package(std::initializer_list<Bytes> elements);
Bytes buffer(Bytes const& content);
// A compressed EISA identifier, for example PNP0501.
Bytes eisa_id(std::string_view text);
// Resource descriptors (chapter 6.4) with the end tag, as a buffer.
Bytes resources(std::initializer_list<Bytes> descriptors);
Bytes io_ports(u16 first, u8 count);
Bytes edge_interrupt(u32 number);

} // namespace vmm::aml
