// The plasticity rules of projections to neurons that go by clocks of their own.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "projection.hpp"

namespace evsim {

/// Those of one call. Weights change in copies until it is over.
class ScatterRules {
 public:
    /// `projections`: all that lead to the population. What their rules are and begin with is settled now.
    ScatterRules(std::span<const std::shared_ptr<Projection>> projections, std::size_t n_samples);

    /// Of memory besides the traces of the last call.
    double extra_bytes() const;
    /// Gives a state its traces. Throws Unsupported where the stream has them in another engine.
    void begin(std::size_t sample, NodeState& state, bool fresh);
    /// What the loops take, good as long as nobody moves the state.
    std::vector<SynapseRun> runs(std::size_t sample, NodeState& state);
    /// Throws NonFinite.
    void learn(const std::string& node_name);
    void commit();

 private:
    /// A projection that has a rule.
    struct Learner {
        std::shared_ptr<Projection> projection;
        std::shared_ptr<const Plasticity> rule;
        std::shared_ptr<const Traces> first_traces;
        std::vector<std::byte> prepared;
        std::vector<PooledBuffer> weights;  ///< of each sample; one for all where the rule does not write them
    };

    std::vector<Learner> learners_;
    std::size_t n_samples_;
};

}  // namespace evsim
