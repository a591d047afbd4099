// Layers without neurons of their own: pooling passes spikes on, unpooling puts them back where they came from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connection/conv2d.hpp"
#include "layer.hpp"

namespace evsim {

/// What both have in common. Spikes pass at the time at which they come, and each remembers the input that caused it.
class RelayLayer : public Layer {
 public:
    const ImageShape& input() const { return input_; }
    const ImageShape& output_shape() const { return output_; }
    std::int32_t n_inputs() const override { return static_cast<std::int32_t>(input_.size()); }
    std::int32_t n_neurons() const override { return static_cast<std::int32_t>(output_.size()); }
    LayerState initial_state(double start) const override;
    std::int32_t observable(const std::string& name) const override;
    std::vector<std::vector<double>> remembered(const LayerOutput& output, const std::string& name) const override;
    PackedState pack(const LayerState& state, const Plasticity* rule) const override;
    LayerState unpack(const PackedState& packed) const override;

 protected:
    RelayLayer(const ImageShape& input, const ImageShape& output, std::int64_t n_cells, std::int64_t n_causes)
        : input_(input), output_(output), n_cells_(static_cast<std::size_t>(n_cells)), n_causes_(n_causes) {}

 private:
    ImageShape input_, output_;
    std::size_t n_cells_;    ///< places of LayerState::causes
    std::int64_t n_causes_;  ///< what they may hold: indices of the plane that was pooled
};

/// any: a pooled spike whenever something arrives in its window, arrivals of one instant being one; first: only the
/// first of a sample.
enum class PoolMode { any, first };

struct PoolSettings {
    ImageShape input;
    Pair kernel, stride, padding{0, 0};
    PoolMode mode = PoolMode::any;
};

/// Where several inputs of a window spike at one instant, the one with the lowest index is the cause.
class PoolLayer final : public RelayLayer {
 public:
    /// Throws InvalidArgument or ShapeMismatch.
    explicit PoolLayer(const PoolSettings& settings);

    const PoolSettings& settings() const { return settings_; }
    std::unique_ptr<LayerCall> call(std::size_t n_samples,
                                    std::span<const std::unique_ptr<LayerCall>> earlier) override;

 private:
    PoolSettings settings_;
};

/// Takes the spikes of cells of `pool`. A spike goes on to the input that caused the cell's most recent pooled spike
/// of the same run, at the same time or before; to nobody if there was none.
class UnpoolLayer final : public RelayLayer {
 public:
    explicit UnpoolLayer(std::shared_ptr<const PoolLayer> pool);

    /// Throws InvalidArgument if the pooling layer is not among `earlier`.
    std::unique_ptr<LayerCall> call(std::size_t n_samples,
                                    std::span<const std::unique_ptr<LayerCall>> earlier) override;

 private:
    std::shared_ptr<const PoolLayer> pool_;
};

}  // namespace evsim
