// What a projection with a plasticity rule keeps beside its weights: the rule's parameters and the traces.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <evsim/loops/neuron_kernel.h>
#include "connection/dense.hpp"
#include "core/aligned_buffer.hpp"
#include "layout.hpp"

namespace evsim {

/// Traces of one sample. They decay when they are touched, so each is as of its own last touch.
struct TraceState {
    AlignedBuffer neuron;               ///< [trace][padded neuron]
    PooledBuffer synaptic;              ///< [input][padded neuron][trace]
    std::vector<double> arrivals;       ///< [tile][input], see TraceRun
    std::vector<double> post_times;     ///< [padded neuron]
    std::vector<double> last_arrivals;  ///< [input]
};

/// How the weight changes of the samples of a batch come together.
enum class BatchUpdate { sum, mean };

/// Traces by neuron, without padding: neuron [neuron][trace], synaptic [neuron][input][trace].
struct Traces {
    std::vector<double> neuron, synaptic;
};

/// A rule with values for its parameters. It never changes; other values are another rule.
class Plasticity {
 public:
    /// `tau_syn`, `tau_mem`: of the neurons, NaN where they have none. Throws ShapeMismatch, NonFinite or
    /// InvalidArgument.
    Plasticity(std::shared_ptr<const RuleKernel> kernel, std::vector<double> parameters, double tau_syn,
               double tau_mem);

    const RuleKernel& kernel() const { return *kernel_; }
    const std::vector<double>& parameters() const { return parameters_; }
    const std::vector<double>& rates() const { return rates_; }
    const std::vector<double>& time_constants() const { return time_constants_; }

 private:
    std::shared_ptr<const RuleKernel> kernel_;
    std::vector<double> parameters_, time_constants_, rates_;
};

/// The synapses whose traces these are.
struct Synapses {
    const RuleKernel& rule;
    const Layout& layout;  ///< of the neurons
    std::int32_t lanes;    ///< likewise: of a vector
    std::int32_t n_inputs;
};

/// All traces 0.
TraceState initial_traces(const Synapses& synapses, const std::shared_ptr<BufferPool>& pool);
/// Traces as of each neuron's last event: its last input spike, at `last_event`, or a later one of its own.
std::vector<double> neuron_traces(const Synapses& synapses, const TraceState& state);
std::vector<double> synaptic_traces(const Synapses& synapses, const Plasticity& rule, const TraceState& state,
                                    double last_event);
/// Overwrites the traces with values as of each neuron's last event. An empty part is left as it is.
void assign(const Synapses& synapses, const Traces& values, double last_event, TraceState& state);

/// What the samples of a batch have learned, each from the weights `before`, which only several samples ask for: added
/// up in the first of them. Throws NonFinite if the weights would not be; `samples` are then of no further use.
void combine_learned(const std::byte* before, const std::vector<PooledBuffer*>& samples, int value_bytes,
                     BatchUpdate update, const std::string& node_name);

}  // namespace evsim
