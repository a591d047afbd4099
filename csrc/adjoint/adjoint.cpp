#include "adjoint/adjoint.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "adjoint/fan.hpp"
#include "adjoint/sample_backward.hpp"
#include "core/cpu.hpp"
#include "core/errors.hpp"

namespace evsim {

#if defined(EVSIM_X86_64)
AdjointKernel adjoint_kernel_avx2(int size);
#endif
AdjointKernel adjoint_kernel_baseline(int size);

namespace {

AdjointKernel find_adjoint_kernel(int size) {
#if defined(EVSIM_X86_64)
    if (active_isa() != "baseline") return adjoint_kernel_avx2(size);
#endif
    return adjoint_kernel_baseline(size);
}

void require(std::size_t found, std::size_t expected, const char* what, const std::string& label) {
    if (found != expected) throw ShapeMismatch(text(label, ": ", what, " must be ", expected, ", got ", found));
}

void check_neurons(const AdjointNode& node, std::size_t n_incoming) {
    const LinearNeurons& neurons = node.neurons;
    const auto size = static_cast<std::size_t>(neurons.size), n = static_cast<std::size_t>(node.n_neurons);
    const auto one_or_each = [&](const std::vector<double>& values, std::size_t each, const char* what) {
        if (values.size() != each) require(values.size(), n * each, what, node.label);
    };
    one_or_each(neurons.flow, size * size, "rates");
    require(neurons.held_flow.size(), neurons.refractory.empty() ? 0 : neurons.flow.size(), "held rates", node.label);
    one_or_each(neurons.reset, size * size, "resets");
    one_or_each(neurons.initial, size, "initial values");
    require(neurons.readout.size(), size, "readouts", node.label);
    if (!neurons.refractory.empty()) require(neurons.refractory.size(), n, "refractory periods", node.label);
    require(neurons.arrivals.size(), n_incoming * size, "arrivals", node.label);
    require(neurons.held_arrivals.size(), n_incoming * size, "held arrivals", node.label);
}

/// Adds `more`, if there is any, to `sum`.
void add(std::vector<double>& sum, const std::vector<double>& more) {
    for (std::size_t k = 0; k < more.size(); ++k) sum[k] += more[k];
}

void add(AdjointGradients& sum, const AdjointGradients& more) {
    for (std::size_t e = 0; e < sum.by_weights.size(); ++e) {
        sum.by_weights[e].add(more.by_weights[e]);
        add(sum.by_delays[e], more.by_delays[e]);
    }
    for (std::size_t n = 0; n < sum.by_parameters.size(); ++n) {
        ParameterGradients& to = sum.by_parameters[n];
        const ParameterGradients& from = more.by_parameters[n];
        add(to.by_flow, from.by_flow);
        add(to.by_held_flow, from.by_held_flow);
        add(to.by_reset, from.by_reset);
        add(to.by_threshold, from.by_threshold);
        add(to.by_refractory, from.by_refractory);
        add(to.by_initial, from.by_initial);
    }
}

}  // namespace

Adjoint::Adjoint(std::vector<AdjointNode> nodes, std::vector<AdjointEdge> edges)
    : nodes_(std::move(nodes)), edges_(std::move(edges)), incoming_(nodes_.size()) {
    std::vector<std::pair<std::int32_t, std::int32_t>> pairs;
    for (std::size_t e = 0; e < edges_.size(); ++e) {
        AdjointEdge& edge = edges_[e];
        if (edge.projection && edge.projection->conv())
            edge.pairs = std::make_shared<const ConvPairs>(*edge.projection->conv());
        const auto n_nodes = static_cast<std::int32_t>(nodes_.size());
        if (edge.source < 0 || edge.source >= n_nodes || edge.target < 0 || edge.target >= n_nodes)
            throw InvalidArgument(text("an edge leads from node ", edge.source, " to ", edge.target));
        incoming_[static_cast<std::size_t>(edge.target)].push_back(static_cast<std::int32_t>(e));
        delays_.push_back(edge.projection ? edge.projection->delays() : nullptr);
        pairs.emplace_back(edge.source, edge.target);
    }
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
        const int size = nodes_[n].neurons.size;
        if (size > 9) throw Unsupported(text(nodes_[n].label, ": neurons of more than 8 variables have no gradients"));
        kernels_.push_back(size > 0 ? find_adjoint_kernel(size) : AdjointKernel{});
        if (size == 0) continue;
        if (size != kernels_.back().size)
            throw InvalidArgument(text(nodes_[n].label, ": there is no kernel of ", size, " variables"));
        check_neurons(nodes_[n], incoming_[n].size());
    }
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
        std::vector<const AdjointEdge*> edges;
        std::vector<const Delays*> delays;
        for (const std::int32_t e : incoming_[n]) {
            edges.push_back(&edges_[static_cast<std::size_t>(e)]);
            delays.push_back(delays_[static_cast<std::size_t>(e)].get());
        }
        layers_.push_back(nodes_[n].neurons.size > 0 ? dense_layer(nodes_[n], edges, delays) : std::nullopt);
    }
    components_ = components(static_cast<std::int32_t>(nodes_.size()), pairs);
    for (const Component& component : components_) {
        double shortest = std::numeric_limits<double>::infinity();
        for (std::size_t e = 0; e < edges_.size(); ++e) {
            if (place_in(component, edges_[e].source) < 0 || place_in(component, edges_[e].target) < 0) continue;
            shortest = std::min(shortest, delays_[e] ? delays_[e]->smallest() : 0.0);
        }
        if (shortest == 0.0)
            throw Unsupported(
                text("gradients through cycles need a delay on every projection within them, and no pooling: ",
                     nodes_[static_cast<std::size_t>(component[0])].label, " lies on one without"));
        windows_.push_back(shortest);
    }
}

void Adjoint::check(const AdjointSample& sample) const {
    const std::size_t n = nodes_.size();
    for (const std::size_t found :
         {sample.spikes.size(), sample.causes.size(), sample.loss_by_spikes.size(), sample.seeds.size()})
        require(found, n, "nodes", "a sample");
    for (std::size_t k = 0; k < n; ++k) {
        const AdjointNode& node = nodes_[k];
        const SpikeView& spikes = sample.spikes[k];
        check_spikes(spikes.indices, spikes.times, node.n_neurons, "spikes");
        if (!sample.loss_by_spikes[k].empty())
            require(sample.loss_by_spikes[k].size(), spikes.times.size(), "derivatives by spike times", node.label);
        if (!sample.causes[k].empty()) require(sample.causes[k].size(), spikes.times.size(), "causes", node.label);
        const AdjointSeeds& seeds = sample.seeds[k];
        require(seeds.times.size(), seeds.neurons.size(), "times", node.label);
        require(seeds.moving.size(), seeds.neurons.size(), "kinds of times", node.label);
        require(seeds.values.size(), seeds.times.size() * static_cast<std::size_t>(node.neurons.size),
                "derivatives by states", node.label);
        for (const std::int32_t neuron : seeds.neurons)
            if (neuron < 0 || neuron >= node.n_neurons)
                throw IndexOutOfRange(text(node.label, " has ", node.n_neurons, " neurons, got ", neuron));
    }
}

AdjointGradients Adjoint::zeros(const AdjointOptions& options, const Component* component) const {
    const auto meant = [&](std::int32_t node) { return !component || place_in(*component, node) >= 0; };
    AdjointGradients out;
    for (std::size_t e = 0; e < edges_.size(); ++e) {
        const auto& projection = edges_[e].projection;
        const bool some = projection && meant(edges_[e].target);
        out.by_weights.push_back(some ? WeightGradient(n_weight_places(*projection), weight_bytes(*projection))
                                      : WeightGradient());
        out.by_delays.emplace_back(some ? delays_[e]->values().size() : 0, 0.0);
    }
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
        ParameterGradients& of = out.by_parameters.emplace_back();
        const LinearNeurons& neurons = nodes_[k].neurons;
        if (neurons.size == 0 || !options.parameters[k] || !meant(static_cast<std::int32_t>(k))) continue;
        const auto n = static_cast<std::size_t>(nodes_[k].n_neurons), size = static_cast<std::size_t>(neurons.size);
        of.by_flow.assign(n * size * size, 0.0);
        of.by_held_flow = of.by_reset = of.by_flow;
        of.by_threshold.assign(n, 0.0);
        of.by_refractory.assign(n, 0.0);
        of.by_initial.assign(n * size, 0.0);
    }
    return out;
}

AdjointGradients Adjoint::backward(const std::vector<AdjointSample>& samples, const AdjointOptions& options,
                                   Interruption& interruption) const {
    require(options.parameters.size(), nodes_.size(), "nodes", "options");
    for (const AdjointSample& sample : samples) check(sample);
    AdjointGradients gradients = zeros(options);
    for (const AdjointSample& sample : samples) {
        auto& by_spikes = gradients.by_spikes.emplace_back();
        for (std::size_t n = 0; n < nodes_.size(); ++n) {
            by_spikes.emplace_back(sample.loss_by_spikes[n].begin(), sample.loss_by_spikes[n].end());
            by_spikes.back().resize(sample.spikes[n].times.size(), 0.0);
        }
    }
    for (std::size_t c = components_.size(); c-- > 0;) {
        const std::int32_t node = components_[c][0];
        if (std::isinf(windows_[c]) && layers_[static_cast<std::size_t>(node)] &&
            !options.parameters[static_cast<std::size_t>(node)]) {
            layer_backward(node, samples, options, gradients, interruption);
        } else {
            one_by_one(c, samples, options, gradients, interruption);
        }
    }
    return gradients;
}

void Adjoint::layer_backward(std::int32_t node, const std::vector<AdjointSample>& samples,
                             const AdjointOptions& options, AdjointGradients& gradients,
                             Interruption& interruption) const {
    const auto k = static_cast<std::size_t>(node);
    std::vector<LayerEdge> edges;
    for (const std::int32_t number : incoming_[k]) {
        const auto e = static_cast<std::size_t>(number);
        edges.push_back({&edges_[e], delays_[e].get(), &gradients.by_weights[e], &gradients.by_delays[e]});
    }
    evsim::layer_backward(nodes_[k], node, *layers_[k], edges, samples, options.smallest_slope, gradients.by_spikes,
                          interruption);
}

void Adjoint::one_by_one(std::size_t component, const std::vector<AdjointSample>& samples,
                         const AdjointOptions& options, AdjointGradients& gradients, Interruption& interruption) const {
    // Samples are added up in a fixed number of groups, so that the sum does not depend on the threads.
    const std::size_t n_groups = std::min<std::size_t>(4, samples.size());
    std::vector<AdjointGradients> groups(n_groups);
    parallel_for(static_cast<std::int64_t>(n_groups), num_threads(), interruption, [&](std::int64_t group) {
        const auto g = static_cast<std::size_t>(group);
        if (n_groups > 1) groups[g] = zeros(options, &components_[component]);
        for (std::size_t s = g; s < samples.size(); s += n_groups) {
            if (interruption.requested()) throw Interrupted();
            SampleBackward(*this, samples[s], options, n_groups > 1 ? groups[g] : gradients, gradients.by_spikes[s])
                .run(components_[component], windows_[component]);
        }
    });
    if (n_groups < 2) return;
    for (const AdjointGradients& group : groups) add(gradients, group);
}

}  // namespace evsim
