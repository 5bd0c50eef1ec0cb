// SPDX-License-Identifier: Apache-2.0
// From an SVM exit to the words of VMX. APM vol. 2, chapter 15 and appendix C; SDM vol. 3, chapter
// 28 and appendix C.
#include "kernel/device/vcpu.hpp"
#include "kernel/device/vmcs_field.hpp"

namespace {

using namespace svm;
using vmx::ExitReason;

constexpr u64 debug_vector = 1, breakpoint_vector = 3, overflow_vector = 4,
              invalid_opcode_vector = 6;
constexpr unsigned xsave_header = 512; // of the XSAVE image: which components it holds
constexpr u64 page_fault_vector = 14, x87_vector = 16, alignment_vector = 17;

// Exits whose reason and length say it all. A length of 0: prefixes and operands decide, only the
// processor can tell.
struct PlainExit {
    u64 code;
    ExitReason reason;
    u64 length;
};
constexpr PlainExit plain_exits[] = {
    {exit_code::virtual_interrupt, ExitReason::interrupt_window, 0},
    {exit_code::shutdown, ExitReason::triple_fault, 0},
    {exit_code::cpuid, ExitReason::cpuid, 2},
    {exit_code::hlt, ExitReason::hlt, 1},
    {exit_code::invd, ExitReason::invd, 2},
    {exit_code::rdpmc, ExitReason::rdpmc, 2},
    {exit_code::rdtsc, ExitReason::rdtsc, 2},
    {exit_code::rsm, ExitReason::rsm, 2},
    {exit_code::vmmcall, ExitReason::vmcall, 3},
    {exit_code::monitor, ExitReason::monitor, 3},
    {exit_code::mwait, ExitReason::mwait, 3},
    {exit_code::pause, ExitReason::pause, 2},
    {exit_code::wbinvd, ExitReason::wbinvd, 2},
    {exit_code::xsetbv, ExitReason::xsetbv, 3},
};

constexpr VmExit make(ExitReason reason, u64 qualification = 0, u64 length = 0) {
    return {.reason = static_cast<u64>(reason),
            .qualification = qualification,
            .instruction_length = length};
}

VmExit io_exit(Vmcb const& vmcb, abi::VcpuRegisters const& registers) {
    u64 const info = vmcb.exit_info1;
    bool const string = io_info::String::get(info) != 0;
    u64 const size = io_info::Size::get(info);
    VmExit exit = make(ExitReason::io,
                       vmx::io_qualification::SizeMinusOne::make(size - 1) |
                           vmx::io_qualification::In::make(io_info::In::get(info)) |
                           vmx::io_qualification::String::make(string) |
                           vmx::io_qualification::Repeat::make(io_info::Repeat::get(info)) |
                           vmx::io_qualification::Port::make(io_info::Port::get(info)),
                       vmcb.exit_info2 - vmcb.rip);
    if (!string) return exit;

    u64 const width = io_info::AddressSize::get(info) >> 1; // 16, 32, 64 bit: 0, 1, 2
    u64 const mask = width == 0 ? 0xffff : width == 1 ? 0xffffffff : ~u64{0};
    bool const in = io_info::In::get(info) != 0;
    constexpr Segment Vmcb::* segments[] = {&Vmcb::es, &Vmcb::cs, &Vmcb::ss,
                                            &Vmcb::ds, &Vmcb::fs, &Vmcb::gs};
    u64 const number = in ? 0 : io_info::Segment::get(info) % 6;
    exit.guest_linear =
        (vmcb.*segments[number]).base + ((in ? registers.rdi : registers.rsi) & mask);
    exit.instruction_info =
        vmx::string_io_info::AddressSize::make(width) | vmx::string_io_info::Segment::make(number);
    return exit;
}

VmExit nested_fault_exit(Vmcb const& vmcb) {
    using namespace vmx;
    u64 const info = vmcb.exit_info1;
    bool const write = nested_fault::Write::get(info) != 0;
    bool const fetch = nested_fault::Fetch::get(info) != 0;
    bool const present = nested_fault::Present::get(info) != 0;
    VmExit exit = make(
        ExitReason::ept_violation,
        ept_qualification::Read::make(!write && !fetch) | ept_qualification::Write::make(write) |
            ept_qualification::Fetch::make(fetch) | ept_qualification::Readable::make(present) |
            ept_qualification::Writable::make(present && !write) |
            ept_qualification::Executable::make(present && !fetch) |
            ept_qualification::FinalAddress::make(nested_fault::FinalAddress::get(info)));
    exit.guest_physical = vmcb.exit_info2;
    return exit;
}

// Exit codes 0x00..0x3f: sixteen reads and sixteen writes of control, then of debug registers.
VmExit move_exit(Vmcb const& vmcb) {
    u64 const number = vmcb.exit_code & 0xf;
    bool const write = vmcb.exit_code & 0x10;
    u64 const gpr =
        move_info::IsMove::get(vmcb.exit_info1) ? move_info::Register::get(vmcb.exit_info1) : 0;
    if (vmcb.exit_code < exit_code::read_dr0) {
        using namespace vmx::control_register_qualification;
        return make(ExitReason::control_register,
                    Number::make(number) | Access::make(!write) | Register::make(gpr));
    }
    using namespace vmx::debug_register_qualification;
    u64 const debug_gpr = move_info::Register::get(vmcb.exit_info1);
    return make(ExitReason::debug_register,
                Number::make(number) | FromDebugRegister::make(!write) | Register::make(debug_gpr));
}

// Which of SGDT SIDT LGDT LIDT, or SLDT STR LLDT LTR.
VmExit descriptor_table_exit(u64 code) {
    bool const write = code >= exit_code::idtr_write;
    bool const global = code == exit_code::idtr_read || code == exit_code::gdtr_read ||
                        code == exit_code::idtr_write || code == exit_code::gdtr_write;
    bool const second = code == exit_code::idtr_read || code == exit_code::idtr_write ||
                        code == exit_code::tr_read || code == exit_code::tr_write;
    VmExit exit = make(global ? ExitReason::gdtr_idtr : ExitReason::ldtr_tr);
    exit.instruction_info = vmx::DescriptorTableIdentity::make(write * 2u + second);
    return exit;
}

// A processor that waits for an interrupt controller of old to acknowledge an x87 error: the error.
VmExit x87_error_exit() {
    VmExit exit = make(ExitReason::exception);
    exit.interruption_info = vmx::interruption::Valid::mask |
                             vmx::interruption::Vector::make(x87_vector) |
                             vmx::interruption::Type::make(vmx::interruption::type_exception);
    return exit;
}

// A jump to a TSS or through a task gate, APM 15.14.1.
VmExit task_switch_exit(Vmcb const& vmcb) {
    using namespace vmx::task_switch_qualification;
    bool const delivering = event::Valid::get(vmcb.exit_interrupt_info) != 0;
    u64 const source = delivering                                      ? gate
                       : task_switch_info::Iret::get(vmcb.exit_info2)  ? iret
                       : task_switch_info::Jump::get(vmcb.exit_info2)  ? jump
                                                                       : call;
    return make(ExitReason::task_switch, Selector::make(task_switch_info::Selector::get(vmcb.exit_info1)) | Source::make(source));
}

VmExit plain_exit(u64 code) {
    for (PlainExit const& plain : plain_exits)
        if (plain.code == code) return make(plain.reason, 0, plain.length);
    return VmExit::failed_entry(); // nothing that was asked for
}

constexpr bool is_descriptor_table(u64 code) {
    return code >= exit_code::idtr_read && code <= exit_code::tr_write;
}
constexpr bool is_svm_instruction(u64 code) { // but VMMCALL
    return code == exit_code::vmrun || (code >= exit_code::vmload && code <= exit_code::skinit) ||
           code == exit_code::invlpga || code == exit_code::rdpru;
}

VmExit translate_reason(Vmcb const& vmcb, abi::VcpuRegisters const& registers,
                        GuestSupport const& support) {
    u64 const code = vmcb.exit_code;
    if (code < exit_code::exception0) return move_exit(vmcb);
    if (is_descriptor_table(code)) return descriptor_table_exit(code);
    switch (code) {
    case exit_code::io: return io_exit(vmcb, registers);
    case exit_code::msr: {
        bool const write = vmcb.exit_info1 & 1;
        return make(write ? ExitReason::wrmsr : ExitReason::rdmsr, 0, 2);
    }
    case exit_code::rdtscp: return make(ExitReason::rdtscp, 0, 3);
    case exit_code::invlpg:
        return make(ExitReason::invlpg, support.decode_assists ? vmcb.exit_info1 : 0);
    case exit_code::nested_page_fault: return nested_fault_exit(vmcb);
    case exit_code::task_switch: return task_switch_exit(vmcb);
    case exit_code::ferr_freeze: return x87_error_exit();
    }
    return plain_exit(code);
}

VmExit translate(Vmcb const& vmcb, abi::VcpuRegisters const& registers,
                 GuestSupport const& support) {
    VmExit exit = translate_reason(vmcb, registers, support);
    u64 const code = vmcb.exit_code;
    bool const instruction = exit.instruction_length != 0 || code < exit_code::exception0 ||
                             code == exit_code::invlpg || is_descriptor_table(code);
    if (instruction && support.next_rip && vmcb.next_rip > vmcb.rip)
        exit.instruction_length = vmcb.next_rip - vmcb.rip;
    return exit;
}

} // namespace

// The event that the processor was delivering, or had not begun to deliver, when the exit came. INT
// n, INT3 and INTO are simply executed again: the saved instruction pointer is still theirs, unless
// it was the monitor who injected the event. Of an interrupt whose delivery faults QEMU says that it
// is an exception, but leaves the request standing.
void Vcpu::take_back_interrupted_event() {
    bool const window = vmx::primary::InterruptWindow::get(controls_.primary) != 0;
    bool const requested = !window && interrupt_control::Request::get(vmcb_.interrupt_control);
    u64 const event = requested ? injected_ : vmcb_.exit_interrupt_info;
    controls_.entry_interruption &= ~vmx::interruption::Valid::mask;
    if (!event::Valid::get(event)) return;
    u64 const vector = event::Vector::get(event), type = event::Type::get(event);
    bool const software = type == event::type_software_interrupt ||
                          (type == event::type_exception &&
                           (vector == breakpoint_vector || vector == overflow_vector));
    if (software && event != injected_) return;

    u64 const info = vmx::interruption::Valid::mask | vmx::interruption::Vector::make(vector) |
                     vmx::interruption::Type::make(type) |
                     vmx::interruption::HasErrorCode::make(event::HasErrorCode::get(event));
    exit_.vectoring_info = controls_.entry_interruption = info;
    exit_.vectoring_error_code = controls_.entry_error_code = event::ErrorCode::get(event);
}

// XSETBV: SDM vol. 2. False: the monitor has to say what becomes of it.
bool Vcpu::set_xcr0() {
    using namespace vmcs_field;
    abi::VcpuRegisters const& r = frame_.registers;
    u64 const value = r.rdx << 32 | static_cast<u32>(r.rax);
    bool const known = (value & ~support_->xcr0_bits) == 0 && (value & xcr0_x87);
    if (static_cast<u32>(r.rcx) != 0 || !known || ((value & xcr0_avx) && !(value & xcr0_sse)))
        return false;
    // The image that FXSAVE wrote holds x87 and SSE state; XRSTOR must take it from there.
    if (frame_.xcr0 == xcr0_x87) frame_.fpu[xsave_header] = std::byte{xcr0_x87 | xcr0_sse};
    frame_.xcr0 = value;
    vmcb_.rip += 3;
    vmcb_.interrupt_shadow = 0;
    return true;
}

AfterExit Vcpu::raise_invalid_opcode() {
    controls_.entry_interruption =
        vmx::interruption::Valid::mask |
        vmx::interruption::Type::make(vmx::interruption::type_exception) |
        vmx::interruption::Vector::make(invalid_opcode_vector);
    return AfterExit::resume;
}

AfterExit Vcpu::record_exception(u64 vector) {
    using namespace vmx::interruption;
    bool const asked = controls_.exception_bitmap >> vector & 1;
    bool const error_code =
        vector == 8 || (vector >= 10 && vector <= 14) || vector == alignment_vector;
    bool const software = vector == breakpoint_vector || vector == overflow_vector;
    u64 const info = Valid::mask | Vector::make(vector) | HasErrorCode::make(error_code) |
                     Type::make(software ? type_software_exception : type_exception);
    if (!asked) {
        // Intercepted for the host's sake: the guest gets it after all, an interrupt that was being
        // delivered first.
        u64 const delivered = Type::get(exit_.vectoring_info);
        bool const interrupt = Valid::get(exit_.vectoring_info) && delivered != type_exception;
        if (!interrupt) {
            controls_.entry_interruption = info;
            controls_.entry_error_code = error_code ? vmcb_.exit_info1 & 0xffffffff : 0;
        }
        return AfterExit::resume;
    }
    exit_.reason = static_cast<u64>(ExitReason::exception);
    exit_.interruption_info = info;
    exit_.interruption_error_code = error_code ? vmcb_.exit_info1 & 0xffffffff : 0;
    if (vector == page_fault_vector) exit_.qualification = vmcb_.exit_info2;
    if (vector == debug_vector) exit_.qualification = vmcb_.dr6 & 0x600f;
    return AfterExit::tell_monitor;
}

AfterExit Vcpu::record_exit(GuestTags& tags) {
    // QEMU writes 32 bits of the code only.
    u64 const code = vmcb_.exit_code;
    if (static_cast<u32>(code) == static_cast<u32>(exit_code::invalid)) {
        reset(); // what the processor stored may be the host's
        fail_entry();
        return AfterExit::tell_monitor;
    }
    if (vmcb_.tlb_control != tlb_keep) tags.flushed();
    if (vmcb_.nested_enable) cr3_ = vmcb_.cr3;
    frame_.registers.rax = vmcb_.rax;
    exit_ = {};
    exit_rip_ = vmcb_.rip;
    // SYSRET may leave another DPL in SS than CPL, which VMX does not know.
    vmcb_.ss.attributes = static_cast<u16>(attributes::Dpl::set(vmcb_.ss.attributes, vmcb_.cpl));
    take_back_interrupted_event();

    if (code >= exit_code::exception0 && code < exit_code::interrupt)
        return record_exception(code - exit_code::exception0);
    if (code == exit_code::interrupt) return AfterExit::host_interrupt;
    if (code == exit_code::nmi || code == exit_code::smi || code == exit_code::init)
        return AfterExit::resume;
    bool const rdtscp_enabled = vmx::secondary::Rdtscp::get(controls_.secondary) != 0;
    if (is_svm_instruction(code) || (code == exit_code::rdtscp && !rdtscp_enabled))
        return raise_invalid_opcode();
    if (code == exit_code::xsetbv && set_xcr0()) return AfterExit::resume;

    VmExit exit = translate(vmcb_, frame_.registers, *support_);
    exit.vectoring_info = exit_.vectoring_info;
    exit.vectoring_error_code = exit_.vectoring_error_code;
    exit_ = exit;
    return AfterExit::tell_monitor;
}
