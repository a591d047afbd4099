// A stage of a step-synchronous network: spikes of one step in, spikes of the same step out.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "connection/conv2d.hpp"

namespace evsim {

/// Of a word of flags, one for each neuron.
inline constexpr std::int32_t word_bits = 64;

/// Spikes of one sample, grouped by step and ascending in index within one.
struct StepSpikes {
    std::vector<std::int64_t> begin{0};  ///< spikes of step t are begin[t] to begin[t + 1]
    std::vector<std::int32_t> indices;
    std::vector<double> values;        ///< of analog spikes; empty where all are 1
    std::vector<std::int32_t> causes;  ///< of pooled spikes: y * width + x of the input that caused each

    std::int64_t n_steps() const { return static_cast<std::int64_t>(begin.size()) - 1; }
    void end_step() { begin.push_back(static_cast<std::int64_t>(indices.size())); }
};

/// The spikes of one step.
struct StepView {
    std::span<const std::int32_t> indices;
    std::span<const double> values;  ///< empty where all are 1

    double value(std::size_t k) const { return values.empty() ? 1.0 : values[k]; }
};
StepView step_of(const StepSpikes& spikes, std::int64_t step);

/// What a stage carries from step to step for one sample.
struct StageState {
    virtual ~StageState() = default;
    /// Back to the beginning; costs nothing that grows with the stage.
    virtual void reset() = 0;
};

class SteppedStage {
 public:
    /// Throws MemoryLimit.
    SteppedStage(const ImageShape& input, const ImageShape& output) : input_(input), output_(output) {
        require_indexable(input);
        require_indexable(output);
    }
    virtual ~SteppedStage() = default;
    SteppedStage(const SteppedStage&) = delete;
    SteppedStage& operator=(const SteppedStage&) = delete;

    const ImageShape& input() const { return input_; }
    const ImageShape& output() const { return output_; }

    virtual std::unique_ptr<StageState> new_state() const = 0;
    /// Called before a run, when nothing else uses the stage.
    virtual void prepare() {}
    /// The next step of a sample; appends its spikes to `out`, not yet `end_step`.
    virtual void step(StageState& state, StepView in, StepSpikes& out) const = 0;
    /// Membranes after the last step to `out`, [channel][row][column]. Stages without membranes leave it alone.
    virtual void membranes(const StageState&, double* /*out*/) const {}
    virtual bool has_membranes() const { return false; }
    /// Gives a state what the stage needs beside its input; see UnpoolStage.
    virtual void set_source(StageState&, std::shared_ptr<const StepSpikes>) const {}

 private:
    ImageShape input_, output_;
};

}  // namespace evsim
