// A layer in which every input reaches every neuron, and which may learn.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connection/dense.hpp"
#include "layer.hpp"

namespace evsim {

/// A plasticity rule with values for its parameters, in the kernel's order.
struct RuleSettings {
    std::vector<double> parameters;
    double tau_syn = std::numeric_limits<double>::quiet_NaN();  ///< of the neurons, where they have them
    double tau_mem = std::numeric_limits<double>::quiet_NaN();
    BatchUpdate batch_update = BatchUpdate::sum;
};

class DenseLayer final : public Layer {
 public:
    /// Weights start at 0; `rule` is for kernels that have one. Throws InvalidArgument, ShapeMismatch, NonFinite or
    /// MemoryLimit.
    DenseLayer(std::int64_t n_inputs, std::int64_t n_neurons, std::shared_ptr<const NeuronKernel> kernel,
               const NeuronSettings& neurons, const RuleSettings& rule = {});
    DenseLayer(std::int64_t n_inputs, std::int64_t n_neurons, int value_bytes, const NeuronSettings& neurons);

    const NeuronKernel& kernel() const { return *kernel_; }
    const Dense& connection() const { return connection_; }
    Dense& connection() { return connection_; }
    const std::vector<double>& shared() const { return shared_; }
    const double* neurons() const { return neurons_.data(); }
    const void* hot() const { return hot_.data(); }
    std::size_t padded_neurons() const { return connection_.padded_neurons(); }
    bool plastic() const { return kernel_->rule != nullptr; }
    bool learns() const { return plastic() && kernel_->rule->writes_weights; }

    std::int32_t n_inputs() const override { return connection_.n_inputs(); }
    std::int32_t n_neurons() const override { return connection_.n_neurons(); }
    LayerState initial_state(double start) const override;
    std::unique_ptr<LayerCall> call(std::size_t n_samples,
                                    std::span<const std::unique_ptr<LayerCall>> earlier) override;
    std::optional<std::int32_t> endless_neuron() const override;
    std::int32_t observable(const std::string& name) const override;
    std::vector<std::vector<double>> remembered(const LayerOutput& output, const std::string& name) const override;

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
    PackedState pack(const LayerState& state, const Plasticity* rule) const override;
    LayerState unpack(const PackedState& packed) const override;
    std::shared_ptr<const Plasticity> current_rule() const override { return plastic() ? plasticity() : nullptr; }
    PooledBuffer copy_of_weights() const;

 private:
    std::shared_ptr<const NeuronKernel> kernel_;
    Dense connection_;
    std::vector<double> shared_;
    std::vector<double> neurons_;  ///< [padded neuron][parameter]
    AlignedBuffer hot_;
    LayerState initial_;
    RuleSettings rule_;
    mutable std::mutex rule_mutex_;  ///< for what follows
    std::shared_ptr<const Plasticity> plasticity_;
    std::shared_ptr<const Traces> next_traces_;
    std::shared_ptr<BufferPool> pool_ = std::make_shared<BufferPool>();
};

}  // namespace evsim
