// A convolutional layer: every input spike reaches the neurons of a few pixels.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connection/conv2d.hpp"
#include "layer.hpp"

namespace evsim {

/// Convolution, transposed convolution, or pooling by sums, into neurons of any model. Neurons lie in memory by pixel
/// and then channel, [pixel][channel_stride]; users see them by (channel, row, column).
class ConvLayer final : public Layer {
 public:
    /// Weights start at 0. Parameters per neuron are one value, one per channel or one per neuron each. Throws
    /// InvalidArgument, ShapeMismatch, NonFinite or MemoryLimit.
    ConvLayer(const Conv2dSettings& settings, std::shared_ptr<const NeuronKernel> kernel,
              const NeuronSettings& neurons);

    const NeuronKernel& kernel() const { return *kernel_; }
    const Conv2d& connection() const { return connection_; }
    Conv2d& connection() { return connection_; }
    const std::vector<double>& shared() const { return shared_; }
    const double* neurons() const { return neurons_.data(); }
    const void* hot() const { return hot_.data(); }
    std::size_t hot_stride() const { return hot_stride_; }
    /// Places of parameters from one pixel to the next; 0 where all pixels have the same.
    std::size_t parameter_step() const { return parameter_step_; }
    std::size_t channel_stride() const { return static_cast<std::size_t>(connection_.channel_stride()); }
    std::size_t n_pixels() const { return static_cast<std::size_t>(connection_.output().pixels()); }
    /// Neurons with padding: values of one state variable.
    std::size_t places() const { return n_pixels() * channel_stride(); }
    std::size_t place_of(std::int32_t neuron) const;
    /// Whether a neuron that no input has reached may fire (or, of a readout, change what is remembered).
    bool fires_untouched() const { return fires_untouched_; }

    std::int32_t n_inputs() const override { return static_cast<std::int32_t>(connection_.input().size()); }
    std::int32_t n_neurons() const override { return static_cast<std::int32_t>(connection_.output().size()); }
    LayerState initial_state(double start) const override;
    std::unique_ptr<LayerCall> call(std::size_t n_samples,
                                    std::span<const std::unique_ptr<LayerCall>> earlier) override;
    std::optional<std::int32_t> endless_neuron() const override;
    std::int32_t observable(const std::string& name) const override;
    std::vector<std::vector<double>> remembered(const LayerOutput& output, const std::string& name) const override;
    PackedState pack(const LayerState& state, const Plasticity* rule) const override;
    LayerState unpack(const PackedState& packed) const override;

 private:
    std::vector<double> arranged(const NeuronSettings& neurons) const;
    bool may_fire_untouched() const;

    std::shared_ptr<const NeuronKernel> kernel_;
    Conv2d connection_;
    std::vector<double> shared_;
    std::vector<double> neurons_;  ///< [place of parameters][parameter]
    std::size_t parameter_step_ = 0, hot_stride_ = 0;
    AlignedBuffer hot_;
    LayerState initial_;
    bool fires_untouched_ = false;
};

}  // namespace evsim
