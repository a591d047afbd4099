// Nodes without neurons of their own: pooling passes spikes on, unpooling puts them back where they came from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connection/pool2d.hpp"
#include "engine/run.hpp"
#include "node.hpp"

namespace evsim {

/// What both have in common. Spikes pass at the time at which they come, and each remembers the input that caused it.
class Relay : public Node {
 public:
    const ImageShape& input() const { return input_; }
    const ImageShape& output_shape() const { return output_; }
    std::int32_t n_inputs() const { return static_cast<std::int32_t>(input_.size()); }
    /// The node whose run of the same call this one looks at, besides its source; nullptr if there is none.
    virtual const Node* partner() const { return nullptr; }
    /// `partner`: its run. This must outlive the run.
    virtual std::unique_ptr<Run> forward(const Run* partner, std::size_t n_samples) const = 0;

    std::int32_t n_neurons() const override { return static_cast<std::int32_t>(output_.size()); }
    NodeState initial_state(double start) const override;
    std::int32_t observable(const std::string& name) const override;
    std::vector<std::vector<double>> remembered(const NodeOutput& output, const std::string& name) const override;
    PackedState pack(const NodeState& state) const override;
    NodeState unpack(const PackedState& packed) const override;

 protected:
    Relay(const ImageShape& input, const ImageShape& output, std::int64_t n_cells, std::int64_t n_causes)
        : input_(input), output_(output), n_cells_(static_cast<std::size_t>(n_cells)), n_causes_(n_causes) {}

 private:
    ImageShape input_, output_;
    std::size_t n_cells_;    ///< places of NodeState::causes
    std::int64_t n_causes_;  ///< what they may hold: indices of the plane that was pooled
};

/// Where several inputs of a window spike at one instant, the one with the lowest index is the cause.
class PoolRelay final : public Relay {
 public:
    /// Throws what Pool2d does.
    explicit PoolRelay(const PoolSettings& settings) : PoolRelay(Pool2d(settings)) {}
    explicit PoolRelay(const Pool2d& pool)
        : Relay(pool.input(), pool.output(), pool.output().size(), pool.input().size()), pool_(pool) {}

    std::unique_ptr<Run> forward(const Run* partner, std::size_t n_samples) const override;

 private:
    Pool2d pool_;
};

/// Takes the spikes of cells of `pool`. A spike goes on to the input that caused the cell's most recent pooled spike
/// of the same run, at the same time or before; to nobody if there was none.
class UnpoolRelay final : public Relay {
 public:
    explicit UnpoolRelay(std::shared_ptr<const PoolRelay> pool);

    const Node* partner() const override { return pool_.get(); }
    std::unique_ptr<Run> forward(const Run* partner, std::size_t n_samples) const override;

 private:
    std::shared_ptr<const PoolRelay> pool_;
};

}  // namespace evsim
