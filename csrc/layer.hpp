// A layer: a connection and the neurons it feeds.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connection/dense.hpp"
#include "core/aligned_buffer.hpp"
#include "core/spike_array.hpp"
#include "engine/neuron_kernel.hpp"
#include "plasticity.hpp"

namespace evsim {

/// What the neurons of a layer carry from one call to the next, for one sample.
struct LayerState {
    AlignedBuffer values;        ///< state variables as of the last input event, [n_state][padded neurons]
    std::vector<double> memory;  ///< what readouts remember, likewise as of the last input event
    double last_event = 0.0;     ///< time of that event, or of the start
    TraceState traces;           ///< of layers with a plasticity rule
};

/// A neuron model with its parameters: `shared` one value each, `per_neuron` one value or one per neuron each.
struct NeuronSettings {
    std::string model;  ///< of those that evsim ships; anything where the kernel is given
    std::vector<double> shared;
    std::vector<std::vector<double>> per_neuron;
};

/// A plasticity rule with values for its parameters, in the kernel's order.
struct RuleSettings {
    std::vector<double> parameters;
    double tau_syn = std::numeric_limits<double>::quiet_NaN();  ///< of the neurons, where they have them
    double tau_mem = std::numeric_limits<double>::quiet_NaN();
    BatchUpdate batch_update = BatchUpdate::sum;
};

/// What the last call left in a layer, per sample.
struct LayerOutput {
    std::vector<LayerState> states;
    std::vector<SpikeArray> post_spikes;
    std::vector<std::vector<double>> final_memory;  ///< of readouts, at the end of the call
    bool batch = false;                             ///< whether the caller gave a batch
    std::shared_ptr<const Plasticity> rule;         ///< whose traces the states hold
};

/// A state without padding, which depends on the machine.
struct PackedState {
    std::vector<std::byte> values;  ///< [n_state][n_neurons]
    std::vector<double> memory;     ///< [n_memory][n_neurons]
    double last_event = 0.0;
    Traces traces;                   ///< as of each neuron's last event
    std::vector<double> post_times;  ///< [n_neurons], where there are traces
};

class Layer {
 public:
    /// Weights start at 0; `rule` is for kernels that have one. Throws InvalidArgument, ShapeMismatch, NonFinite or
    /// MemoryLimit.
    Layer(std::int64_t n_inputs, std::int64_t n_neurons, std::shared_ptr<const NeuronKernel> kernel,
          const NeuronSettings& neurons, const RuleSettings& rule = {});
    Layer(std::int64_t n_inputs, std::int64_t n_neurons, int value_bytes, const NeuronSettings& neurons);

    const NeuronKernel& kernel() const { return *kernel_; }
    const Dense& connection() const { return connection_; }
    Dense& connection() { return connection_; }
    const std::vector<double>& shared() const { return shared_; }
    const double* neurons() const { return neurons_.data(); }
    const void* hot() const { return hot_.data(); }
    std::size_t padded_neurons() const { return connection_.padded_neurons(); }
    bool plastic() const { return kernel_->rule != nullptr; }
    bool learns() const { return plastic() && kernel_->rule->writes_weights; }

    LayerState initial_state(double start) const;
    /// Index of the first neuron that fires for ever without input.
    std::optional<std::int32_t> endless_neuron() const;
    /// Index of an observable ("v", "i", ...). Throws InvalidArgument, naming those there are.
    std::int32_t observable(const std::string& name) const;
    /// Values of a remembered quantity ("maximum", ...) in `output`, [sample][neuron].
    std::vector<std::vector<double>> remembered(const LayerOutput& output, const std::string& name) const;

    /// The rule as of now. Throws InvalidArgument if there is none.
    std::shared_ptr<const Plasticity> plasticity() const;
    /// Other values for its parameters, from the next call on. Throws like the constructor.
    void set_rule_parameters(std::vector<double> parameters);
    BatchUpdate batch_update() const { return rule_.batch_update; }
    /// Traces that the next call begins with, once; an empty part begins as it would have. Throws ShapeMismatch.
    void set_next_traces(Traces traces);
    std::shared_ptr<const Traces> next_traces() const;
    void clear_next_traces(const std::shared_ptr<const Traces>& used);

    /// Traces of a state as of each neuron's last event; `rule` is the one that made them.
    Traces settled(const LayerState& state, const Plasticity& rule) const;
    /// `rule`: the same, or nullptr without traces.
    PackedState pack(const LayerState& state, const Plasticity* rule) const;
    /// Throws ShapeMismatch or NonFinite.
    LayerState unpack(const PackedState& packed) const;

    /// What the last call left; it never changes, a call replaces it. Safe to ask while another thread infers.
    std::shared_ptr<const LayerOutput> output() const;
    void set_output(std::shared_ptr<const LayerOutput> output);
    PooledBuffer copy_of_weights() const;

 private:
    std::shared_ptr<const NeuronKernel> kernel_;
    Dense connection_;
    std::vector<double> shared_;
    std::vector<double> neurons_;  ///< [padded neuron][parameter]
    AlignedBuffer hot_;
    LayerState initial_;
    RuleSettings rule_;
    mutable std::mutex output_mutex_;  ///< for what follows
    std::shared_ptr<const Plasticity> plasticity_;
    std::shared_ptr<const Traces> next_traces_;
    std::shared_ptr<const LayerOutput> output_ = std::make_shared<LayerOutput>();
    std::shared_ptr<BufferPool> pool_ = std::make_shared<BufferPool>();
};

}  // namespace evsim
