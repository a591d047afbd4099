// From what a loss says of spikes and states to its derivatives by weights, delays, times and parameters: back through
// the spikes of a run (evsim/loops/adjoint_neurons.h has the equations).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <evsim/loops/adjoint_kernel.h>
#include "adjoint/graph.hpp"
#include "adjoint/layer.hpp"
#include "components.hpp"
#include "core/threads.hpp"

namespace evsim {

/// The graph of a run, with the delays as they were.
class Adjoint {
 public:
    /// Throws InvalidArgument, ShapeMismatch, or Unsupported for a cycle without a delay.
    Adjoint(std::vector<AdjointNode> nodes, std::vector<AdjointEdge> edges);

    const std::vector<AdjointNode>& nodes() const { return nodes_; }
    const std::vector<AdjointEdge>& edges() const { return edges_; }

    /// The weights must be those of the run. The same bits for any number of threads. Throws ShapeMismatch,
    /// IndexOutOfRange, MemoryLimit or Interrupted. Cost of layers as DenseLayer: a few tenths of a ns for
    /// each synaptic event and 0.2 us for each spike; else some 150 ns for each synaptic event, and 40 bytes and those
    /// of a state for each of one sample.
    AdjointGradients backward(const std::vector<AdjointSample>& samples, const AdjointOptions& options,
                              Interruption& interruption) const;

 private:
    friend class SampleBackward;

    void check(const AdjointSample& sample) const;
    /// Of all nodes and edges, or of those that a component holds and that lead to it.
    AdjointGradients zeros(const AdjointOptions& options, const Component* component = nullptr) const;
    void layer_backward(std::int32_t node, const std::vector<AdjointSample>& samples, const AdjointOptions& options,
                        AdjointGradients& gradients, Interruption& interruption) const;
    void one_by_one(std::size_t component, const std::vector<AdjointSample>& samples, const AdjointOptions& options,
                    AdjointGradients& gradients, Interruption& interruption) const;

    std::vector<AdjointNode> nodes_;
    std::vector<AdjointEdge> edges_;
    std::vector<std::vector<std::int32_t>> incoming_;    ///< per node: edges
    std::vector<std::shared_ptr<const Delays>> delays_;  ///< per edge; nullptr to relays
    std::vector<AdjointKernel> kernels_;                 ///< per node
    std::vector<std::optional<DenseLayer>> layers_;      ///< per node: what can go in tiles
    std::vector<Component> components_;
    std::vector<double> windows_;  ///< per component: the shortest delay within; infinite where there is no cycle
};

}  // namespace evsim
