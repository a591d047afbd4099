// Networks of layers in a row, as most tests want them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <evsim/core/errors.hpp>
#include <evsim/kernel/registry.hpp>
#include <evsim/network.hpp>

namespace evsim {

struct NeuronSettings {
    std::string model;
    NeuronParameters parameters;
};

/// A population and the projection that feeds it.
struct TestLayer {
    std::shared_ptr<Population> population;
    std::shared_ptr<Projection> projection;

    std::shared_ptr<const NodeOutput> output() const { return population->output(); }
    Dense& dense() const { return *projection->dense(); }
};

inline TestLayer dense_layer(std::int64_t n_inputs, std::int64_t n_neurons, std::shared_ptr<const NeuronKernel> kernel,
                             const NeuronParameters& parameters, const RuleSettings& rule = {}) {
    TestLayer layer;
    layer.population = std::make_shared<Population>(kernel, Layout::row(n_neurons, kernel->info), parameters);
    layer.projection = std::make_shared<Projection>(layer.population, n_inputs, rule);
    return layer;
}

inline TestLayer dense_layer(std::int64_t n_inputs, std::int64_t n_neurons, int value_bytes,
                             const NeuronSettings& neurons) {
    return dense_layer(n_inputs, n_neurons, find_kernel(neurons.model, value_bytes), neurons.parameters);
}

inline TestLayer conv_layer(const Conv2dSettings& settings, const NeuronSettings& neurons) {
    const auto kernel = find_kernel(neurons.model, 4);
    TestLayer layer;
    layer.population = std::make_shared<Population>(
        kernel, Layout::image(output_of(settings), kernel->info.weight_bytes), neurons.parameters);
    layer.projection = std::make_shared<Projection>(layer.population, Conv2d(settings, kernel->info.weight_bytes));
    return layer;
}

inline InferOptions options(double until, bool reset = true) {
    InferOptions out;
    out.until = until;
    out.reset = reset;
    return out;
}

/// A network that grows at its end.
class Chain : public Network {
 public:
    void add(const TestLayer& layer) {
        if (last_ < 0) last_ = add_input(layer.projection->n_inputs());
        append(add_population(layer.population), layer.projection);
        last_node_ = layer.population.get();
    }
    void add(const std::shared_ptr<Relay>& relay) {
        if (last_ < 0) last_ = add_input(relay->n_inputs());
        append(add_relay(relay), nullptr);
        last_node_ = relay.get();
    }
    void run(const std::vector<SpikeView>& samples, const InferOptions& options, Interruption& interruption) {
        std::vector<SampleInputs> inputs;
        for (const SpikeView& sample : samples) inputs.push_back({sample});
        infer(inputs, options, interruption);
    }
    SpikeArray run(const SpikeArray& input, const InferOptions& options = {}) {
        Interruption interruption;
        run({{input.indices(), input.times()}}, options, interruption);
        return last_node_->output()->post_spikes[0];
    }

 private:
    void append(std::int32_t node, std::shared_ptr<Projection> projection) {
        connect(last_, node, std::move(projection));
        last_ = node;
    }

    std::int32_t last_ = -1;
    const Node* last_node_ = nullptr;
};

}  // namespace evsim
