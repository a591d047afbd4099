// The way back through one sample.
#pragma once

#include <vector>

#include "adjoint/adjoint.hpp"
#include "adjoint/points.hpp"

namespace evsim {

class SampleBackward {
 public:
    /// Adds derivatives to `gradients`. All must outlive this.
    SampleBackward(const Adjoint& adjoint, const AdjointSample& sample, const AdjointOptions& options,
                   AdjointGradients& gradients);

    /// The loss by the time of each spike, per node.
    std::vector<std::vector<double>> run();

 private:
    struct Node {
        std::int32_t number;
        NeuronPoints points;
        AdjointNeurons neurons{};
        AdjointStretch stretch{};
        std::vector<double> states, costates, now;
        std::vector<std::int64_t> left;
    };

    void begin(Node& node);
    /// Back to `begin`, and what that says of weights, delays and the spikes of sources.
    void backward(Node& node, double begin);
    void take(Node& node, std::int64_t neuron, std::int64_t from, std::int64_t to);
    void pass_on(std::int32_t relay);
    void run(const Component& component, double window);

    const Adjoint& adjoint_;
    const AdjointSample& sample_;
    const AdjointOptions& options_;
    AdjointGradients& gradients_;
    std::vector<std::vector<double>> by_spikes_;
};

}  // namespace evsim
