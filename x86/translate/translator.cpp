// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/translator.hpp"

#include <algorithm>

#include "x86/translate/cache.hpp"

namespace x86::translate {
namespace {

constexpr u32 guest_flags = 0xcd5; // CF PF AF ZF SF DF OF
constexpr unsigned most_ahead = 16;
constexpr std::size_t most_contexts = 64;
constexpr u64 shared_bytes = 1024;
constexpr unsigned page_bits = 12;

} // namespace

class Translator::Implementation {
public:
    Implementation(CodeMemory memory, Options options, Code& code)
        : memory_(memory), options_(options), code_(code), shape_(Tables::shape_for(memory.bytes.size())),
          cache_((make_shared(), memory.bytes.subspan(table_bytes() + shared_bytes)), memory.code - reinterpret_cast<u64>(memory.bytes.data()), options_,
                 stubs_, tables_, code, counters_) {
        memory_.state->stack_top = memory.stack_address + memory.stack.size();
        reset_return_stack();
    }

    void set_mode(GuestMode const& mode) { mode_ = mode; }

    OrException<u64> enter() {
        auto& state = *memory_.state;
        bool const missing = state.reason == Reason::missing;
        counters_.misses += missing;
        counters_.emulated += state.reason == Reason::emulate;
        state.reason = Reason::fault; // each exit is counted once
        if (!options_.cache) flush();
        prepare();
        state.flags &= guest_flags;
        u32 const eip = state.eip;
        auto* block = cache_.find(context_, eip);
        if (block == nullptr) {
            block = TRY(make(eip, false));
            if (options_.cache) make_ahead(*block);
            cache_.publish();
        } else {
            counters_.hits += missing;
        }
        if (options_.chaining) tables_.set(eip, cache_.code_address(block->begin));
        state.resume = cache_.code_address(block->plain);
        return cache_.code_address(stubs_.enter);
    }

    Recovery recover(HostRegisters& registers) {
        u64 const offset = registers.rip - memory_.code;
        if (offset >= memory_.bytes.size()) return Recovery::stranger;
        u8 const* const at = memory_.bytes.data() + offset;
        auto const* const block = cache_.containing(at);
        if (block == nullptr) return Recovery::stranger;
        auto const& place = cache_.place(*block, at);
        if (place.action == Action::host_stack) {
            reset_return_stack();
            registers.general[host::rsp] = memory_.state->return_stack;
            return Recovery::again;
        }
        save(registers, place.action);
        memory_.state->eip = block->eip + place.guest;
        bool const event = place.action == Action::event;
        memory_.state->reason = event ? Reason::event : Reason::fault;
        return event ? Recovery::event : Recovery::guest;
    }

    void invalidate(u64 page) { cache_.invalidate(page); }
    void invalidate_linear(u32 first, u32 last) { cache_.invalidate_linear(first, last); }
    void flush() {
        cache_.kill_all();
        emptied_ = true;
    }
    Counters const& counters() const { return counters_; }

    void for_each_block(std::function<void(BlockView const&)> const& visit) const {
        std::vector<BlockView::Part> parts;
        cache_.for_each([&](Block const& block) {
            parts.clear();
            for (Place const* place = &cache_.place(block, block.begin), *end = place + block.places; place != end; ++place)
                if (place->action == Action::none && (parts.empty() || parts.back().guest != place->guest)) parts.push_back({place->code, place->guest});
            visit({block.eip, block.linear, block.guest_length, block.instructions, cache_.code_address(block.begin),
                   cache_.code_address(block.checked), cache_.code_address(block.plain), {block.begin, block.code_length}, parts});
        });
    }

    Layout layout() const {
        u64 const table = memory_.code;
        return {memory_.code, memory_.bytes.size(), table + table_bytes(), shared_bytes, table, table_bytes(), memory_.state_address};
    }

private:
    u64 table_bytes() const { return shape_.bytes(); }
    u64 code_address(u8 const* at) const { return memory_.code + static_cast<u64>(at - memory_.bytes.data()); }

    // The tables, then the shared code, then the regions of the cache.
    void make_shared() {
        stubs_.shape = shape_;
        stubs_.table = static_cast<i64>(memory_.code - memory_.state_address);
        Emitter emitter(memory_.bytes.data() + table_bytes());
        emit_stubs(emitter, stubs_, options_.chaining);
        tables_ = Tables(memory_.bytes.first(table_bytes()), shape_, code_address(stubs_.find), code_address(stubs_.missing_target));
    }

    // What must wait until nobody is inside of a block, nor comes back to one by the return stack.
    void prepare() {
        Context wanted{.mode = mode_};
        if (!wanted.flat(SegmentName::cs)) {
            auto const& segment = memory_.state->segments[static_cast<unsigned>(SegmentName::cs)];
            wanted.code_base = segment.base;
            if (!wanted.is(mode_.unlimited, SegmentName::cs)) wanted.code_limit = segment.limit;
        }
        bool const same = context_ != nullptr && wanted == *context_;
        bool const known = same || std::find(contexts_.begin(), contexts_.end(), wanted) != contexts_.end();
        bool const too_many = !known && contexts_.size() == most_contexts; // a guest could make any number
        if (same && !emptied_) return;
        if (emptied_ || too_many) cache_.flush();
        if (too_many) contexts_.clear();
        emptied_ = false;
        if (!known) contexts_.push_back(wanted);
        context_ = &*std::find(contexts_.begin(), contexts_.end(), wanted);
        tables_.clear(); // what it names is for one context, and so is what calls return to
        reset_return_stack();
    }

    // RET with nothing of ours on it finds the address of the shared code that looks the target up.
    void reset_return_stack() {
        u64 const bottom = memory_.stack.size() - scratch_bytes;
        u64 const value = code_address(stubs_.bottom);
        std::memcpy(memory_.stack.data() + bottom, &value, sizeof value);
        memory_.state->return_stack = memory_.stack_address + bottom;
    }

    // Null: nothing to be made of this page alone.
    OrException<Block*> make(u32 eip, bool alone) {
        guest_.context = context_;
        guest_.eip = eip;
        TRY(analyse(guest_, code_, decoder_, options_.return_stack, alone));
        if (guest_.count == 0) return nullptr;
        if (cache_.make_room()) reset_return_stack();
        Builder(cache_.position(), cache_.writable(cache_.position()), options_, stubs_, guest_, built_).build();
        return &cache_.add(guest_, built_);
    }

    // What the block goes on to, if that is in its page: leaving for it would cost much more than making it now.
    void make_ahead(Block const& first) {
        u32 const page = first.linear >> page_bits;
        std::vector<u32> next;
        auto const collect = [&] {
            for (auto const& exit : built_.exits) next.push_back(exit.target);
        };
        collect();
        unsigned made = 0;
        for (std::size_t i = 0; i < next.size() && made < most_ahead && cache_.has_room(); ++i) {
            bool const near = (context_->code_base + next[i]) >> page_bits == page;
            if (!near || cache_.find(context_, next[i]) != nullptr) continue;
            auto const block = make(next[i], true);
            if (!block) return;
            if (*block == nullptr) continue;
            ++made;
            collect();
        }
    }

    void save(HostRegisters const& registers, Action action) {
        auto& state = *memory_.state;
        for (u8 guest = 0; guest < 8; ++guest) state.general[guest] = static_cast<u32>(registers.general[host_register(guest)]);
        state.flags = static_cast<u32>(registers.rflags) & guest_flags;
        state.return_stack = registers.general[host::rsp];
        bool const swapped = action >= Action::swap_eax && action <= Action::swap_ebx;
        if (!swapped) return;
        u32& value = state.general[static_cast<u8>(action) - static_cast<u8>(Action::swap_eax)];
        value = (value & 0xffff0000) | (value & 0xff) << 8 | (value >> 8 & 0xff);
    }

    CodeMemory memory_;
    Options options_;
    Code& code_;
    Tables::Shape shape_;
    Stubs stubs_{};
    Tables tables_;
    Counters counters_{};
    Cache cache_;
    GuestMode mode_{};
    bool emptied_{}; // flush() was called: the memory is used again from the next enter() on
    std::deque<Context> contexts_;
    Context const* context_{};
    DecodeCache decoder_;
    GuestBlock guest_{};
    Built built_;
};

Translator::Translator(CodeMemory memory, Options options, Code& code)
    : implementation_(std::make_unique<Implementation>(memory, options, code)) {}
Translator::~Translator() = default;
void Translator::set_mode(GuestMode const& mode) { implementation_->set_mode(mode); }
OrException<u64> Translator::enter() { return implementation_->enter(); }
Translator::Recovery Translator::recover(HostRegisters& registers) { return implementation_->recover(registers); }
void Translator::invalidate(u64 page) { implementation_->invalidate(page); }
void Translator::invalidate_linear(u32 first, u32 last) { implementation_->invalidate_linear(first, last); }
void Translator::flush() { implementation_->flush(); }
Counters const& Translator::counters() const { return implementation_->counters(); }
void Translator::for_each_block(std::function<void(BlockView const&)> const& visit) const { implementation_->for_each_block(visit); }
Translator::Layout Translator::layout() const { return implementation_->layout(); }

} // namespace x86::translate
