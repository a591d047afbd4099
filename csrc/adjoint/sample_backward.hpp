// The way back through one sample.
#pragma once

#include <vector>

#include "adjoint/adjoint.hpp"
#include "adjoint/points.hpp"

namespace evsim {

class SampleBackward {
 public:
    /// Through a component of the graph. `by_spikes`: per node, the loss by the time of each spike, to which what the
    /// component says of its sources is added, as to `gradients`. `window`: the shortest delay within, infinite where
    /// there is no cycle. All must outlive this.
    SampleBackward(const Adjoint& adjoint, const AdjointSample& sample, const AdjointOptions& options,
                   AdjointGradients& gradients, std::vector<std::vector<double>>& by_spikes);

    void run(const Component& component, double window);

 private:
    struct Node {
        std::int32_t number;
        NeuronPoints points;
        AdjointNeurons neurons{};
        AdjointStretch stretch{};
        std::vector<double> states, costates, now;
        std::vector<std::int64_t> left;
    };

    Node begin(std::int32_t number);
    /// Back to `begin`, and what that says of weights, delays and the spikes of sources.
    void backward(Node& node, double begin);
    void take(const Node& node, std::int64_t from, std::int64_t to);
    /// From the spikes of a relay to those that caused them.
    void pass_on(std::int32_t relay);

    const Adjoint& adjoint_;
    const AdjointSample& sample_;
    const AdjointOptions& options_;
    AdjointGradients& gradients_;
    std::vector<std::vector<double>>& by_spikes_;
};

}  // namespace evsim
