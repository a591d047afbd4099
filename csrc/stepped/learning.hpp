// STDP with shared weights: the first spike of each map decides, and its receptive field learns.
#pragma once

#include <evsim/plasticity/spike_pairs.h>

#include <variant>
#include <vector>

#include "stepped/conv.hpp"

namespace evsim {

/// An output spike that learns.
struct Winner {
    std::int32_t channel, pixel;
    std::int64_t step;
};

/// The earliest spike of every map (at one step that of the highest value, then of the lowest index); of those that lie
/// within `radius` of each other in both directions only the earliest. At most `most`, if that is positive. With one
/// threshold per map, values are taken relative to it: what has exceeded its threshold most has reached it first.
/// Throws ShapeMismatch for another number of thresholds.
std::vector<Winner> select_winners(const StepSpikes& spikes, const ImageShape& shape, std::int32_t radius,
                                   std::int32_t most, std::span<const double> thresholds = {});

using SpikePairRule = std::variant<SimplifiedStdp, GuetigStdp>;

/// Changes the weights of a convolution by one sample: those of every winner by the first spike of each input of its
/// receptive field. Inputs that never fired and the padding have no spike. Weights stay between the rule's bounds.
class ConvLearner {
 public:
    /// Throws InvalidArgument for a transposed convolution.
    explicit ConvLearner(std::shared_ptr<ConvStage> stage);

    /// Throws IndexOutOfRange, and has then changed nothing.
    void learn(const StepSpikes& inputs, const std::vector<Winner>& winners, const SpikePairRule& rule);

 private:
    template <class T, class Rule>
    void learn_as(const std::vector<Winner>& winners, const Rule& rule);

    std::shared_ptr<ConvStage> stage_;
    std::vector<std::int32_t> first_step_;  ///< of each input; -1 for those that have not fired
};

}  // namespace evsim
