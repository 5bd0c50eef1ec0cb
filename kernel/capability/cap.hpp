// SPDX-License-Identifier: Apache-2.0
// Capabilities. A slot stores two words; code sees a small struct per kind, unpack(pack(x)) == x.
//
//   high     63   59 58        48 47                    0
//           ┌───────┬────────────┬───────────────────────┐
//           │ type  │ small part │ object or phys. addr. │
//           └───────┴────────────┴───────────────────────┘
//   low      what the kind needs most room for: badge, guard, free offset, mapping
#pragma once

#include <optional>

#include "abi/profile.hpp"
#include "kernel/capability/rights.hpp"
#include "kernel/machine/machine.hpp"

class Slot;
class Tcb;
class Endpoint;
class Notification;
class Vcpu;
struct AsidPool;
struct PageTable;

using CapType = abi::CapType;

struct RawCap {
    u64 low{};
    u64 high{};
    constexpr bool operator==(RawCap const&) const = default;
};

namespace cap_bits {
using Type = Bits<63, 59>;
using Flag = Bits<58>;
using Small = Bits<57, 52>;
using Nibble = Bits<51, 48>;
using Pointer = Bits<47, 0>;
using MappedAsid = Bits<11, 0>;
using MappedPage = Bits<47, 12>;
using MappedKind = Bits<63, 62>;

constexpr u64 type(CapType type) { return Type::make(static_cast<u64>(type)); }
// 48-bit pointers are sign-extended: right for kernel addresses and for host addresses alike.
template <class T> T* pointer(u64 high) {
    return reinterpret_cast<T*>(static_cast<u64>(static_cast<i64>(high << 16) >> 16));
}
inline u64 pointer(void const* object) { return Pointer::make(reinterpret_cast<u64>(object)); }
} // namespace cap_bits

struct UntypedCap {
    static constexpr auto type = CapType::untyped;
    PhysAddr base;
    unsigned size_bits;
    bool device;
    u64 free_offset; // bytes from base, a multiple of 16: all below was handed out since the last reset
    u64 size() const { return u64{1} << size_bits; }
    u64 free_bytes() const { return size() - free_offset; }
    RawCap pack() const {
        return {free_offset >> 4, cap_bits::type(type) | cap_bits::Flag::make(device) |
                                      cap_bits::Small::make(size_bits) | base.value};
    }
    static UntypedCap unpack(RawCap raw) {
        return {{cap_bits::Pointer::get(raw.high)},
                static_cast<unsigned>(cap_bits::Small::get(raw.high)),
                cap_bits::Flag::get(raw.high) != 0,
                raw.low << 4};
    }
};

template <CapType Type, class Object> struct BadgedCap {
    static constexpr auto type = Type;
    Object* object;
    u64 badge;
    CapRights rights;
    RawCap pack() const {
        return {badge, cap_bits::type(type) | cap_bits::Nibble::make(rights.to_abi()) |
                           cap_bits::pointer(object)};
    }
    static BadgedCap unpack(RawCap raw) {
        return {cap_bits::pointer<Object>(raw.high), raw.low,
                CapRights::from_abi(cap_bits::Nibble::get(raw.high))};
    }
};
using EndpointCap = BadgedCap<CapType::endpoint, Endpoint>;
using NotificationCap = BadgedCap<CapType::notification, Notification>;

struct ReplyCap {
    static constexpr auto type = CapType::reply;
    Tcb* caller;
    bool can_grant;
    bool master; // the caller's own: parent of the one that was given out
    RawCap pack() const {
        return {0, cap_bits::type(type) | cap_bits::Flag::make(can_grant) |
                       cap_bits::Nibble::make(master) | cap_bits::pointer(caller)};
    }
    static ReplyCap unpack(RawCap raw) {
        return {cap_bits::pointer<Tcb>(raw.high), cap_bits::Flag::get(raw.high) != 0,
                cap_bits::Nibble::get(raw.high) != 0};
    }
};

struct CNodeCap {
    static constexpr auto type = CapType::cnode;
    Slot* slots;
    unsigned radix;
    unsigned guard_size;
    u64 guard;
    using GuardSize = Bits<5, 0>; // of the guard word, ABI 5.2
    using GuardValue = Bits<63, 6>;
    u64 size() const { return u64{1} << radix; }
    // A CNode whose slots are simply numbered (a guard of zeros, guard and radix together 64 bits: what nearly every capability
    // space is) keeps the number of its last slot, which is also the mask of an index: lookup.hpp.
    bool plain() const { return guard_size + radix == 64 && guard == 0; }
    RawCap pack() const {
        u64 const low = plain() ? size() - 1 : GuardValue::make(guard) | GuardSize::make(guard_size);
        return {low, cap_bits::type(type) | cap_bits::Flag::make(plain()) | cap_bits::Small::make(radix) |
                         cap_bits::pointer(slots)};
    }
    static CNodeCap unpack(RawCap raw) {
        auto const radix = static_cast<unsigned>(cap_bits::Small::get(raw.high));
        auto* const slots = cap_bits::pointer<Slot>(raw.high);
        if (cap_bits::Flag::get(raw.high)) return {slots, radix, 64 - radix, 0};
        return {slots, radix, static_cast<unsigned>(GuardSize::get(raw.low)), GuardValue::get(raw.low)};
    }
};

template <CapType Type, class Object> struct ObjectCap { // nothing but the object
    static constexpr auto type = Type;
    Object* object;
    RawCap pack() const { return {0, cap_bits::type(type) | cap_bits::pointer(object)}; }
    static ObjectCap unpack(RawCap raw) { return {cap_bits::pointer<Object>(raw.high)}; }
};
using TcbCap = ObjectCap<CapType::tcb, Tcb>;
using VcpuCap = ObjectCap<CapType::vcpu, Vcpu>;

template <CapType Type> struct ControlCap { // authority without an object
    static constexpr auto type = Type;
    RawCap pack() const { return {0, cap_bits::type(type)}; }
    static ControlCap unpack(RawCap) { return {}; }
};
using IrqControlCap = ControlCap<CapType::irq_control>;
using DomainCap = ControlCap<CapType::domain>;
using AsidControlCap = ControlCap<CapType::asid_control>;
using IoPortControlCap = ControlCap<CapType::io_port_control>;

struct IrqHandlerCap {
    static constexpr auto type = CapType::irq_handler;
    unsigned vector; // abstract, 0..107
    RawCap pack() const { return {vector, cap_bits::type(type)}; }
    static IrqHandlerCap unpack(RawCap raw) { return {static_cast<unsigned>(raw.low)}; }
};

struct IoPortCap {
    static constexpr auto type = CapType::io_port;
    u16 first, last;
    u16 vcpu{}; // number of the Vcpu whose guest this capability opened ports for (VcpuTable); 0: none
    RawCap pack() const {
        return {u64{first} | u64{last} << 16, cap_bits::type(type) | cap_bits::Pointer::make(vcpu)};
    }
    static IoPortCap unpack(RawCap raw) {
        return {static_cast<u16>(raw.low), static_cast<u16>(raw.low >> 16), static_cast<u16>(raw.high)};
    }
};

// What is left of a CNode or TCB while its slots are being deleted.
struct ZombieCap {
    static constexpr auto type = CapType::zombie;
    Slot* slots;
    bool of_tcb;
    unsigned radix; // of the CNode; 0 for a TCB
    u64 count;      // slots[0..count) may still hold capabilities
    RawCap pack() const {
        return {count, cap_bits::type(type) | cap_bits::Flag::make(of_tcb) |
                           cap_bits::Small::make(radix) | cap_bits::pointer(slots)};
    }
    static ZombieCap unpack(RawCap raw) {
        return {cap_bits::pointer<Slot>(raw.high), cap_bits::Flag::get(raw.high) != 0,
                static_cast<unsigned>(cap_bits::Small::get(raw.high)), raw.low};
    }
};

enum class PageSize : u8 { small, large, huge };
constexpr unsigned size_bits_of(PageSize size) {
    switch (size) {
    case PageSize::small: return abi::size_bits::small_page;
    case PageSize::large: return abi::size_bits::large_page;
    case PageSize::huge: break;
    }
    return abi::size_bits::huge_page;
}

enum class MappedIn : u8 { nothing, address_space, nested };

struct FrameCap {
    static constexpr auto type = CapType::frame;
    PhysAddr base;
    PageSize size;
    FrameRights rights;
    bool device;
    MappedIn mapped_in;
    Asid asid;   // of the address space or nested root, when mapped
    u64 address; // virtual or guest-physical, when mapped
    RawCap pack() const {
        u64 const small = small_part(size, rights);
        return {cap_bits::MappedKind::make(static_cast<u64>(mapped_in)) |
                    (address & cap_bits::MappedPage::mask) | cap_bits::MappedAsid::make(asid.value),
                cap_bits::type(type) | cap_bits::Flag::make(device) | cap_bits::Small::make(small) |
                    base.value};
    }
    static FrameCap unpack(RawCap raw) {
        u64 const small = cap_bits::Small::get(raw.high);
        return {{cap_bits::Pointer::get(raw.high)},
                static_cast<PageSize>(small >> 2),
                static_cast<FrameRights>(small & 3),
                cap_bits::Flag::get(raw.high) != 0,
                static_cast<MappedIn>(cap_bits::MappedKind::get(raw.low)),
                {static_cast<u16>(cap_bits::MappedAsid::get(raw.low))},
                raw.low & cap_bits::MappedPage::mask};
    }
    static constexpr u64 small_part(PageSize size, FrameRights rights) {
        return static_cast<u64>(size) << 2 | static_cast<u64>(rights);
    }
    unsigned size_bits() const { return size_bits_of(size); }
    u64 bytes() const { return u64{1} << size_bits(); }
    FrameCap at(PhysAddr other) const { return {other, size, rights, device, mapped_in, asid, address}; }
    FrameCap unmapped() const {
        return {base, size, rights, device, MappedIn::nothing, {}, 0};
    }
};

// Page tables of every level, of address spaces and of nested tables. A root is `mapped` when it has an ASID.
template <CapType Type> struct TableCap {
    static constexpr auto type = Type;
    PageTable* table;
    bool mapped;
    Asid asid;
    u64 address; // start of the span it translates, when mapped (0 for a root)
    RawCap pack() const {
        return {(address & cap_bits::MappedPage::mask) | cap_bits::MappedAsid::make(asid.value),
                cap_bits::type(type) | cap_bits::Flag::make(mapped) | cap_bits::pointer(table)};
    }
    static TableCap unpack(RawCap raw) {
        return {cap_bits::pointer<PageTable>(raw.high),
                cap_bits::Flag::get(raw.high) != 0,
                {static_cast<u16>(cap_bits::MappedAsid::get(raw.low))},
                raw.low & cap_bits::MappedPage::mask};
    }
};
using PageTableCap = TableCap<CapType::page_table>;
using PageDirectoryCap = TableCap<CapType::page_directory>;
using PdptCap = TableCap<CapType::pdpt>;
using Pml4Cap = TableCap<CapType::pml4>;
using EptPtCap = TableCap<CapType::ept_pt>;
using EptPdCap = TableCap<CapType::ept_pd>;
using EptPdptCap = TableCap<CapType::ept_pdpt>;
using EptPml4Cap = TableCap<CapType::ept_pml4>;

struct AsidPoolCap {
    static constexpr auto type = CapType::asid_pool;
    AsidPool* pool;
    unsigned index; // 0..7: which 512 ASIDs
    RawCap pack() const { return {index, cap_bits::type(type) | cap_bits::pointer(pool)}; }
    static AsidPoolCap unpack(RawCap raw) {
        return {cap_bits::pointer<AsidPool>(raw.high), static_cast<unsigned>(raw.low)};
    }
};

// Any capability: 16 bytes.
class Cap {
public:
    constexpr Cap() = default;
    template <class Kind>
        requires requires(Kind kind) {
            kind.pack();
            Kind::type;
        }
    Cap(Kind const& kind) : raw_(kind.pack()) {}

    CapType type() const { return static_cast<CapType>(cap_bits::Type::get(raw_.high)); }
    bool is_null() const { return raw_.high == 0; }
    template <class Kind> bool is() const { return type() == Kind::type; }
    // A table or root that is mapped.
    template <class Kind> bool is_mapped() const {
        return raw_.high >> cap_bits::Flag::low == (cap_bits::type(Kind::type) | cap_bits::Flag::mask) >> cap_bits::Flag::low;
    }
    // Empty when the capability is of another kind.
    template <class Kind> std::optional<Kind> as() const {
        if (!is<Kind>()) return std::nullopt;
        return Kind::unpack(raw_);
    }
    // For a caller that has seen the type already.
    template <class Kind> Kind get() const { return Kind::unpack(raw_); }
    RawCap raw() const { return raw_; }
    bool operator==(Cap const&) const = default;

private:
    RawCap raw_;
};
static_assert(sizeof(Cap) == 16);
