// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/shadow/shadow_engine.hpp"

#include "x86/paging.hpp"
#include "x86/registers.hpp"

namespace vmm {
namespace {

using vmx::ExitReason;
using vmx::Field;
using x86::Access;

constexpr u32 efer_msr = msr::efer;
constexpr u8 control_register_of_apic = 8;

} // namespace

user::Result<std::unique_ptr<ShadowEngine>>
ShadowEngine::make(user::Vcpu vcpu, user::Tcb tcb, user::Notification events, GuestMemory memory,
                   std::unique_ptr<shadow::KernelBackend> backend, shadow::Policy policy) {
    TRY(vcpu.bind(tcb));
    TRY(tcb.bind(events));
    auto engine = std::unique_ptr<ShadowEngine>(
        new ShadowEngine(vcpu, tcb, memory, std::move(backend), policy));
    u64 const controls = engine->read(Field::secondary_controls);
    engine->write(Field::secondary_controls, controls & ~vmx::secondary::NestedPaging::mask);
    return engine;
}

ShadowEngine::ShadowEngine(user::Vcpu vcpu, user::Tcb tcb, GuestMemory memory,
                           std::unique_ptr<shadow::KernelBackend> backend, shadow::Policy policy)
    : HardwareEngine(vcpu), tcb_(tcb), memory_(memory), tables_(memory),
      registers_(guest_physical_bits(host_cpuid), ControlRegisters::all), backend_(std::move(backend)),
      shadow_(*backend_, memory, policy, counters_) {}

void ShadowEngine::start(GuestEntry const& entry) {
    HardwareEngine::start(entry);
    shadow_.flush();
    registers_.reset(entry.cr0, entry.cr3, entry.cr4, entry.efer);
    triple_fault_ = false;
    write(Field::exception_bitmap,
          u64{1} << x86::vector::invalid_opcode | u64{1} << x86::vector::page_fault);
    write(Field::cr0_mask, ~u64{0});
    write(Field::cr4_mask, ~u64{0});
    use_registers();
}

// What the processor gets for what the guest believes.
void ShadowEngine::use_registers() {
    x86::Paging const& guest = registers_.paging();
    bool const paging = guest.mode() != x86::PagingMode::unpaged;
    bool const long_mode = guest.mode() == x86::PagingMode::four_level;
    u64 const real_cr0 =
        (guest.cr0 | cr0::Paging::mask | cr0::WriteProtect::mask | cr0::ProtectedMode::mask) &
        ~(cr0::NotWriteThrough::mask | cr0::CacheDisable::mask);
    u64 real_cr4 = (guest.cr4 | cr4::PhysicalAddressExtension::mask) & ~cr4::GlobalPages::mask;
    if (!paging) // all pages are the user's there
        real_cr4 &=
            ~(cr4::SupervisorExecutionPrevention::mask | cr4::SupervisorAccessPrevention::mask);
    u64 const long_bits = efer::LongModeEnable::mask | efer::LongModeActive::mask;
    u64 const real_efer = (guest.efer & efer::SystemCall::mask) | efer::NoExecuteEnable::mask |
                          (long_mode ? long_bits : 0);
    write(Field::guest_cr0, real_cr0);
    write(Field::cr0_read_shadow, guest.cr0);
    write(Field::guest_cr4, real_cr4);
    write(Field::cr4_read_shadow, guest.cr4);
    write(Field::guest_efer, real_efer);
    shadow_.set_registers(guest);
}

void ShadowEngine::use_roots() {
    auto const root = shadow_.root(shadow::View::processor);
    if (root != bound_root_) {
        [[maybe_unused]] auto const set = tcb_.set_nested_root(backend_->root(root));
        bound_root_ = root;
        ++counters_.real_page_table_switches;
    }
    if (shadow_.split() != bound_split_) {
        bound_split_ = shadow_.split();
        [[maybe_unused]] auto const set =
            tcb_.set_shared_root(backend_->root(shadow::Shadow::shared_root), bound_split_);
    }
}

Exit ShadowEngine::run() {
    watched_write_.reset();
    for (;;) {
        if (triple_fault_) return exits::TripleFault{};
        if (!cr0::ProtectedMode::get(registers_.paging().cr0))
            return exits::Unsupported{"real mode needs the engine `nested`"};
        use_roots();
        Stop const stop = enter();
        if (auto const exit = handle(stop)) return *exit;
    }
}

// Empty: the guest can go on.
std::optional<Exit> ShadowEngine::handle(Stop const& stop) {
    if (stop.notified) return decode(stop);
    switch (static_cast<ExitReason>(stop.reason)) {
    case ExitReason::exception:
        if (vmx::interruption::Vector::get(read(Field::exit_interruption_info)) ==
            x86::vector::page_fault)
            return page_fault(stop);
        return decode(stop);
    case ExitReason::control_register:
        counters_.count(InternalExit::control_register);
        return privileged_instruction();
    case ExitReason::invlpg:
        counters_.count(InternalExit::invalidate_page);
        return privileged_instruction();
    default: return decode(stop);
    }
}

std::optional<Exit> ShadowEngine::page_fault(Stop const& stop) {
    using Kind = shadow::AccessResult::Kind;
    u64 const code = read(Field::exit_interruption_error_code);
    bool const smap = cr4::SupervisorAccessPrevention::get(registers_.paging().cr4);
    Access const access = page_fault_code::Fetch::get(code)   ? Access::execute
                          : page_fault_code::Write::get(code) ? Access::write
                                                              : Access::read;
    auto const result = shadow_.access({.linear = stop.qualification,
                                        .access = access,
                                        .supervisor = !page_fault_code::User::get(code),
                                        .alignment_check = smap && user_pages_allowed(),
                                        .view = shadow::View::processor});
    bool const delivering = vmx::interruption::Valid::get(event_);
    switch (result.kind) {
    case Kind::mapped: counters_.count(InternalExit::shadow_fill); return std::nullopt;
    case Kind::guest_fault:
        counters_.count(InternalExit::guest_page_fault);
        guest_page_fault(result.exception);
        return std::nullopt;
    case Kind::watched_write:
        if (!delivering) {
            watched_write_ = result.address;
            return exits::Emulate{};
        }
        shadow_.stop_watching(result.address); // the stack of a handler: no instruction writes it
        return std::nullopt;
    case Kind::no_ram:
        return exits::Memory{.address = result.address,
                             .write = access == Access::write,
                             .fetch = access == Access::execute};
    case Kind::guarded:
    case Kind::exhausted: break;
    }
    return exits::Unsupported{shadow::out_of_memory};
}

// A page that was a table and is written with an instruction of the FPU holds something else now.
bool ShadowEngine::give_way() {
    if (!watched_write_) return false;
    shadow_.stop_watching(*std::exchange(watched_write_, std::nullopt));
    return true;
}

// A fault while another event was being delivered: Intel SDM vol. 3, table 6-5. The guest executes
// whatever that event interrupted again after its handler.
void ShadowEngine::guest_page_fault(x86::Exception const& fault) {
    using namespace vmx::interruption;
    bool const exception = Valid::get(event_) && Type::get(event_) == type_exception;
    u64 const first = Vector::get(event_);
    if (exception && first == x86::vector::double_fault)
        triple_fault_ = true;
    else if (exception && first == x86::vector::page_fault)
        inject({x86::vector::double_fault, 0});
    else
        inject(fault);
}

bool ShadowEngine::long_code() {
    return x86::access_rights::Long::get(read(Field::guest_cs_access_rights));
}

// MOV to or from a control register, CLTS, LMSW, INVLPG.
std::optional<Exit> ShadowEngine::privileged_instruction() {
    using Kind = PlainInstruction::Kind;
    x86::CoreState core = this->core();
    bool const is_64_bit = registers_.paging().mode() == x86::PagingMode::four_level && long_code();
    auto const instruction = plain_instruction(core.rip, is_64_bit);
    if (!instruction) return exits::Emulate{};
    u64& general = core.registers.value[instruction->general];
    u64 const value = is_64_bit ? general : general & 0xffffffff;
    switch (instruction->kind) {
    case Kind::to_control: {
        if (instruction->control == control_register_of_apic) return exits::Emulate{};
        auto const set = set_control_register(instruction->control, value);
        if (!set) {
            inject(set.error());
            return std::nullopt;
        }
        break;
    }
    case Kind::from_control:
        if (instruction->control == control_register_of_apic) return exits::Emulate{};
        general = control_register(instruction->control);
        break;
    case Kind::invalidate_page:
        invalidate_page(is_64_bit ? value : (value + read(Field::guest_ds_base)) & 0xffffffff);
        break;
    }
    core.rip += instruction->length;
    set_core(core);
    return std::nullopt;
}

std::optional<PlainInstruction> ShadowEngine::plain_instruction(u64 rip, bool is_64_bit) {
    u64 const linear = is_64_bit ? rip : (rip + read(Field::guest_cs_base)) & 0xffffffff;
    auto const at = shadow_.translate({.linear = linear,
                                       .access = Access::execute,
                                       .supervisor = true,
                                       .alignment_check = false,
                                       .view = shadow::View::processor});
    constexpr u64 last = shadow::page_size - PlainInstruction::longest;
    if (!at || at->value % shadow::page_size > last) return std::nullopt;
    return PlainInstruction::decode(memory_.bytes(*at, PlainInstruction::longest), is_64_bit);
}

x86::OrException<GuestPhys> ShadowEngine::translate(u64 linear, Access access, bool supervisor) {
    bool const smap = cr4::SupervisorAccessPrevention::get(registers_.paging().cr4);
    return shadow_.translate({.linear = linear,
                              .access = access,
                              .supervisor = supervisor,
                              .alignment_check = smap && user_pages_allowed(),
                              .view = shadow::View::processor});
}

u64 ShadowEngine::control_register(unsigned number) {
    switch (number) {
    case 0: return registers_.paging().cr0;
    case 2: return read(Field::guest_cr2);
    case 3: return registers_.paging().cr3;
    case 4: return registers_.paging().cr4;
    default: return 0;
    }
}

x86::OrException<> ShadowEngine::set_control_register(unsigned number, u64 value) {
    switch (number) {
    case 0: TRY(registers_.set_cr0(value, long_code(), tables_)); break;
    case 2: write(Field::guest_cr2, value); return {};
    case 3:
        TRY(registers_.set_cr3(value, tables_));
        shadow_.load_cr3(registers_.paging());
        return {};
    case 4: TRY(registers_.set_cr4(value, tables_)); break;
    default: return fail(x86::Exception{.vector = x86::vector::invalid_opcode});
    }
    use_registers();
    return {};
}

std::optional<u64> ShadowEngine::read_msr(u32 msr) {
    return msr == efer_msr ? efer() : HardwareEngine::read_msr(msr);
}

bool ShadowEngine::write_msr(u32 msr, u64 value) {
    if (msr != efer_msr) return HardwareEngine::write_msr(msr, value);
    if (!registers_.set_efer(value)) return false;
    use_registers();
    return true;
}

void ShadowEngine::invalidate_page(u64 linear) { shadow_.invalidate_page(linear); }

} // namespace vmm
