// Neurons of one model: their parameters, where they lie, and the state they begin with.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <evsim/loops/neuron_kernel.h>
#include "core/aligned_buffer.hpp"
#include "layout.hpp"
#include "node.hpp"

namespace evsim {

/// Parameters of a neuron model: `shared` one value each; `per_neuron` one value, one per neuron or, of neurons in an
/// image, one per channel each.
struct NeuronParameters {
    std::vector<double> shared;
    std::vector<std::vector<double>> per_neuron;
};

class Population final : public Node {
 public:
    /// Throws InvalidArgument, ShapeMismatch, NonFinite or MemoryLimit.
    Population(std::shared_ptr<const NeuronKernel> kernel, const Layout& layout, const NeuronParameters& parameters);

    const NeuronKernel& kernel() const { return *kernel_; }
    const Layout& layout() const { return layout_; }
    const std::vector<double>& shared() const { return shared_; }
    /// [place of parameters][parameter].
    const double* neurons() const { return neurons_.data(); }
    const void* hot() const { return hot_.data(); }
    std::size_t hot_stride() const { return hot_stride_; }
    /// Places of parameters from one pixel to the next; 0 where all pixels have the same.
    std::size_t parameter_step() const { return parameter_step_; }
    /// Values of one state variable.
    std::size_t places() const { return layout_.places(); }
    /// The same neurons in a row, for the engine in which each goes by a clock of its own; itself where they lie so.
    /// Made when it is first asked for. Throws Unsupported if the model lacks that engine, or MemoryLimit.
    const Population& in_row() const;
    /// Whether `state` is of an image, whose neurons share a clock by pixel.
    bool by_pixels(const NodeState& state) const { return layout_.image() && !state.touched_rows.empty(); }
    /// A state as in_row() takes it; the same where it is one already.
    NodeState in_row(NodeState state) const;
    /// Whether a neuron that no input has reached may fire (or, of a readout, change what is remembered).
    bool fires_untouched() const { return fires_untouched_; }

    std::int32_t n_neurons() const override { return layout_.n_neurons(); }
    /// Without traces.
    NodeState initial_state(double start) const override;
    std::optional<std::int32_t> endless_neuron() const override { return endless_neuron_; }
    std::int32_t observable(const std::string& name) const override;
    std::vector<std::vector<double>> remembered(const NodeOutput& output, const std::string& name) const override;
    /// What a readout in this state remembers at a later time, if nothing arrives until then.
    std::vector<double> memory_at(const NodeState& state, double time) const;
    /// Without traces.
    PackedState pack(const NodeState& state) const override;
    NodeState unpack(const PackedState& packed) const override;
    /// Of neurons that go by clocks of their own: a state as in_row() takes it.
    NodeState unpack_in_row(const PackedState& packed) const;

 private:
    std::vector<double> arranged(const NeuronParameters& parameters) const;
    std::optional<std::int32_t> find_endless() const;
    bool may_fire_untouched() const;

    std::shared_ptr<const NeuronKernel> kernel_;
    Layout layout_;
    std::vector<double> shared_;
    std::vector<double> neurons_;
    std::size_t parameter_step_ = 0, hot_stride_ = 0;
    AlignedBuffer hot_;
    NodeState initial_;
    std::optional<std::int32_t> endless_neuron_;
    bool fires_untouched_ = false;
    mutable std::mutex row_mutex_;
    mutable std::shared_ptr<const Population> row_;
};

/// What is the same in all runs through a population in a row, or in an image. `state` must outlive it.
TileRun dense_run(const Population& population, NodeState& state);
SparseRun sparse_run(const Population& population, NodeState& state);
/// Or in a row where every neuron goes by a clock of its own.
ScatterRun scatter_run(const Population& population, NodeState& state);

}  // namespace evsim
