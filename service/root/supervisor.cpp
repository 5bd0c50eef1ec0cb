// SPDX-License-Identifier: Apache-2.0
#include "service/root/supervisor.hpp"

#include "protocol/root.hpp"
#include "service/root/fault_report.hpp"

using namespace protocol;

namespace {

constexpr u64 last_fault_label = std::to_underlying(abi::FaultLabel::vm_fault);

user::Text<320> about(Component const& component, char const* separator = ": ") {
    user::Text<320> line;
    line.add(component.name()).add(separator);
    return line;
}

} // namespace

void Supervisor::start_all() {
    for (Role const role : {Role::service, Role::work})
        for (auto& component : world_.components)
            if (component.entry->role == role) start(component);
}

void Supervisor::start(Component& component) {
    auto const refuse = [&](auto const& why) {
        say(view(about(component).add("not started: ").add(why)));
        component.state = State::failed;
    };
    for (auto const& grant : world_.archive.grants(*component.entry))
        if (grant.kind == GrantKind::guest && !can_run_guests(static_cast<GuestKind>(grant.second), cpuid))
            return refuse(static_cast<GuestKind>(grant.second) == GuestKind::nested
                              ? "its guest needs a processor with AMD SVM and nested paging, this one has not got them "
                                "(run with --cpu amd, or write engine = \"shadow\" or \"translate\")"
                              : "its guest needs a processor with AMD SVM, this one has not got it "
                                "(run with --cpu amd, or write engine = \"translate\")");

    Builder builder(world_, component);
    auto const built = builder.build(library_os_, library_os_file_);
    if (built) {
        component.state = State::running;
        return;
    }
    component.workshop.close();
    user::Text<240> why;
    if (built.error().machine_is_short) {
        add_bytes(why.add("it needs "), builder.memory_needed()).add(" and the machine has only ");
        add_bytes(why, world_.resources.memory().free_bytes())
            .add(" left (lower `memory` or run with a larger --memory)");
    } else {
        why.add(view(built.error().step)).add(": ");
        if (built.error().error.shortage == user::Shortage::memory)
            why.add("`memory` is too small for what it is made of (raise it)");
        else
            why.add(built.error().error.text().c_str());
    }
    refuse(view(why));
}

void Supervisor::stop(Component& component, State state) {
    flush_log(component);
    print_lost(component);
    component.workshop.close();
    component.tcb = {};
    component.state = state;
    if (component.number == world_.services.console()) output_.leave();
}

void Supervisor::on_failure(Component& component, std::string_view why) {
    stop(component, State::failed);
    say(view(about(component).add("stopped: ").add(why)));
    if (component.entry->restart != Restart::on_failure) return;
    if (!component.policy.failed(world_.facts.seconds())) {
        say(view(about(component)
                     .add("not restarted: it failed ")
                     .decimal(RestartPolicy::limit + 1)
                     .add(" times within ")
                     .decimal(RestartPolicy::window_seconds)
                     .add(" s")));
        return;
    }
    say(view(about(component).add("restarting (").decimal(++component.restarts).add(')')));
    start(component);
}

void Supervisor::on_exit(Component& component, u64 status) {
    if (status != 0) {
        user::Text<48> why;
        return on_failure(component, view(why.add("exit status ").decimal(status)));
    }
    stop(component, State::stopped);
    say(view(about(component).add("stopped")));
}

void Supervisor::flush_log(Component& component) {
    if (component.log_line.size() == 0) return;
    say(view(about(component, "| ").add(component.log_line.c_str())));
    component.log_line.clear();
}

void Supervisor::print_lost(Component& component) {
    if (u64 const lost = component.log_budget.take_lost())
        say(view(about(component).decimal(lost).add(
            " bytes of its log were dropped: too much in one second")));
}

void Supervisor::on_log(Component& component, u64 bytes, std::span<char const> text) {
    if (bytes > text.size()) bytes = text.size();
    bytes = component.log_budget.grant(bytes, world_.facts.seconds());
    if (bytes != 0) print_lost(component);
    for (char const c : text.first(bytes)) {
        if (c == '\n' || component.log_line.size() >= 230) flush_log(component);
        bool const printable = static_cast<u8>(c) >= ' ' || c == '\t';
        if (c != '\n' && c != '\r') component.log_line.add(printable ? c : '?');
    }
}

std::optional<user::Message> Supervisor::on_message(user::Message const& message) {
    u64 const number = message.badge & ~event::message;
    if (number >= world_.components.size()) return {};
    Component& component = world_.components[static_cast<unsigned>(number)];
    if (component.state != State::running) return {};

    // The words as the component sent them; which of them mean something, only its label says.
    u64 words[abi::max_message_words]{};
    u64 const length = message.info.length();
    for (u64 i = 0; i < length; ++i)
        words[i] =
            i < abi::register_message_words ? message.words[i] : user::ipc_buffer().message[i];
    std::span<u64 const> const received(words, length);

    u64 const label = message.info.label();
    if (label >= 1 && label <= last_fault_label) {
        say(view(about(component).add("fault: ").add(view(describe_fault(label, received)))));
        on_failure(component, "fault");
        return {};
    }
    switch (RootLabel{label}) {
    case RootLabel::exit: on_exit(component, words[0]); return {};
    case RootLabel::log:
        on_log(component, words[0] < max_log_bytes ? words[0] : max_log_bytes,
               {reinterpret_cast<char const*>(words + 1),
                length > 1 ? (length - 1) * sizeof(u64) : 0});
        return user::Message::make(0);
    case RootLabel::fault: {
        auto line = about(component);
        if (words[0] != 0) line.add("thread ").decimal(words[0]).add(": ");
        say(view(line.add("fault: ").add(view(describe_exception(received)))));
        on_failure(component, "fault");
        return {};
    }
    }
    return user::Message::make(
        std::to_underlying(abi::Error::illegal_operation)); // no such request
}

void Supervisor::on_events(u64 events) {
    unsigned const console = world_.services.console();
    if ((events & event::console) == 0 || console == no_component) return;
    if (world_.components[console].state != State::running) return;
    if (!output_.uses_console()) output_.use(own_page());
    output_.report_lost();
}

bool Supervisor::work_goes_on() const {
    for (auto const& component : world_.components)
        if (component.is_work() && component.state == State::running) return true;
    return false;
}

bool Supervisor::run() {
    if (unsigned const console = world_.services.console(); console != no_component) {
        // Root is the console's first client: its bell is the service's notification with the first
        // client's bit.
        auto const slot = world_.resources.slots().take();
        if (slot && Resources::cnode.mint(
                        *slot, Resources::cnode.at(world_.components[console].events.cptr),
                        abi::right::write, event::first_client))
            bell_ = {*slot};
    }
    while (work_goes_on()) {
        auto const message = world_.endpoint.receive();
        if (!(message.badge & event::message))
            on_events(message.badge);
        else if (auto const answer = on_message(message))
            user::reply(*answer);
    }
    bool clean = true;
    for (auto const& component : world_.components)
        if (component.is_work() && component.state != State::stopped) clean = false;
    return clean;
}

// Lets the console service print what is queued: root steps behind everybody and waits until all is
// taken and the service has been idle for a moment, but not for ever.
void Supervisor::drain_console() {
    if (!output_.uses_console()) return;
    constexpr u64 idle_ms = 30, limit_ms = 2000;
    user::Tcb const self{abi::initial_slot::tcb};
    [[maybe_unused]] auto const lowered = self.set_priority(self, 0);
    u64 const start = user::time_stamp();
    u64 last_busy = start;
    for (u64 now = start; now - start < limit_ms * world_.facts.tsc_khz &&
                          now - last_busy < idle_ms * world_.facts.tsc_khz;
         now = user::time_stamp()) {
        for (auto const& client : world_.services.console_clients())
            if (client.page->output.used() != 0) last_busy = now;
        user::yield();
    }
    [[maybe_unused]] auto const raised = self.set_priority(self, abi::priorities - 1);
}

void Supervisor::finish(u64 free_at_start) {
    drain_console();
    for (auto& component : world_.components)
        if (component.state == State::running) stop(component, State::stopped);
    u64 const free_now = world_.resources.memory().free_bytes();
    Line line;
    line.add("system: stopped; ");
    if (free_now == free_at_start) {
        add_bytes(line.add("all memory is back: "), free_now).add(" free as at the start");
    } else {
        add_bytes(line.add("memory is missing: "), free_now).add(" free, at the start ");
        add_bytes(line, free_at_start);
    }
    say(view(line));
}
