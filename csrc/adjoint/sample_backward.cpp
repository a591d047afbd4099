#include "adjoint/sample_backward.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "adjoint/fan.hpp"
#include "core/errors.hpp"

namespace evsim {

namespace {

constexpr double far_back = -std::numeric_limits<double>::infinity();

std::int64_t stride_of(const std::vector<double>& values, std::size_t each) {
    return values.size() == each ? 0 : static_cast<std::int64_t>(each);
}

}  // namespace

SampleBackward::SampleBackward(const Adjoint& adjoint, const AdjointSample& sample, const AdjointOptions& options,
                               AdjointGradients& gradients, std::vector<std::vector<double>>& by_spikes)
    : adjoint_(adjoint), sample_(sample), options_(options), gradients_(gradients), by_spikes_(by_spikes) {}

void SampleBackward::run(const Component& component, double window) {
    std::vector<Node> nodes;
    for (const std::int32_t number : component) {
        if (adjoint_.nodes_[static_cast<std::size_t>(number)].neurons.size == 0) {
            pass_on(number);  // which lies on no cycle
        } else {
            nodes.push_back(begin(number));
        }
    }
    if (std::isinf(window)) {
        for (Node& node : nodes) backward(node, far_back);
        return;
    }
    for (;;) {
        double latest = far_back;
        for (const Node& node : nodes) {
            for (std::size_t n = 0; n < node.left.size(); ++n) {
                if (node.left[n] > node.points.first[n])
                    latest = std::max(latest, node.points.points[static_cast<std::size_t>(node.left[n] - 1)].time);
            }
        }
        if (latest == far_back) break;
        // What spikes of the window send within the component arrives after `latest`, also where the sum is rounded.
        const double ulp = std::nextafter(std::fabs(latest), HUGE_VAL) - std::fabs(latest);
        const double begin = latest - window * (1.0 - 1e-9) + 4.0 * ulp;
        if (!(begin < latest))
            throw Unsupported(text("a delay of ", window, " is lost in the rounding of times around ", latest));
        for (Node& node : nodes) backward(node, begin);
    }
    for (Node& node : nodes) backward(node, far_back);
}

SampleBackward::Node SampleBackward::begin(std::int32_t number) {
    Node node{number, {}, {}, {}, {}, {}, {}, {}};
    const auto k = static_cast<std::size_t>(number);
    const AdjointNode& described = adjoint_.nodes_[k];
    const LinearNeurons& linear = described.neurons;
    std::vector<IncomingEdge> incoming;
    for (const std::int32_t e : adjoint_.incoming_[k]) {
        incoming.push_back(
            {&adjoint_.edges_[static_cast<std::size_t>(e)], adjoint_.delays_[static_cast<std::size_t>(e)].get()});
    }
    node.points = points_of(described, node.number, incoming, sample_);
    const auto n = static_cast<std::size_t>(described.n_neurons), size = static_cast<std::size_t>(linear.size);
    node.states.resize(node.points.points.size() * size);
    node.costates.assign(n * size, 0.0);
    node.now.assign(n, 0.0);
    node.left.assign(node.points.first.begin() + 1, node.points.first.end());
    AdjointNeurons& neurons = node.neurons;
    neurons.n = described.n_neurons;
    neurons.flow = linear.flow.data();
    neurons.held_flow = linear.held_flow.empty() ? nullptr : linear.held_flow.data();
    neurons.reset = linear.reset.data();
    neurons.initial = linear.initial.data();
    neurons.flow_stride = stride_of(linear.flow, size * size);
    neurons.reset_stride = stride_of(linear.reset, size * size);
    neurons.initial_stride = stride_of(linear.initial, size);
    neurons.readout = linear.readout.data();
    neurons.arrivals = linear.arrivals.data();
    neurons.held_arrivals = linear.held_arrivals.data();
    neurons.refractory = linear.refractory.empty() ? nullptr : linear.refractory.data();
    neurons.start = sample_.start;
    neurons.first = node.points.first.data();
    neurons.points = node.points.points.data();
    neurons.states = node.states.data();
    adjoint_.kernels_[k].forward(neurons);
    AdjointStretch& stretch = node.stretch;
    stretch.left = node.left.data();
    stretch.now = node.now.data();
    stretch.costates = node.costates.data();
    stretch.spikes = by_spikes_[k].data();
    stretch.seeds = sample_.seeds[k].values.data();
    stretch.smallest_slope = options_.smallest_slope;
    if (!options_.parameters[k]) return node;
    ParameterGradients& of = gradients_.by_parameters[k];
    stretch.by_flow = of.by_flow.data();
    stretch.by_held_flow = of.by_held_flow.data();
    stretch.by_reset = of.by_reset.data();
    stretch.by_threshold = of.by_threshold.data();
    stretch.by_refractory = of.by_refractory.data();
    stretch.by_initial = of.by_initial.data();
    return node;
}

void SampleBackward::backward(Node& node, double begin) {
    node.stretch.neurons = &node.neurons;
    node.stretch.begin = begin;
    const std::vector<std::int64_t> left = node.left;
    adjoint_.kernels_[static_cast<std::size_t>(node.number)].backward(node.stretch);
    for (std::size_t n = 0; n < left.size(); ++n) {
        if (node.left[n] < left[n]) take(node, node.left[n], left[n]);
    }
}

void SampleBackward::take(const Node& node, std::int64_t from, std::int64_t to) {
    const auto& incoming = adjoint_.incoming_[static_cast<std::size_t>(node.number)];
    for (std::int64_t k = from; k < to; ++k) {
        const AdjointPoint& point = node.points.points[static_cast<std::size_t>(k)];
        if (point.kind != AdjointKind::arrival) continue;
        const auto e = static_cast<std::size_t>(incoming[point.edge]);
        const AdjointEdge& edge = adjoint_.edges_[e];
        gradients_.by_weights[e].add(point.place, point.weight);
        by_spikes_[static_cast<std::size_t>(edge.source)][static_cast<std::size_t>(point.spike)] += point.time;
        std::vector<double>& by_delays = gradients_.by_delays[e];
        const std::int32_t input =
            sample_.spikes[static_cast<std::size_t>(edge.source)].indices[static_cast<std::size_t>(point.spike)];
        if (by_delays.size() == 1) {
            by_delays[0] += point.time;
        } else if (!adjoint_.delays_[e]->by_synapse()) {
            by_delays[static_cast<std::size_t>(input)] += point.time;
        } else {
            const double* const own = edge.projection->fan_out(input, *adjoint_.delays_[e]).delays;
            by_delays[static_cast<std::size_t>(own - adjoint_.delays_[e]->values().data() + point.synapse)] +=
                point.time;
        }
    }
}

void SampleBackward::pass_on(std::int32_t relay) {
    const auto k = static_cast<std::size_t>(relay);
    if (sample_.causes[k].empty()) return;  // an input, or nothing to pass on
    const auto source =
        static_cast<std::size_t>(adjoint_.edges_[static_cast<std::size_t>(adjoint_.incoming_[k].at(0))].source);
    const SpikeView &passed = sample_.spikes[k], &sent = sample_.spikes[source];
    for (std::size_t s = 0; s < passed.times.size(); ++s) {
        const auto first = std::lower_bound(sent.times.begin(), sent.times.end(), passed.times[s]) - sent.times.begin();
        for (auto at = static_cast<std::size_t>(first); at < sent.times.size() && sent.times[at] == passed.times[s];
             ++at) {
            if (sent.indices[at] != sample_.causes[k][s]) continue;
            by_spikes_[source][at] += by_spikes_[k][s];
            break;
        }
    }
}

}  // namespace evsim
