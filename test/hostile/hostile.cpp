// SPDX-License-Identifier: Apache-2.0
// A root task that attacks the kernel it runs on: every case of cases.S in a thread of its own, whose fault must be the expected
// one. Last line: "hostile: N cases, M failed".
#include "user/bare/print.hpp"
#include "user/bare/start.hpp"
#include "user/tcb.hpp"
#include "user/untyped.hpp"

namespace {

struct Case { // as cases.S lays it out
    char const* name;
    u64 entry;
    u64 fault; // abi::FaultLabel
    u64 detail;
    u64 result;
};
extern "C" Case const cases[], cases_end[];

constexpr u64 any = 0x6e4e6e4e;
alignas(16) std::byte stack[4096];

struct Outcome {
    u64 fault, detail, result;
};

class Attacker {
public:
    // slots: two free ones, for the thread and the endpoint its faults go to.
    Attacker(user::Untyped memory, u64 slots) : tcb_{slots}, faults_{slots + 1} {
        user::CNode const cnode{abi::initial_slot::cnode};
        made_ = memory.retype(abi::ObjectType::tcb, 0, cnode, tcb_.cptr) &&
                memory.retype(abi::ObjectType::endpoint, 0, cnode, faults_.cptr) &&
                tcb_.set_space({faults_.cptr, cnode, 0, {abi::initial_slot::vspace}});
    }
    bool made() const { return made_; }

    Outcome run(Case const& attack) const {
        abi::UserContext registers{};
        registers.rip = attack.entry;
        registers.rsp = reinterpret_cast<u64>(stack) + sizeof stack;
        if (!tcb_.write_registers(registers, true)) return {};
        user::Message const fault = faults_.receive();
        Outcome outcome{fault.info.label(), detail(fault), 0};
        if (auto const after = tcb_.read_registers(true)) outcome.result = after->rax;
        return outcome;
    }

private:
    static u64 detail(user::Message const& fault) {
        switch (static_cast<abi::FaultLabel>(fault.info.label())) {
        case abi::FaultLabel::user_exception: return fault.words[3]; // vector
        case abi::FaultLabel::vm_fault: return fault.words[1];       // address
        case abi::FaultLabel::unknown_syscall: return user::ipc_buffer().message[18];
        default: return 0;
        }
    }

    user::Tcb tcb_;
    user::Endpoint faults_;
    bool made_{};
};

bool check(Attacker const& attacker, Case const& attack) {
    Outcome const is = attacker.run(attack);
    bool const same = is.fault != 0 && (attack.fault == any || is.fault == attack.fault) &&
                      (attack.detail == any || is.detail == attack.detail) &&
                      (attack.result == any || is.result == attack.result);
    if (!same) {
        user::print(user::Text<200>{}
                        .add("hostile: ").add(attack.name).add(": fault ").decimal(is.fault).add(" detail ").hexadecimal(is.detail)
                        .add(" rax ").hexadecimal(is.result).add(", expected ").decimal(attack.fault).add(" ")
                        .hexadecimal(attack.detail).add(" ").hexadecimal(attack.result).add("\n"));
    }
    return same;
}

} // namespace

void root_main(abi::BootInfo const& boot_info) {
    u64 memory = 0;
    for (u64 i = 0; i < boot_info.untyped.end - boot_info.untyped.start; ++i) {
        auto const& piece = boot_info.untyped_list[i];
        if (!piece.is_device && piece.size_bits >= 16 && piece.size_bits <= 22) memory = boot_info.untyped.start + i;
    }
    Attacker const attacker{{memory}, boot_info.empty.start};
    if (!attacker.made()) return user::print("hostile: cannot make the attacking thread\n");
    u64 count = 0, failed = 0;
    for (Case const* attack = cases; attack != cases_end; ++attack) {
        ++count;
        if (!check(attacker, *attack)) ++failed;
    }
    user::print(user::Text<80>{}.add("hostile: ").decimal(count).add(" cases, ").decimal(failed).add(" failed\n"));
    user::debug_halt();
}
