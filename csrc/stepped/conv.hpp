// Convolution into integrate-and-fire neurons that are updated once per step.
#pragma once

#include <evsim/loops/stepped_kernel.h>
#include "stepped/stage.hpp"

namespace evsim {

enum class Competition : std::int32_t { none = 0, global = 1, local = 2, both = 3 };

/// In every step V <- max(0, V + I - leak), or V <- max(0, kept V + I) where `multiplicative`, kept = 1 - leak /
/// threshold; a spike where V >= threshold, then V = 0.
struct SteppedNeurons {
    double threshold = 1.0, leak = 0.0;
    bool multiplicative = false;
    bool fire_once = false;  ///< at most one spike of a neuron until the reset; it integrates on, unseen
    bool analog = false;     ///< no threshold: the current of a step is the output, and nothing is kept
    Competition competition = Competition::none;
    std::int32_t radius = 2;        ///< of local competition
    bool report_membranes = false;  ///< spikes have the membrane before the reset as their value
};

/// Only neurons that receive input are visited. Steps in which a pixel receives nothing are made up for, in closed
/// form, when it is visited again: leak only lowers a membrane, so nobody fires meanwhile.
class ConvStage final : public SteppedStage {
 public:
    ConvStage(const Conv2dSettings& connection, int value_bytes, const SteppedNeurons& neurons);

    Conv2d& connection() { return connection_; }
    const Conv2d& connection() const { return connection_; }
    const SteppedNeurons& neurons() const { return neurons_; }
    /// One threshold per channel, from the next step on; the leak stays that of the base threshold. Empty: the base
    /// threshold for all. Throws ShapeMismatch or InvalidArgument.
    void set_thresholds(const std::vector<double>& thresholds);
    void set_competition(Competition competition, std::int32_t radius);

    std::unique_ptr<StageState> new_state() const override;
    void prepare() override { connection_.pack(); }
    void step(StageState& state, StepView in, StepSpikes& out) const override;
    void membranes(const StageState& state, double* out) const override;
    bool has_membranes() const override { return !neurons_.analog; }

 private:
    ConvStage(Conv2d connection, const SteppedNeurons& neurons);

    struct State;
    std::size_t words_per_row() const;
    SteppedPlane plane(State& state) const;
    void receive(State& state, StepView in) const;
    template <class Visit>
    void take_received(State& state, Visit&& visit) const;
    void fire(State& state) const;
    template <class T>
    void compete(State& state) const;
    void emit(State& state, StepSpikes& out) const;
    template <class T>
    void give_sums(State& state, StepSpikes& out) const;
    template <class T>
    void membranes_as(const State& state, double* out) const;

    Conv2d connection_;
    SteppedNeurons neurons_;
    SteppedKernel kernel_;
    double leak_per_step_;                 ///< subtracted, or the factor
    std::vector<double> thresholds_;       ///< per channel
    std::int64_t thresholds_version_ = 0;  ///< of what each state has seen
    AlignedBuffer threshold_values_;       ///< the same in the type of the weights, with padding
};

}  // namespace evsim
