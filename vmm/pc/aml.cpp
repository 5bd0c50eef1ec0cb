// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/aml.hpp"

namespace vmm::aml {
namespace {

constexpr u8 zero_op = 0x00;
constexpr u8 one_op = 0x01;
constexpr u8 name_op = 0x08;
constexpr u8 byte_prefix = 0x0a;
constexpr u8 word_prefix = 0x0b;
constexpr u8 dword_prefix = 0x0c;
constexpr u8 qword_prefix = 0x0e;
constexpr u8 scope_op = 0x10;
constexpr u8 buffer_op = 0x11;
constexpr u8 package_op = 0x12;
constexpr u8 dual_name_prefix = 0x2e;
constexpr u8 extended_prefix = 0x5b;
constexpr u8 device_op = 0x82;

void append(Bytes& to, Bytes const& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

void append_little_endian(Bytes& to, u64 value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) to.push_back(static_cast<u8>(value >> 8 * i));
}

// PkgLength (20.2.4) counts itself: one byte up to 63, else 4 low bits and one or two more bytes.
Bytes with_length(Bytes const& body) {
    Bytes result;
    if (body.size() + 1 < 0x40) {
        result.push_back(static_cast<u8>(body.size() + 1));
    } else {
        unsigned const more = body.size() + 2 < 0x1000 ? 1 : 2;
        std::size_t const length = body.size() + 1 + more;
        result.push_back(static_cast<u8>(more << 6 | (length & 0xf)));
        append_little_endian(result, length >> 4, more);
    }
    append(result, body);
    return result;
}

} // namespace

Bytes concatenate(std::initializer_list<Bytes> parts) {
    Bytes result;
    for (auto const& part : parts) append(result, part);
    return result;
}

Bytes integer(u64 value) {
    if (value == 0) return {zero_op};
    if (value == 1) return {one_op};
    unsigned const size = value < 0x100 ? 1 : value < 0x10000 ? 2 : value < 0x100000000 ? 4 : 8;
    Bytes result{size == 1   ? byte_prefix
                 : size == 2 ? word_prefix
                 : size == 4 ? dword_prefix
                             : qword_prefix};
    append_little_endian(result, value, size);
    return result;
}

Bytes path(std::string_view text) {
    Bytes result;
    if (text.starts_with('\\')) {
        result.push_back('\\');
        text.remove_prefix(1);
    }
    if (text.size() == 9) { // two segments: ABCD.EFGH
        result.push_back(dual_name_prefix);
        append(result, path(text.substr(0, 4)));
        text.remove_prefix(5);
    }
    for (char c : text) result.push_back(static_cast<u8>(c));
    return result;
}

Bytes name(std::string_view where, Bytes const& value) {
    return concatenate({{name_op}, path(where), value});
}

Bytes scope(std::string_view where, Bytes const& body) {
    return concatenate({{scope_op}, with_length(concatenate({path(where), body}))});
}

Bytes device(std::string_view where, Bytes const& body) {
    return concatenate(
        {{extended_prefix, device_op}, with_length(concatenate({path(where), body}))});
}

Bytes package(std::initializer_list<Bytes> elements) {
    return concatenate(
        {{package_op},
         with_length(concatenate({{static_cast<u8>(elements.size())}, concatenate(elements)}))});
}

Bytes buffer(Bytes const& content) {
    return concatenate({{buffer_op}, with_length(concatenate({integer(content.size()), content}))});
}

Bytes eisa_id(
    std::string_view text) { // 19.3.4: three letters of 5 bits, four hexadecimal digits, big endian
    u32 value = 0;
    for (char c : text.substr(0, 3)) value = value << 5 | static_cast<u32>(c - '@');
    for (char c : text.substr(3))
        value = value << 4 | static_cast<u32>(c <= '9' ? c - '0' : c - 'A' + 10);
    Bytes result{dword_prefix};
    append_little_endian(result, __builtin_bswap32(value), 4);
    return result;
}

Bytes resources(std::initializer_list<Bytes> descriptors) {
    Bytes content = concatenate(descriptors);
    append(content, {0x79, 0}); // end tag; checksum 0: not used
    return buffer(content);
}

Bytes io_ports(u16 first, u8 count) { // 6.4.2.5, 16-bit decode, fixed place
    Bytes result{0x47, 1};
    append_little_endian(result, first, 2);
    append_little_endian(result, first, 2);
    append(result, {1, count});
    return result;
}

Bytes edge_interrupt(u32 number) { // 6.4.3.6: consumer, edge, active high, exclusive
    Bytes result{0x89, 6, 0, 0x03, 1};
    append_little_endian(result, number, 4);
    return result;
}

} // namespace vmm::aml
