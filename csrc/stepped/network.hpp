// Stages in a row that are updated once per step, all within the same step.
#pragma once

#include <memory>
#include <vector>

#include "core/call_lock.hpp"
#include "core/threads.hpp"
#include "stepped/stage.hpp"

namespace evsim {

/// What one sample made of its input.
struct SteppedOutput {
    std::vector<std::shared_ptr<const StepSpikes>> spikes;  ///< per stage
    std::vector<std::vector<double>> membranes;  ///< per stage with membranes, [step][channel][row][column], if wanted
};

/// Sources of a sample's unpooling stages, in the order of the stages.
using UnpoolSources = std::vector<std::shared_ptr<const StepSpikes>>;

/// Calls from several threads run one after the other; each throws Busy if one runs in the same thread already, as when
/// a signal handler calls.
class SteppedNetwork {
 public:
    /// Throws ShapeMismatch if a stage does not take what the one before gives.
    explicit SteppedNetwork(std::vector<std::shared_ptr<SteppedStage>> stages);

    const std::vector<std::shared_ptr<SteppedStage>>& stages() const { return stages_; }

    /// Runs `inputs`, all of the same number of steps, through all stages. `reset` begins anew; else each sample goes
    /// on where it stopped. `sources` is empty without unpooling stages. Throws IndexOutOfRange, NonFinite or
    /// ShapeMismatch before anything has changed; Interrupted resets all samples, and so does a fork in
    /// the child.
    std::vector<SteppedOutput> run(const std::vector<StepSpikes>& inputs, const std::vector<UnpoolSources>& sources,
                                   bool reset, bool with_membranes, Interruption& interruption);

    /// One spike at a time through all stages, each from rest: `indices[k]` in step `steps[k]` of the sources, which
    /// must not decrease. Returns what the last stage gives for each.
    std::vector<StepSpikes> run_each(const std::vector<std::int32_t>& indices, const std::vector<std::int64_t>& steps,
                                     const UnpoolSources& sources, Interruption& interruption);
    void reset(Interruption&& interruption = Interruption());

 private:
    using SampleStates = std::vector<std::unique_ptr<StageState>>;
    SampleStates new_states() const;
    std::vector<SampleStates> take_states();
    void check(const std::vector<StepSpikes>& inputs, const std::vector<UnpoolSources>& sources, bool reset) const;
    void set_sources(SampleStates& states, const UnpoolSources& sources) const;
    void run_sample(const StepSpikes& input, SampleStates& states, SteppedOutput& output, bool with_membranes,
                    Interruption& interruption) const;

    std::vector<std::shared_ptr<SteppedStage>> stages_;
    std::vector<SampleStates> states_;  ///< per sample; kept for later calls
    std::size_t n_carried_ = 0;         ///< samples of the last call
    CallLock calls_;
};

}  // namespace evsim
