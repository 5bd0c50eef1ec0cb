// SPDX-License-Identifier: Apache-2.0
// Binary translation of 32-bit and 16-bit guest code to 64-bit host code, block by block, without system calls: the owner gives memory,
// catches faults, and emulates what is not translated (x86/emulate).
//
//   owner: enter(state) ──> jumps to Entry with r15 = State ──> generated code ... ──> State::leave, State::reason
//      ^                                                          │ fault: recover(host registers)
//      └─────────────── missing: enter again; emulate: x86::emulate, then enter again ──┘
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "x86/emulate/processor.hpp"
#include "x86/translate/state.hpp"

namespace x86::translate {

// The steps of optimisation, each of which can be left out.
struct Options {
    bool cache{true};        // blocks are kept; else each is made again whenever it is entered
    bool chaining{true};     // direct jumps go from block to block; else through an exit
    bool registers{true};    // guest registers stay in host registers between instructions; else in State
    bool lazy_flags{true};   // flags stay in the host's flags; else in State after each instruction that writes them
    bool return_stack{true}; // CALL and RET use the host's; else RET is an indirect jump
    bool operator==(Options const&) const = default;
};

// The memory of generated code. All of it is the translator's until it is destroyed.
struct CodeMemory {
    std::span<u8> bytes; // where the translator writes; at least 64 KiB
    u64 code;            // address at which the same bytes are executed
    State* state;        // where the owner and the translator see it
    u64 state_address;   // where generated code sees it; within 2 GB of `code`
    std::span<u8> stack; // the return stack, as the translator sees it; an unmapped page below it
    u64 stack_address;   // lowest address, as generated code sees it
};

// What code depends on beside its bytes: blocks are made for one mode each.
struct GuestMode {
    u8 code_size{4};  // bytes: 2 or 4, the D bit of CS
    u8 stack_size{4}; // the B bit of SS
    u8 flat{0x3f};    // bit for each SegmentName: base 0 and limit 4 GB, readable, and writable unless CS
    u8 unlimited{};   // of those that are not flat: limit 4 GB, only the base counts
    u8 emulated{};    // of those that are not flat: not readable or not writable, expand-down, null: accesses are for the emulator
    u8 cpl{};         // 0: CLI, STI, PUSHF and POPF are carried out on State; else also where IOPL allows, or emulated
    bool fpu{true};   // x87 and SSE may be used: else they are for the emulator, which raises #NM
    bool operator==(GuestMode const&) const = default;
};

// The guest's code, as an instruction fetch sees it.
class Code {
public:
    virtual ~Code() = default;
    struct Page {
        std::span<u8 const> bytes; // from the address on to the end of its 4 KiB page
        u64 number;                // that identifies the memory behind it (guest-physical page number)
    };
    // The exception is the guest's own. Empty bytes: code that can only be emulated (a device).
    virtual OrException<Page> fetch(u32 linear) = 0;
    // From now on the owner calls Translator::invalidate before the page changes.
    virtual void protect(u64 page) = 0;
};

// General registers by the processor's numbers, as a fault found them.
struct HostRegisters {
    u64 general[16];
    u64 rip;
    u64 rflags;
};

struct Counters {
    u64 blocks;       // translated
    u64 guest_bytes;  // of them
    u64 instructions; // of them
    u64 code_bytes;   // generated
    u64 chained;      // direct jumps that were linked
    u64 misses;       // exits with Reason::missing
    u64 hits;         // of them, those whose block was there
    u64 emulated;     // exits with Reason::emulate
    u64 evictions;    // regions of the cache
    u64 invalidated;  // blocks
};

// One block, to look at: tests, tools.
struct BlockView {
    u32 eip, linear;
    unsigned guest_bytes, instructions;
    u64 address;             // of its code, where indirect jumps arrive
    u64 checked, plain;      // where backward jumps and calls arrive, where forward jumps do
    std::span<u8 const> code; // the same where the translator sees it
    // Where the code of which guest instruction begins: offsets in the code, distances from eip.
    struct Part {
        u32 code, guest;
    };
    std::span<Part const> parts;
};

class Translator {
public:
    // Everything given outlives the translator.
    Translator(CodeMemory memory, Options options, Code& code);
    ~Translator();

    // Before the first enter and whenever something of it changes; in force from the next enter on. State's segments are the owner's too.
    void set_mode(GuestMode const& mode);

    // Where to let generated code go on at State::eip: an address to jump to with r15 = state_address, everything else is in State. Makes the block
    // if there is none. The exception: of the fetch of eip's first instruction. Only while no generated code runs or waits to go on.
    OrException<u64> enter();

    // A host exception inside generated code: puts the guest's state at the instruction that raised it into State.
    enum class Recovery : u8 {
        guest,    // the guest's own fault or access (State::reason: fault)
        event,    // a check saw State::event: go on as after an exit (State::reason: event)
        again,    // nothing of the guest's (the return stack is full): go on with the changed registers
        stranger, // rip is not in generated code; nothing changed
    };
    Recovery recover(HostRegisters& registers);

    // No block that has bytes of that page (Code::Page::number) is entered any more. At any time; whoever is inside one leaves it at its end.
    void invalidate(u64 page);
    // The same by linear addresses [first, last]: their translation changed.
    void invalidate_linear(u32 first, u32 last);
    // The same for all blocks.
    void flush();

    Counters const& counters() const;

    // Calls with every block that can be entered; the view is valid during the call.
    void for_each_block(std::function<void(BlockView const&)> const& visit) const;
    // What generated code may use beside blocks: the table of indirect entries and the shared code.
    struct Layout {
        u64 code, code_bytes;     // where all blocks and shared code are
        u64 shared, shared_bytes; // the shared code
        u64 table, table_bytes;   // of addresses, by the low bits of eip
        u64 state;
    };
    Layout layout() const;

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

} // namespace x86::translate
