// Stages without neurons of their own: pooling, its inverse, and delayed copies.
#pragma once

#include "stepped/stage.hpp"

namespace evsim {

/// A pooled spike in every step in which an input of the window spikes; its cause is the first of them, row by row.
class PoolStage final : public SteppedStage {
 public:
    /// Windows that do not fit are left out. Throws InvalidArgument or ShapeMismatch.
    PoolStage(const ImageShape& input, Pair kernel, Pair stride);

    /// From first up to last; none if last < first.
    struct Windows {
        std::int32_t first, last;
    };

    std::unique_ptr<StageState> new_state() const override;
    void step(StageState& state, StepView in, StepSpikes& out) const override;

 private:
    struct State;
    std::vector<Windows> rows_, columns_;  ///< that each row and column of the input lies in
};

/// Sends the spike of a pooled cell to the position of its input that caused the cell's last pooled spike up to this
/// step. Cells that have not spiked pass nothing; of cells that share a position the largest value counts.
class UnpoolStage final : public SteppedStage {
 public:
    /// `pooled` and `unpooled` have the same channels.
    UnpoolStage(const ImageShape& pooled, const ImageShape& unpooled);

    std::unique_ptr<StageState> new_state() const override;
    /// The pooled spikes with their causes, from the next step on; with one step they hold for all steps.
    void set_source(StageState& state, std::shared_ptr<const StepSpikes> source) const override;
    void step(StageState& state, StepView in, StepSpikes& out) const override;
    /// Lets the pooled spikes of steps up to `step` pass.
    void advance_to(StageState& state, std::int64_t step) const;
    /// Sends the spikes of a step to where they belong by now.
    void route(const StageState& state, StepView in, StepSpikes& out) const;

 private:
    struct State;
};

/// y[t] = x[t] + sum of decay^age x[t - age] over 1 <= age <= n_steps.
class DelayStage final : public SteppedStage {
 public:
    DelayStage(const ImageShape& shape, std::int32_t n_steps, double decay);

    std::unique_ptr<StageState> new_state() const override;
    void step(StageState& state, StepView in, StepSpikes& out) const override;

 private:
    struct State;
    std::int32_t n_steps_;
    double decay_;
};

}  // namespace evsim
