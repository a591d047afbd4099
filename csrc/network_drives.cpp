// What drives the populations of a network from outside.
#include "network.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "core/fork.hpp"
#include "kernel/parameters.hpp"

namespace evsim {

void Network::require_drivable(const Population& population, const std::string& label) {
    require_scatter(population.kernel());
}

void Network::add_drive(std::int32_t target, DriveSettings settings, Interruption&& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    const BriefLock lock(mutex_);
    entry(target);  // throws where there is none
    Entry& to = entries_[static_cast<std::size_t>(target)];
    if (!to.population) throw InvalidArgument("a drive needs neurons");
    require_drivable(*to.population, to.label);
    const std::int32_t port = port_of(settings);
    if (port < 0 || port >= to.population->kernel().info.n_ports)
        throw InvalidArgument(text(to.label, " has no port ", port));
    const std::int32_t n = to.population->n_neurons();
    if (to.shared) settings = part_of(std::move(settings), to.size, to.first, n);
    to.drives.push_back(make_drive(std::move(settings), n, n_drives_, to.first));
    ++n_drives_;
    time_.reset();
}

void Network::check_drives(const CallPlan& plan, double until) const {
    constexpr double most = 1e12;  // which take hours
    const double from =
        plan.fresh && !plan.starts.empty() ? *std::min_element(plan.starts.begin(), plan.starts.end()) : plan.from;
    for (const Entry& entry : entries_) {
        if (!entry.drives.empty() && std::isinf(until))
            throw InvalidArgument(text(entry.label, " is driven for ever; give until="));
        for (const auto& drive : entry.drives) {
            const double expected = drive->most(0, drive->n_neurons()) * (until - from);
            if (expected > most)
                throw InvalidArgument(text(entry.label, ": its drive has too high a rate, ", expected,
                                           " arrivals up to ", until,
                                           "; are rates and steps given in the network's unit of time?"));
        }
    }
}

}  // namespace evsim
