#include "plan.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"

namespace evsim {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::string input_name(const CallFacts& facts, std::size_t sample) {
    return facts.first_spikes.size() == 1 ? std::string("input") : text("input ", sample);
}

void check_times(const CallFacts& facts, const CallOptions& options, bool fresh) {
    if (std::isnan(options.until)) throw NonFinite("until must be a number, got nan");
    if (options.start && !std::isfinite(*options.start))
        throw NonFinite(text("start must be finite, got ", *options.start));
    for (std::size_t s = 0; s < facts.first_spikes.size(); ++s) {
        const double first = facts.first_spikes[s];
        if (options.start && first < *options.start) {
            throw StreamOrder(
                text(input_name(facts, s), ": the first spike, at ", first, ", lies before start = ", *options.start));
        }
        if (!fresh && first < *facts.time) {
            throw StreamOrder(text(
                input_name(facts, s), ": the first spike, at ", first, ", lies before the time already simulated, ",
                *facts.time, std::isinf(*facts.time) ? "; give until= to every call of a stream but the last" : ""));
        }
    }
    if (options.until == -infinity) throw NonFinite("until must not be -inf");
    if (options.start && !fresh) {
        throw InvalidArgument(
            "start is for the beginning of a stream; reset=False goes on where the last call stopped");
    }
}

void check_probe(const NodeFacts& node, const Probe& probe, double begin, double until) {
    for (const std::int32_t n : probe.neurons) {
        if (n < 0 || n >= node.n_neurons) {
            throw IndexOutOfRange(
                text("record: there is no neuron ", n, " in ", node.label, " (valid: 0 to ", node.n_neurons - 1, ")"));
        }
    }
    for (std::size_t k = 0; k < probe.times.size(); ++k) {
        const double t = probe.times[k];
        if (!std::isfinite(t)) throw NonFinite(text("record: times must be finite, but times[", k, "] is ", t));
        if (k > 0 && t < probe.times[k - 1])
            throw UnsortedSpikes(text("record: times must not decrease, but times[", k, "] = ", t));
        if (t < begin || t > until) {
            throw InvalidArgument(text("record: time ", t, " lies outside the simulated time, ", begin, " to ", until));
        }
    }
}

/// Where simulated time begins: where the caller says, else at 0, or earlier if anything is.
std::vector<double> beginnings(const CallFacts& facts, const CallOptions& options) {
    std::vector<double> starts;
    double earliest = std::min(0.0, options.until);
    for (const RecordRequest& request : options.record) {
        if (!request.probe.times.empty()) earliest = std::min(earliest, request.probe.times.front());
    }
    for (const double first : facts.first_spikes) starts.push_back(options.start.value_or(std::min(earliest, first)));
    return starts;
}

}  // namespace

CallPlan plan_call(const CallFacts& facts, const CallOptions& options) {
    if (facts.nodes.empty()) throw EmptyNetwork("the network has no layers; add one with add_fc_layer or add_layer");
    const bool fresh = options.reset || !facts.time;
    check_times(facts, options, fresh);
    const double begin = fresh ? options.start.value_or(-infinity) : *facts.time;
    if (options.until < begin)
        throw InvalidArgument(text("until = ", options.until, " lies before the beginning, ", begin));
    if (!fresh && facts.carried != facts.first_spikes.size()) {
        throw ShapeMismatch(text("reset=False goes on with the ", facts.carried, " samples of the last call, got ",
                                 facts.first_spikes.size()));
    }
    for (const NodeFacts& node : facts.nodes) {
        if (std::isinf(options.until) && node.endless_neuron) {
            throw InvalidArgument(
                text(node.label, ": neuron ", *node.endless_neuron,
                     " may fire for ever without input (it is driven, or its model cannot tell); give until="));
        }
    }
    for (const RecordRequest& request : options.record)
        check_probe(facts.nodes[static_cast<std::size_t>(request.node)], request.probe, begin, options.until);
    return {fresh, fresh ? -infinity : begin, fresh ? beginnings(facts, options) : std::vector<double>()};
}

}  // namespace evsim
