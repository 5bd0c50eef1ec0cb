// SPDX-License-Identifier: Apache-2.0
//   virtual:  image ...│ IPC buffer │ BootInfo │ extra boot information
//   physical: kernel │ module │ image ...            ... │ CNode, tables, pages, Tcb │ end of the last RAM region
#include "kernel/boot/root_task.hpp"

#include <new>

#include "kernel/boot/boot_chunks.hpp"
#include "kernel/boot/untyped_list.hpp"
#include "kernel/capability/derivation.hpp"
#include "kernel/memory/address_space.hpp"

namespace {

constexpr u64 page = u64{1} << abi::size_bits::small_page;
constexpr Asid root_asid{1};

constexpr u64 round_up(u64 value, u64 unit) { return (value + unit - 1) / unit * unit; }

// Takes memory from the end of one RAM region, downward, and clears it. Null, and exhausted from then on, when there is none.
class TopDown {
public:
    TopDown(u64 start, u64 end) : start_(start), at_(end), end_(end) {}
    std::byte* take(unsigned size_bits) {
        u64 const size = u64{1} << size_bits;
        u64 const next = at_ < size ? 0 : (at_ - size) >> size_bits << size_bits;
        if (next < start_) {
            exhausted_ = true;
            return nullptr;
        }
        at_ = next;
        std::byte* const memory = machine::window({at_});
        machine::clear(memory, size);
        return memory;
    }
    bool exhausted() const { return exhausted_; }
    MemoryRange taken() const { return {{at_}, {end_}}; }

private:
    u64 start_, at_, end_;
    bool exhausted_{};
};

class Builder {
public:
    Builder(Kernel& kernel, Environment const& environment, ElfImage const& image, PhysAddr image_base, TopDown& memory)
        : kernel_(kernel), environment_(environment), image_(image), image_base_(image_base), memory_(memory) {}

    Tcb* build() {
        make_cnode();
        root_ = reinterpret_cast<PageTable*>(memory_.take(abi::size_bits::page_table));
        make_extra_pages();
        auto* const pool = reinterpret_cast<AsidPool*>(memory_.take(abi::size_bits::asid_pool));
        std::byte* const buffer = memory_.take(abi::size_bits::small_page);
        info_ = reinterpret_cast<abi::BootInfo*>(memory_.take(abi::size_bits::small_page));
        if (memory_.exhausted()) return nullptr;

        machine::add_kernel_part(root_->entries);
        kernel_.asids.set_pool(0, pool);
        kernel_.asids.assign(root_asid, root_);
        put(abi::initial_slot::vspace, Pml4Cap{root_, true, root_asid, 0});
        put(abi::initial_slot::asid_pool, AsidPoolCap{pool, 0});
        put(abi::initial_slot::irq_control, IrqControlCap{});
        put(abi::initial_slot::asid_control, AsidControlCap{});
        put(abi::initial_slot::io_port_control, IoPortControlCap{});
        put(abi::initial_slot::domain, DomainCap{});

        info_->image_paging.start = next_slot_;
        make_structures();
        info_->image_paging.end = next_slot_;
        if (memory_.exhausted()) return nullptr;
        put(abi::initial_slot::ipc_buffer_frame, map(machine::physical(buffer), buffer_address()));
        put(abi::initial_slot::boot_info_frame, map(machine::physical(info_), info_address()));
        map_extra_pages();
        if (!map_image()) return nullptr;
        Tcb* const thread = make_thread();
        if (memory_.exhausted()) return nullptr;
        fill_info();
        return thread;
    }

    // After build(): all memory that is left becomes untyped capabilities.
    void give_untyped(UntypedList const& list) {
        info_->untyped.start = next_slot_;
        for (UntypedPiece const& piece : list) {
            if (next_slot_ == cnode_size) break;
            // RAM counts as handed out, so that the first Retype clears it: nobody knows what the loader left there.
            u64 const free_offset = piece.device ? 0 : u64{1} << piece.size_bits;
            info_->untyped_list[next_slot_ - info_->untyped.start] = {
                piece.base.value, static_cast<u8>(piece.size_bits), piece.device, {}};
            put(next_slot_++, UntypedCap{piece.base, piece.size_bits, piece.device, free_offset});
        }
        info_->untyped.end = next_slot_;
        info_->empty = {next_slot_, cnode_size};
    }

private:
    static constexpr u64 cnode_size = u64{1} << abi::root_cnode_radix;

    u64 buffer_address() const { return image_.end(); }
    u64 info_address() const { return image_.end() + page; }
    u64 extra_address() const { return image_.end() + 2 * page; }
    u64 end_address() const { return extra_address() + extra_size_; }

    void put(u64 index, Cap const& cap) { DerivationList::insert_root(cap, slots_[index]); }

    void make_cnode() {
        slots_ = reinterpret_cast<Slot*>(memory_.take(abi::root_cnode_radix + Slot::size_bits));
        if (memory_.exhausted()) return;
        put(abi::initial_slot::cnode, CNodeCap{slots_, abi::root_cnode_radix, 64 - abi::root_cnode_radix, 0});
    }

    void make_extra_pages() {
        extra_length_ = boot_chunks_length(environment_);
        unsigned bits = abi::size_bits::small_page;
        while ((u64{1} << bits) < extra_length_) ++bits;
        extra_size_ = extra_length_ ? u64{1} << bits : 0;
        if (!extra_size_) return;
        extra_ = memory_.take(bits);
        if (!memory_.exhausted()) write_boot_chunks(environment_, extra_);
    }

    // All PDPTs, then all page directories, then all page tables that the image and the pages behind it need.
    void make_structures() {
        for (CapType const type : {CapType::pdpt, CapType::page_directory, CapType::page_table}) {
            unsigned const shift = entry_shift_of(type);
            u64 const span = u64{1} << shift;
            for (u64 at = image_.start() / span * span; at < end_address(); at += span) {
                auto* const table = reinterpret_cast<PageTable*>(memory_.take(abi::size_bits::page_table));
                if (memory_.exhausted() || next_slot_ == cnode_size) return;
                **find_entry(*root_, at, shift) = table_entry(table, 0);
                switch (type) {
                case CapType::pdpt: put(next_slot_++, PdptCap{table, true, root_asid, at}); break;
                case CapType::page_directory: put(next_slot_++, PageDirectoryCap{table, true, root_asid, at}); break;
                default: put(next_slot_++, PageTableCap{table, true, root_asid, at}); break;
                }
            }
        }
    }

    Cap map(PhysAddr base, u64 address) {
        FrameCap const frame{base, PageSize::small, FrameRights::read_write, false, MappedIn::address_space,
                             root_asid, address};
        **find_entry(*root_, address, level_shift::page_table) = frame_entry(frame, FrameRights::read_write, 0);
        return frame;
    }

    void map_extra_pages() {
        info_->extra_frames.start = next_slot_;
        for (u64 at = 0; at < extra_size_; at += page)
            put(next_slot_++, map(machine::physical(extra_) + at, extra_address() + at));
        info_->extra_frames.end = next_slot_;
    }

    bool map_image() {
        info_->image_frames.start = next_slot_;
        u64 const size = image_.end() - image_.start();
        if (next_slot_ + size / page > cnode_size) return false;
        for (u64 at = 0; at < size; at += page) put(next_slot_++, map(image_base_ + at, image_.start() + at));
        info_->image_frames.end = next_slot_;
        return true;
    }

    Tcb* make_thread() {
        std::byte* const memory = memory_.take(Tcb::size_bits);
        if (memory_.exhausted()) return nullptr;
        Tcb* const thread = new (memory) Tcb;
        put(abi::initial_slot::tcb, TcbCap{thread});
        auto const copy = [&](u64 from, Tcb::SlotIndex to) {
            DerivationList::insert(slots_[from].cap(), slots_[from], thread->slot(to));
        };
        copy(abi::initial_slot::cnode, Tcb::cspace);
        copy(abi::initial_slot::vspace, Tcb::vspace);
        copy(abi::initial_slot::ipc_buffer_frame, Tcb::ipc_buffer);
        DerivationList::insert_root(ReplyCap{thread, true, true}, thread->slot(Tcb::reply_master));
        thread->ipc_buffer_address = buffer_address();
        thread->priority = abi::priorities - 1;
        thread->max_priority = abi::priorities - 1;
        thread->registers().rip = image_.entry();
        thread->registers().rdi = info_address();
        thread->context.next_ip = image_.entry();
        thread->context.restore_all = 1;
        thread->state = ThreadState::running;
        thread->set_name("rootserver");
        return thread;
    }

    void fill_info() {
        info_->extra_length = extra_length_;
        info_->node_count = 1;
        info_->io_pt_levels = ~u64{0};
        info_->ipc_buffer = buffer_address();
        info_->initial_cnode_radix = abi::root_cnode_radix;
    }

    Kernel& kernel_;
    Environment const& environment_;
    ElfImage const& image_;
    PhysAddr image_base_;
    TopDown& memory_;
    Slot* slots_{};
    PageTable* root_{};
    abi::BootInfo* info_{};
    std::byte* extra_{};
    u64 extra_length_{};
    u64 extra_size_{};
    u64 next_slot_{abi::initial_slot::first_dynamic};
};

struct Places {
    PhysAddr image;
    MemoryRange region; // where the kernel objects come from, at its end
};

// The image goes behind everything the loader placed; the objects to the end of the last region that has room.
std::expected<Places, BootError> find_places(Environment const& environment, u64 image_size) {
    u64 const kernel_end = environment.kernel_image.end.value;
    u64 const module_end = environment.root_module.end.value;
    u64 const above = round_up(kernel_end > module_end ? kernel_end : module_end, page);
    Places places{};
    for (MemoryRange const& ram : environment.ram) {
        u64 const start = ram.start.value > above ? ram.start.value : above;
        if (places.image.value == 0 && start < ram.end.value && image_size <= ram.end.value - start)
            places.image = {start};
    }
    if (places.image.value == 0) return fail(BootError{"too little memory for the root task's image", ""});
    constexpr u64 enough = u64{2} << 20; // for the objects of an image of any size that fits a CNode
    for (MemoryRange const& ram : environment.ram) {
        MemoryRange free = ram;
        if (free.start.value < above) free.start = {above};
        if (places.image >= ram.start && places.image < ram.end) free.start = places.image + image_size;
        if (free.end.value > free.start.value && free.end - free.start >= enough) places.region = free;
    }
    if (places.region.end.value == 0) return fail(BootError{"too little memory for the root task's objects", ""});
    return places;
}

} // namespace

std::expected<Tcb*, BootError> boot_root_task(Kernel& kernel, Environment const& environment) {
    MemoryRange const& module = environment.root_module;
    auto const image = ElfImage::check(machine::window(module.start), module.end - module.start);
    if (!image) return fail(BootError{"the first module is no root task: ", text_of(image.error())});
    u64 const size = image->end() - image->start();
    Places const places = TRY(find_places(environment, size));
    machine::clear(machine::window(places.image), size);
    image->load(machine::window(places.image));

    TopDown memory(places.region.start.value, places.region.end.value);
    Builder builder(kernel, environment, *image, places.image, memory);
    Tcb* const thread = builder.build();
    if (!thread) return fail(BootError{"the root task's image needs more pages or memory than there are", ""});

    UntypedList untyped;
    list_device_memory(environment, untyped);
    cut_into_pieces(environment.boot_only, false, untyped);
    TakenRanges taken;
    taken.push(environment.kernel_image);
    taken.push({places.image, places.image + size});
    taken.push(memory.taken());
    list_ram(environment, taken, untyped);
    builder.give_untyped(untyped);
    return thread;
}
